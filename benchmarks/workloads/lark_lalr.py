"""lark, LALR with its contextual lexer: a small language is parsed and evaluated by a transformer."""

import random
from collections.abc import Callable
from typing import Any

import lark
import lark.lexer
import lark.parse_tree_builder
import lark.parser_frontends
import lark.parsers.lalr_parser
import lark.parsers.lalr_parser_state
import lark.tree
import lark.visitors

INSTRUMENTED = [
    lark.lexer,
    lark.parse_tree_builder,
    lark.parser_frontends,
    lark.parsers.lalr_parser,
    lark.parsers.lalr_parser_state,
    lark.tree,
    lark.visitors,
]
ITERATIONS = 56

GRAMMAR = r"""
start: statement+
?statement: NAME "=" expression ";" -> assign
          | "print" expression ";"  -> output
          | "if" expression "{" statement* "}" -> branch
?expression: expression "<" sum -> less | sum
?sum: sum "+" product -> add | sum "-" product -> subtract | product
?product: product "*" atom -> multiply | atom
?atom: NUMBER -> number | NAME -> variable | "(" expression ")" | NAME "(" [expression ("," expression)*] ")" -> call
%import common.CNAME -> NAME
%import common.NUMBER
%import common.WS
%ignore WS
%ignore /#[^\n]*/
"""


class Evaluate(lark.Transformer):  # type: ignore[type-arg]
    def __init__(self) -> None:
        super().__init__()
        self.output_sum = 0

    def number(self, children: list[Any]) -> int:
        return int(children[0])

    def variable(self, children: list[Any]) -> int:
        return len(children[0])

    def add(self, children: list[int]) -> int:
        return children[0] + children[1] & 0xFFFFFFFF

    def subtract(self, children: list[int]) -> int:
        return children[0] - children[1]

    def multiply(self, children: list[int]) -> int:
        return children[0] * children[1] & 0xFFFFFFFF

    def less(self, children: list[int]) -> int:
        return int(children[0] < children[1])

    def call(self, children: list[Any]) -> int:
        return sum(child for child in children[1:] if child is not None)

    def assign(self, children: list[Any]) -> int:
        return children[1]

    def output(self, children: list[int]) -> int:
        self.output_sum = self.output_sum * 31 + children[0] & 0xFFFFFFFF
        return 0

    def branch(self, children: list[Any]) -> int:
        return len(children)


def prepare() -> Callable[[int], int]:
    rng = random.Random(3)

    def expression(depth: int) -> str:
        if depth == 0:
            return rng.choice([str(rng.randrange(1000)), f"name{rng.randrange(30)}"])
        left, right = expression(depth - 1), expression(rng.randrange(depth))
        return rng.choice([f"{left} + {right}", f"({left}) * {right}", f"{left} - {right}", f"f({left}, {right})"])

    def statement(depth: int) -> str:
        kind = rng.randrange(4 if depth else 3)
        if kind == 3:
            body = "".join(statement(depth - 1) for _ in range(4))
            return f"if {expression(1)} < {expression(1)} {{ # comment\n{body}}}\n"
        return f"print {expression(3)};\n" if kind else f"name{rng.randrange(30)} = {expression(3)};\n"

    programs = ["".join(statement(2) for _ in range(2)) for _ in range(8)]
    parser = lark.Lark(GRAMMAR, parser="lalr", propagate_positions=True)

    def run(iteration: int) -> int:
        evaluate = Evaluate()
        evaluate.transform(parser.parse(programs[iteration % len(programs)]))
        return evaluate.output_sum

    return run
