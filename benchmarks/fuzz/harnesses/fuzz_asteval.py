"""Expressions by asteval, which walks the tree that Python's own parser makes."""

import io
import sys

import atheris

with atheris.instrument_imports(include=["asteval"]):
    import asteval


@atheris.instrument_func
def TestOneInput(data):
    provider = atheris.FuzzedDataProvider(data)
    interpreter = asteval.Interpreter(use_numpy=False, minimal=True, writer=io.StringIO(), err_writer=io.StringIO())
    interpreter(provider.ConsumeUnicodeNoSurrogates(40))


atheris.Setup(sys.argv, TestOneInput)
atheris.Fuzz()
