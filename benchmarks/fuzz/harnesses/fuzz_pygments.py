"""Pygments 2.7.3: its lexer for Standard ML hangs."""

import sys

import atheris
import began

with atheris.instrument_imports(include=["pygments"]):
    from pygments.lexers.ml import SMLLexer

LEXER = SMLLexer()


@atheris.instrument_func
def TestOneInput(data):
    began.note()
    for _ in LEXER.get_tokens(data.decode("utf-8", "replace")):
        pass


atheris.Setup(sys.argv, TestOneInput)
atheris.Fuzz()
