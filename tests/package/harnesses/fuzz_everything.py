"""instrument_all() over a large library."""

import sys

import atheris
from sqlalchemy import create_engine, exc, text
from sqlalchemy.dialects import sqlite  # noqa: F401, as create_engine() imports it by name

engine = create_engine("sqlite://")


def TestOneInput(data):
    provider = atheris.FuzzedDataProvider(data)
    statement = provider.ConsumeUnicodeNoSurrogates(60)
    try:
        compiled = str(text(statement).compile(engine))
    except exc.SQLAlchemyError:
        return
    if ":" in statement and "?" in compiled:
        raise AssertionError(compiled)


atheris.instrument_all()
atheris.Setup(sys.argv, TestOneInput)
atheris.Fuzz()
