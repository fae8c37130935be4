"""Pygments: Python source is lexed and becomes HTML."""

import zlib
from collections.abc import Callable

import pygments
import pygments.filter
import pygments.formatter
import pygments.formatters.html
import pygments.lexer
import pygments.lexers.python
import pygments.token
import pygments.util

from workloads.sources import parts

INSTRUMENTED = [
    pygments,
    pygments.filter,
    pygments.formatter,
    pygments.formatters.html,
    pygments.lexer,
    pygments.lexers.python,
    pygments.token,
    pygments.util,
]
ITERATIONS = 480


def prepare() -> Callable[[int], int]:
    sources = parts()
    lexer = pygments.lexers.python.PythonLexer()
    formatter = pygments.formatters.html.HtmlFormatter()

    def run(iteration: int) -> int:
        return zlib.crc32(pygments.highlight(sources[iteration % len(sources)], lexer, formatter).encode())

    return run
