"""pycparser: C becomes a tree, and C again."""

import zlib
from collections.abc import Callable

import pycparser
import pycparser.c_ast
import pycparser.c_generator
import pycparser.c_lexer
import pycparser.c_parser

INSTRUMENTED = [pycparser.c_ast, pycparser.c_generator, pycparser.c_lexer, pycparser.c_parser]
ITERATIONS = 450

SOURCE = """
typedef struct node { int value; struct node *next; } node;
static int sum(const node *list, int (*f)(int)) {
    int total = 0;
    for (; list != 0; list = list->next)
        total += f ? f(list->value) : list->value << 2;
    while (total > 100) { total /= 2; if (total == 7) break; else continue; }
    return total ? -total : (int)sizeof(node);
}
"""


def prepare() -> Callable[[int], int]:
    parser = pycparser.c_parser.CParser()
    generator = pycparser.c_generator.CGenerator()

    def run(iteration: int) -> int:
        tree = parser.parse(SOURCE + f"int last[{iteration % 9 + 1}];\n")
        return zlib.crc32(generator.visit(tree).encode())

    return run
