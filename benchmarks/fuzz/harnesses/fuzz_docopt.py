"""Command lines by docopt, which reads its grammar anew for each."""

import contextlib
import io
import sys

import atheris

with atheris.instrument_imports():
    import docopt

USAGE = """Usage:
  tool copy [--mode=MODE] SOURCE [TARGET]
  tool show [-v...] [NAME...]
  tool (-h | --version)

Options:
  --mode=MODE  fast or safe [default: safe]
  -v           more
"""


@atheris.instrument_func
def TestOneInput(data):
    provider = atheris.FuzzedDataProvider(data)
    words = provider.ConsumeUnicodeNoSurrogates(60).split(" ")
    with contextlib.redirect_stdout(io.StringIO()):
        try:
            docopt.docopt(USAGE, words, version="1")
        except SystemExit:
            return


atheris.Setup(sys.argv, TestOneInput)
atheris.Fuzz()
