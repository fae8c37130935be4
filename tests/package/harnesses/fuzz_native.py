"""An extension module with probes in its C code; it crashes."""

import sys

import atheris
import fragile


@atheris.instrument_func
def TestOneInput(data):
    fragile.check(data)


atheris.Setup(sys.argv, TestOneInput)
atheris.Fuzz()
