"""Random decisions, and what an evaluation of the source tree by hand sees of their conditions."""

import ast
import types
from collections.abc import Callable
from contextlib import suppress
from itertools import pairwise
from typing import Any

from hypothesis import strategies as st

Seen = tuple[str, bool, bool]
"""A condition as the source has it, its value, and whether it decided."""


class Truth:
    """Something that is true or false, and says each time that it is asked."""

    def __init__(self, name: str, world: "World") -> None:
        self.name = name
        self.world = world

    def __bool__(self) -> bool:
        self.world.asked.append(self.name)
        return self.world.values[self.name]

    def __lt__(self, other: "Truth") -> "Truth":
        return Truth(f"{self.name} < {other.name}", self.world)

    def __repr__(self) -> str:
        return self.name


class Nudge(Exception):
    """Thrown into what is awaited, which goes on all the same."""


@types.coroutine
def _after_a_while(value: Any) -> Any:
    with suppress(Nudge):
        yield
    return value


class World:
    """The names of a decision and their values."""

    def __init__(self, values: dict[str, bool], awaits: bool = False) -> None:
        self.values = values
        self.asked: list[str] = []
        names = {name for key in values for name in key.split(" < ")}
        self.names: dict[str, Any] = {name: Truth(name, self) for name in names}
        self.names["call"] = _after_a_while if awaits else lambda value: value


class Evaluation:
    """Evaluates decisions, each on its own, and notes what is seen of their conditions."""

    def __init__(self, source: str, values: dict[str, bool]) -> None:
        self.source = source
        self.values = values
        self.seen: set[Seen] = set()
        self.log: list[list[Any]] = []
        self.is_known = True

    def decide(self, node: ast.expr, is_value: bool) -> bool:
        """Evaluate a decision; `is_value`: nothing tests its last operand."""
        outer = self.log, self.is_known
        self.log, self.is_known = [], True
        compared = isinstance(node, ast.Compare) and len(node.ops) > 1
        value = self.chain(node, is_value) if compared else self.part(node, is_value, is_value)
        for name, was, masked in self.log:
            self.seen.add((name, was, False))
            if self.is_known and not masked:
                self.seen.add((name, was, True))
        self.log, self.is_known = outer
        return value

    def part(self, node: ast.expr, is_value: bool, is_last: bool) -> bool:
        if isinstance(node, ast.BoolOp):
            short = isinstance(node.op, ast.Or)
            start = len(self.log)
            for operand in node.values:
                before = len(self.log)
                value = self.part(operand, is_value, is_last and operand is node.values[-1])
                if value == short:
                    for one in self.log[start:before]:
                        one[2] = True
                    break
            return value
        if isinstance(node, ast.UnaryOp) and not (is_value and compound(node)):
            return not self.part(node.operand, is_value, is_last)
        if isinstance(node, ast.IfExp) and not is_value:
            return self.part(node.body if self.decide(node.test, False) else node.orelse, False, False)
        if isinstance(node, ast.Compare) and len(node.ops) > 1 and not is_value:
            return self.chain(node, False)
        return self.condition(node, self.operand(node), is_last)

    def chain(self, node: Any, is_last: bool) -> bool:
        operands = [node.left, *node.comparators]
        for number in range(len(node.ops)):
            start = len(self.log)
            name = f"{operands[number].id} < {operands[number + 1].id}"
            value = self.condition(name, self.values[name], is_last and number + 1 == len(node.ops))
            if not value:
                for one in self.log[:start]:
                    if one[0] in {f"{a.id} < {b.id}" for a, b in pairwise(operands)}:
                        one[2] = True
                break
        return value

    def condition(self, node: ast.expr | str, value: bool, is_last: bool) -> bool:
        name = node if isinstance(node, str) else str(ast.get_source_segment(self.source, node))
        if is_last:
            self.is_known = False
        else:
            self.log.append([name, value, False])
        return value

    def operand(self, node: ast.expr) -> bool:
        """Return the value of a condition, with the decisions in it made."""
        if isinstance(node, ast.Name):
            return self.values[node.id]
        if isinstance(node, ast.Constant):
            return bool(node.value)
        if isinstance(node, ast.Call):
            return self.operand(node.args[0])
        if isinstance(node, ast.NamedExpr | ast.Await):
            return self.operand(node.value)
        if isinstance(node, ast.UnaryOp):
            return not self.operand(node.operand)
        if isinstance(node, ast.IfExp):
            return self.operand(node.body if self.decide(node.test, False) else node.orelse)
        return self.decide(node, True)


def compound(node: ast.expr) -> bool:
    while isinstance(node, ast.UnaryOp):
        node = node.operand
    return isinstance(node, ast.BoolOp | ast.IfExp) or (isinstance(node, ast.Compare) and len(node.ops) > 1)


def _numbered(template: str) -> str:
    """Give each operand of a template a name of its own."""
    parts = template.split("?")
    return parts[0] + "".join(f"v{number}{part}" for number, part in enumerate(parts[1:]))


def _operation(parts: list[str], op: str) -> str:
    return "(" + f" {op} ".join(parts) + ")"


_LEAVES = st.sampled_from(["?"] * 8 + ["call(?)", "(n := ?)", "(? < ? < ?)"])
EXPRESSIONS = st.recursive(
    _LEAVES,
    lambda inner: st.one_of(
        st.builds(_operation, st.lists(inner, min_size=2, max_size=3), st.sampled_from(["and", "or"])),
        st.builds(_operation, st.lists(inner, min_size=2, max_size=3), st.sampled_from(["and", "or"])),
        inner.map("(not {})".format),
        st.tuples(inner, inner, inner).map("({0[0]} if {0[1]} else {0[2]})".format),
        inner.map("call({})".format),
    ),
    max_leaves=6,
).filter(lambda template: 1 < template.count("?") < 9)
FORMS = {
    "if": "def f():\n    if {}:\n        return 1\n    return 2\n",
    "if not": "def f():\n    if not {}: return 1\n    return 2\n",
    "else": "def f():\n    if {}: x = 1\n    else: x = 2\n    return x\n",
    "while": "def f():\n    n = 0\n    while {}:\n        n += 1\n        if n > 1:\n            break\n    return n\n",
    "ternary": "def f():\n    return 1 if {} else 2\n",
    "assert": "def f():\n    try:\n        assert {}\n    except AssertionError: return 1\n    return 2\n",
    "filter": "def f():\n    return [i for i in range(2) if {}]\n",
    "generator": "def f():\n    return list(i for i in range(2) if {} if i)\n",
    "value": "def f():\n    x = {}\n    return x\n",
    "returned": "def f():\n    return {}\n",
    "guard": "def f():\n    match 1:\n        case 1 if {}: return 1\n        case x: return x\n",
    "finally": "def f():\n    try:\n        if {}: raise ValueError\n    except ValueError: return 3\n    finally:\n"
    "        if call(1): pass\n    return 2\n",
    "lambda": "f = lambda: {}\n",
    "any": "def f():\n    return any({} for i in range(2))\n",
}


OTHERS = {"i", "n > 1", "call(1)", "await call(1)"}
"""Conditions of the forms themselves."""


def in_coroutine(source: str) -> str | None:
    """Return the same program as a coroutine function, which awaits what it calls; None if it has no such form."""
    if not source.startswith("def") or "list(" in source or "any(" in source:
        return None
    return "async " + source.replace("call(", "await call(")


def expected(source: str, values: dict[str, bool]) -> set[Seen]:
    """Return what is seen of the conditions of a program."""
    evaluation = Evaluation(source, values)
    decision, is_value = _decision(source)
    if is_value:
        evaluation.operand(decision)
    else:
        evaluation.decide(decision, False)
    return evaluation.seen


def _decision(source: str) -> tuple[ast.expr, bool]:
    """Return the expression that was put into a form, the one with the greatest number of names, and whether that is
    there for its value.
    """
    names = len(_names(ast.parse(source)))
    open_: list[tuple[ast.AST, bool]] = [(ast.parse(source), True)]
    while open_:
        node, is_value = open_.pop()
        if isinstance(node, ast.expr) and len(_names(node)) == names and not _is_around(node):
            return node, is_value
        tests = [getattr(node, name) for name in ("test", "guard") if getattr(node, name, None) is not None]
        tests += getattr(node, "ifs", [])
        open_ += [(child, child not in tests) for child in ast.iter_child_nodes(node)]
    raise AssertionError(source)


def _is_around(node: ast.expr) -> bool:
    if isinstance(node, ast.Call):
        return isinstance(node.func, ast.Name) and node.func.id in ("any", "list")
    return isinstance(node, ast.Lambda | ast.ListComp | ast.GeneratorExp)


def _names(node: ast.AST) -> set[str]:
    return {one.id for one in ast.walk(node) if isinstance(one, ast.Name) and one.id.startswith("v")}


def names_in(source: str) -> list[str]:
    """Return what has a truth of its own: operands, and the links of chains."""
    tree = ast.parse(source)
    names = _names(tree)
    for node in ast.walk(tree):
        if isinstance(node, ast.Compare) and len(node.ops) > 1:
            operands: list[Any] = [node.left, *node.comparators]
            names |= {f"{left.id} < {right.id}" for left, right in pairwise(operands)}
    return sorted(names)


@st.composite
def programs(draw: Callable[[Any], Any]) -> str:
    """Draw a source with one decision, of which the operands are all different names."""
    form = draw(st.sampled_from(sorted(FORMS)))
    return FORMS[form].format(_numbered(draw(EXPRESSIONS)))
