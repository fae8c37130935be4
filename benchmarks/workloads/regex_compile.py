"""re: patterns are parsed, optimised and compiled by re._parser and re._compiler."""

import re._compiler
import re._parser
from collections.abc import Callable

INSTRUMENTED = [re._parser, re._compiler]
ITERATIONS = 132

PATTERNS = [
    r"(?P<year>\d{4})-(?P<month>0[1-9]|1[0-2])-(?P<day>[0-2]\d|3[01])(?:T(?P<hour>\d\d):(?P<minute>\d\d)(?::(\d\d))?)?",
    r"^(?:[a-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[a-z0-9!#$%&'*+/=?^_`{|}~-]+)*)@(?:[a-z0-9](?:[a-z0-9-]*[a-z0-9])?\.)+[a-z]{2,}$",
    r"\b(?:False|None|True|and|as|assert|async|await|break|class|continue|def|del|elif|else|except|finally|for|from)\b",
    r"(?<![\w.])0[xX](?:_?[0-9a-fA-F])+|0[bB](?:_?[01])+|(?:0(?:_?0)*|[1-9](?:_?[0-9])*)(?=\W|$)",
    r"(?s)/\*.*?\*/|//[^\n]*|\"(?:[^\"\\]|\\.)*\"|'(?:[^'\\]|\\.)*'",
    r"(a|b(c|d(e|f(g|h)*)+)?){2,5}?(?(1)x|y)(?=z)(?!w)\1[^\W\d_]+[α-ω]*",
]


def prepare() -> Callable[[int], int]:
    def run(iteration: int) -> int:
        checksum = 0
        pattern = PATTERNS[iteration % len(PATTERNS)]
        for flags in (0, re.IGNORECASE, re.ASCII | re.MULTILINE):
            checksum = checksum * 31 + len(re._parser.parse(pattern, flags))
            checksum += re._compiler.compile(pattern, flags).groups
        return checksum

    return run
