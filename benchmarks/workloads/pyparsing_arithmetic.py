"""pyparsing: expressions by a grammar of combinators."""

import zlib
from collections.abc import Callable

import pyparsing
import pyparsing.core
import pyparsing.helpers
import pyparsing.results
import pyparsing.util

INSTRUMENTED = [pyparsing.core, pyparsing.helpers, pyparsing.results, pyparsing.util]
ITERATIONS = 1500


def prepare() -> Callable[[int], int]:
    operand = pyparsing.Word(pyparsing.nums) | pyparsing.Word(pyparsing.alphas)
    grammar = pyparsing.infix_notation(
        operand,
        [
            (pyparsing.one_of("+ -"), 1, pyparsing.OpAssoc.RIGHT),
            (pyparsing.one_of("* /"), 2, pyparsing.OpAssoc.LEFT),
            (pyparsing.one_of("+ -"), 2, pyparsing.OpAssoc.LEFT),
        ],
    )

    def run(iteration: int) -> int:
        text = f"a * (b + {iteration % 9}) - -c / 2 + (x - y) * z"
        return zlib.crc32(str(grammar.parse_string(text, parse_all=True).as_list()).encode())

    return run
