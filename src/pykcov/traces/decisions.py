"""The decisions of a source file, and the conditions that they are made of.

A *decision* is what an `if`, a `while`, an `assert`, a conditional expression, a filter of a comprehension or a guard
of a case tests, and every `and`, `or` and chained comparison whose value is used otherwise. Its *conditions* are the
operands that `and`, `or`, `not` and the links of a chain combine.

A condition has *decided* if the outcome would have been another one had it been the other way round. Short circuits
hide operands: where the right operand of an `or` is true, or that of an `and` is false, what stands left of it did not
matter, it was *masked*. This is masking MC/DC, by the algorithm of gcc's -fcondition-coverage (arXiv 2501.02133): from
condition to condition goes a set of those that may still decide, each with its value, and loses what is masked. What
is in it when the decision is over, has decided. The set depends on the way that was taken, so a condition that several
ways lead to has several *states*.
"""

import _ast as ast
from collections.abc import Iterator
from functools import cached_property
from typing import Any, NamedTuple

from pykcov.traces.facts import Fact

State = frozenset[tuple[int, bool]]
"""Conditions that may still decide, by number, and their values."""

Span = tuple[int, int, int, int]
"""First line and column, last line and the column behind it."""

_STATES_MAX = 256
"""Of a decision with more, it is not told what decided."""


class Condition(NamedTuple):
    """An operand of a decision, without the `not` before it."""

    span: Span
    negative: bool | None
    """Of `is` and `in`: False; of `is not` and `not in`: True. Compilers may make one of the other."""

    def fact(self, outcome: int) -> Fact:
        """Return that it was seen in some way."""
        return (*self.span, outcome)


class Step(NamedTuple):
    """What comes next when a condition has its value."""

    following: tuple[int, ...]
    """The condition that is evaluated next; one of them, if a conditional expression stands there; () if none is."""
    state: State


class Formula:
    """A part of a decision."""

    __slots__ = ("is_chain", "is_or", "kind", "number", "parent", "parts", "place", "span", "value")

    def __init__(self, kind: str, span: Span, parts: "list[Formula]") -> None:
        """`kind`: 'condition', 'constant', 'not', 'ways' (of a conditional expression), or 'operation' (and, or)."""
        self.kind = kind
        self.span = span
        self.parts = parts
        self.parent: Formula | None = None
        self.place = 0
        self.is_chain = False  # of comparisons; the span of each is that of its right operand
        self.is_or = False
        self.value = False  # of a constant
        self.number = -1  # of a condition
        for place, part in enumerate(parts):
            part.parent, part.place = self, place

    def conditions(self) -> Iterator[int]:
        """Yield the numbers of all conditions in it."""
        if self.kind == "condition":
            yield self.number
        for part in self.parts:
            yield from part.conditions()

    def enter(self, state: State) -> Step:
        """Return what is evaluated first."""
        if self.kind == "condition":
            return Step((self.number,), state)
        if self.kind == "constant":
            return self.leave(self.value, state)
        steps = [part.enter(state) for part in (self.parts if self.kind == "ways" else self.parts[:1])]
        return Step(tuple(number for step in steps for number in step.following), steps[0].state)

    def leave(self, value: bool, state: State) -> Step:
        """Return what is evaluated next when this has a value."""
        parent = self.parent
        if parent is None:
            return Step((), state)
        if parent.kind == "not":
            return parent.leave(not value, state)
        if parent.kind == "ways":
            return parent.leave(value, state)
        if value == parent.is_or:
            masked = {number for part in parent.parts[: self.place] for number in part.conditions()}
            return parent.leave(value, frozenset(one for one in state if one[0] not in masked))
        if self.place + 1 < len(parent.parts):
            return parent.parts[self.place + 1].enter(state)
        return parent.leave(value, state)


class Decision:
    """A decision."""

    def __init__(self, span: Span, formula: Formula, conditions: list[Condition], is_value: bool) -> None:
        """`is_value`: it is made for its value, and nothing tests the last operand."""
        self.span = span
        self.formula = formula
        self.conditions = conditions
        self.is_value = is_value
        self.states: list[list[State]] = [[] for _ in conditions]
        """By number of a condition: what may still decide when it is evaluated."""

    @cached_property
    def steps(self) -> dict[tuple[int, bool], list[Step]]:
        """By number and value of a condition: what comes next, for each of its states."""
        steps: dict[tuple[int, bool], list[Step]] = {}
        first = self.formula.enter(frozenset())
        reached = [(number, first.state) for number in first.following]
        by_number = self._formulas
        total = 0
        while reached:
            number, state = reached.pop()
            if state in self.states[number]:
                continue
            self.states[number].append(state)
            total += 1
            if total > _STATES_MAX:
                return {}
            for value in (False, True):
                step = by_number[number].leave(value, state | {(number, value)})
                steps.setdefault((number, value), []).append(step)
                reached += [(following, step.state) for following in step.following]
        # In an order that is the same for conditions of which one comes next.
        for number, states in enumerate(self.states):
            order = sorted(range(len(states)), key=lambda at: sorted(states[at]))
            self.states[number] = [states[at] for at in order]
            for value in (False, True):
                if (number, value) in steps:
                    steps[number, value] = [steps[number, value][at] for at in order]
        return steps

    @cached_property
    def is_shared(self) -> bool:
        """Whether a condition that is tested has several states, and these are the same for all that may come next."""
        if not self.steps:
            return False
        alike = all(
            self.states[number] == self.states[step.following[0]]
            and self.is_untested(number) == self.is_untested(step.following[0])
            for steps in self.steps.values()
            for step in steps
            for number in step.following
        )
        numbers = range(len(self.conditions))
        return alike and any(len(self.states[number]) > 1 and not self.is_untested(number) for number in numbers)

    @cached_property
    def _formulas(self) -> dict[int, Formula]:
        found = {}
        open_ = [self.formula]
        while open_:
            formula = open_.pop()
            open_ += formula.parts
            if formula.kind == "condition":
                found[formula.number] = formula
        return found

    def is_untested(self, number: int) -> bool:
        """Return whether a condition is the last operand of a decision that is made for its value."""
        if not self.is_value:
            return False
        formula = self._formulas[number]
        while formula.parent is not None:
            if formula.place + 1 < len(formula.parent.parts):
                return False
            formula = formula.parent
        return True


def decisions_of(source: bytes | str, file: str) -> list[Decision]:
    """Return the decisions of a source file in order. Raises what compile() raises."""
    tree = compile(source, file, "exec", _ONLY_AST, dont_inherit=True)
    found = _Search(tree).decisions
    return sorted(found, key=lambda decision: decision.span)


_NEGATIVE = {ast.Is: False, ast.In: False, ast.IsNot: True, ast.NotIn: True}
_ONLY_AST = 0x400  # PyCF_ONLY_AST of ast, which takes long to import


def _span(node: Any) -> Span:
    return node.lineno, node.col_offset, node.end_lineno, node.end_col_offset


class _Search:
    def __init__(self, tree: Any) -> None:
        self.decisions: list[Decision] = []
        self.conditions: list[Condition] = []
        self.open: list[Any] = [tree]
        while self.open:
            self._visit(self.open.pop())

    def _visit(self, node: Any) -> None:
        """Look for decisions in a node that is none itself, or is one for its value."""
        kind = type(node)
        tested: list[Any] = []
        if kind in (ast.If, ast.While, ast.IfExp, ast.Assert):
            tested = [node.test]
        elif kind is ast.comprehension:
            tested = node.ifs
        elif kind is ast.match_case and node.guard is not None:
            tested = [node.guard]
        elif kind is ast.BoolOp or (kind is ast.Compare and len(node.ops) > 1):
            self._decide(node, True)
            return
        for test in tested:
            self._decide(test, False)
        for name in node._fields:
            value = getattr(node, name, None)
            for child in value if type(value) is list else (value,):
                if isinstance(child, ast.AST) and not any(child is test for test in tested):
                    self.open.append(child)

    def _decide(self, node: Any, is_value: bool) -> None:
        outer, self.conditions = self.conditions, []
        formula = self._chain(node) if type(node) is ast.Compare and is_value else self._formula(node, is_value)
        if self.conditions:
            self.decisions.append(Decision(_span(node), formula, self.conditions, is_value))
        self.conditions = outer

    def _formula(self, node: Any, is_value: bool) -> Formula:
        kind = type(node)
        span = _span(node)
        if kind is ast.BoolOp:
            formula = Formula("operation", span, [self._formula(part, is_value) for part in node.values])
            formula.is_or = type(node.op) is ast.Or
            return formula
        if kind is ast.Compare and len(node.ops) > 1 and not is_value:
            return self._chain(node)
        if kind is ast.UnaryOp and type(node.op) is ast.Not and not (is_value and _is_compound(node.operand)):
            return Formula("not", span, [self._formula(node.operand, is_value)])
        if kind is ast.IfExp and not is_value:
            self._decide(node.test, False)
            return Formula("ways", span, [self._formula(way, is_value) for way in (node.body, node.orelse)])
        if kind is ast.Constant:
            formula = Formula("constant", span, [])
            formula.value = bool(node.value)
            return formula
        self.open.append(node)
        ops = node.ops if kind is ast.Compare else []
        return self._condition(span, span, _NEGATIVE.get(type(ops[0])) if len(ops) == 1 else None)

    def _chain(self, node: Any) -> Formula:
        operands = [node.left, *node.comparators]
        self.open += operands
        links = []
        for number, op in enumerate(node.ops):
            left, right = _span(operands[number]), _span(operands[number + 1])
            links.append(self._condition((*left[:2], *right[2:]), right, _NEGATIVE.get(type(op))))
        chain = Formula("operation", _span(node), links)
        chain.is_chain = True
        return chain

    def _condition(self, span: Span, evaluated: Span, negative: bool | None) -> Formula:
        """`evaluated`: what is evaluated just before the condition is tested."""
        formula = Formula("condition", evaluated, [])
        formula.number = len(self.conditions)
        self.conditions.append(Condition(span, negative))
        return formula


def _is_compound(node: Any) -> bool:
    """Return whether a part of a decision for its value is a condition as a whole, with the `not` before it."""
    while type(node) is ast.UnaryOp and type(node.op) is ast.Not:
        node = node.operand
    return type(node) in (ast.BoolOp, ast.IfExp) or (type(node) is ast.Compare and len(node.ops) > 1)
