"""JSON by ujson, a parser in C: an execution takes hardly longer than what is done around it."""

import sys

import atheris

with atheris.instrument_imports():
    import ujson


@atheris.instrument_func
def TestOneInput(data):
    provider = atheris.FuzzedDataProvider(data)
    try:
        ujson.loads(provider.ConsumeUnicodeNoSurrogates(provider.remaining_bytes()))
    except ValueError:
        return


atheris.Setup(sys.argv, TestOneInput)
atheris.Fuzz()
