"""Dates in words by python-dateutil 2.8.2."""

import sys

import atheris

with atheris.instrument_imports():
    import dateutil.parser


def TestOneInput(data):
    provider = atheris.FuzzedDataProvider(data)
    try:
        dateutil.parser.parse(provider.ConsumeUnicode(atheris.ALL_REMAINING))
    except (dateutil.parser.ParserError, OverflowError):
        pass


atheris.Setup(sys.argv, TestOneInput)
atheris.Fuzz()
