"""html.parser of the standard library."""

import sys

import atheris

with atheris.instrument_imports():
    import html.parser


def TestOneInput(data):
    parser = html.parser.HTMLParser()
    parser.feed(data.decode("utf-8", "replace"))
    parser.close()


atheris.Setup(sys.argv, TestOneInput)
atheris.Fuzz()
