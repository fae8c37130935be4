"""A parser that follows the HTML standard, state by state."""

import sys

import atheris

with atheris.instrument_imports(include=["html5lib", "webencodings"]):
    import html5lib


@atheris.instrument_func
def TestOneInput(data):
    html5lib.parse(data.decode("utf-8", "replace"))


atheris.Setup(sys.argv, TestOneInput)
atheris.Fuzz()
