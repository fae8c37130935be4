"""TOML by tomllib of the standard library."""

import sys

import atheris

with atheris.instrument_imports(include=["tomllib"]):
    import tomllib


@atheris.instrument_func
def TestOneInput(data):
    try:
        tomllib.loads(data.decode("utf-8", "replace"))
    except (ValueError, RecursionError):
        return


atheris.Setup(sys.argv, TestOneInput)
atheris.Fuzz()
