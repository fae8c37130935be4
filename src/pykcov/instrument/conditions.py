"""Which conditional jumps of a code object test which conditions of its source (traces/decisions.py).

Since 3.12 a jump has the source position of what it tests: a condition, a chain of comparisons, or, where the value of
an `and` or `or` is used, that one. On 3.11 it mostly has the position of the statement, and what was evaluated just
before it says what it tests. The compiler copies tests (of a `while`, of a `finally`): a condition may have several
jumps.
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from pykcov.instrument.controlflow import Jump
from pykcov.instrument.opcodes import (
    CACHE,
    CONTAINMENTS,
    COPY,
    JUMPS_IF_NONE,
    JUMPS_IF_TRUE,
    SWAP,
    TEST_PREFIXES,
    TESTS,
    TESTS_KEEPING,
    UNARY_NOT,
)
from pykcov.instrument.sites import Position
from pykcov.instrument.versions import fact
from pykcov.traces.decisions import Decision, Formula, Span, decisions_of


class Test(NamedTuple):
    """What a conditional jump tests."""

    decision: Decision
    number: int
    """Of the condition."""
    jumps_if: bool
    """The value of the condition with which it jumps."""
    above: tuple[int, int] = (0, 0)
    """How many values of the decision are still on the stack if it runs on, and if it jumps."""
    again: Formula | None = None
    """Not None: it tests the value of this part of the decision, which was tested on some of the ways there before."""
    onto: int = -1
    """If it jumps to where its value is tested again: the start of that jump."""


class Source:
    """The decisions of a source file, by their positions."""

    def __init__(self, decisions: Iterable[Decision]) -> None:
        """Sort them."""
        self.conditions: dict[Span, tuple[Decision, Formula]] = {}
        """Those that are tested by themselves."""
        self.chains: dict[Span, tuple[Decision, Formula]] = {}
        self.operations: dict[Span, tuple[Decision, Formula]] = {}
        """`and` and `or` that are there for their values."""
        for decision in decisions:
            parts = [decision.formula]
            while parts:
                part = parts.pop()
                if part.is_chain:
                    self.chains[part.span] = decision, part
                    continue
                if part.kind == "operation" and decision.is_value:
                    self.operations[part.span] = decision, part
                if part.kind == "condition" and not decision.is_value:
                    self.conditions[part.span] = decision, part
                parts += part.parts
        self._on_line: dict[int, list[Span]] = {}
        for span in self.conditions:
            for line in range(span[0], span[2] + 1):
                self._on_line.setdefault(line, []).append(span)

    def around(self, span: Span) -> Span | None:
        """Return the smallest condition that a position lies in."""
        found = [one for one in self._on_line.get(span[0], ()) if _contains(one, span)]
        return min(found, key=_extent) if found else None


def _around(formula: Formula, span: Span | None) -> Formula | None:
    """Return the part of a formula that a position lies in."""
    return next((part for part in formula.parts if span is not None and _contains(part.span, span)), None)


def _contains(outer: Span, inner: Span) -> bool:
    return outer[:2] <= inner[:2] and inner[2:] <= outer[2:]


def _extent(span: Span) -> tuple[int, int]:
    lines = span[2] - span[0]
    return lines, span[3] - span[1] if not lines else 0


_sources: dict[str, Source | None] = {}
_SOURCES_MAX = 8
"""Code comes file by file."""


def source_of(file: str) -> Source | None:
    """Return the decisions of a file; None if there is no source that can be read."""
    if file not in _sources:
        if len(_sources) >= _SOURCES_MAX:
            _sources.clear()
        try:
            with open(file, "rb") as opened:
                _sources[file] = Source(decisions_of(opened.read(), file))
        except (OSError, ValueError, SyntaxError, RecursionError, MemoryError):
            _sources[file] = None
    return _sources[file]


def find_tests(source: Source, code: bytes, jumps: Iterable[Jump], positions: Sequence[Position]) -> dict[int, Test]:
    """Return what the jumps of a code string test, by their starts; only those of which that is known.

    Offsets are in code units; `positions` are those of co_positions().
    """
    search = _Search(source, code, positions)
    found = {}
    tested = [jump for jump in jumps if jump.conditional and jump.opcode in TESTS]
    for jump in tested:
        if (test := search.test(jump)) is not None:
            found[jump.start] = test
    for jump in tested:
        test = found.get(jump.start)
        if test is None or test.again is None:
            continue
        # The way there may be that of an operand that had been tested already.
        own = set(test.again.conditions())
        starts = range(search.before(jump.start)[2], jump.start + 1)
        before = [
            one.start
            for one in tested
            if one.target in starts
            and (other := found.get(one.start))
            and other.decision is test.decision
            and other.number in own
        ]
        found |= {start: found[start]._replace(onto=jump.start) for start in before}
        if not before:
            found[jump.start] = test._replace(again=None)
    return found


class _Search:
    def __init__(self, source: Source, code: bytes, positions: Sequence[Position]) -> None:
        self.source = source
        self.code = code
        self.opcodes = code[::2]
        self.positions = positions

    def test(self, jump: Jump) -> Test | None:
        before, negations, _ = self.before(jump.start)
        span = _span(self.positions[jump.offset])
        if span in self.source.operations:
            return self._of_operation(*self.source.operations[span], jump, before, negations)
        found = self._tested(jump, before)
        if found in self.source.chains:
            decision, chain = self.source.chains[found]
            return self._of_link(decision, chain, jump, before)
        if found in self.source.conditions:
            decision, formula = self.source.conditions[found]
            return self._of_condition(decision, formula.number, jump, before, 0)
        return None

    def _tested(self, jump: Jump, before: int) -> Span | None:
        """Return the condition or chain that a jump tests; what comes just `before` it makes what is tested."""
        at = jump.start - 1
        while at > before and self.opcodes[at] == CACHE:
            at -= 1
        # A jump that was turned around may have the position of what follows.
        for offset in (jump.offset, at, before) if fact("jumps_have_positions") else (at, before):
            span = _span(self.positions[offset])
            if span in self.source.chains or span in self.source.conditions:
                return span
        if fact("inlines_any") and jump.opcode not in JUMPS_IF_NONE:
            return None  # of the loop that any() or all() became
        span = _span(self.positions[before])
        return self.source.around(span) if span is not None else None

    def before(self, offset: int) -> tuple[int, list[Span | None], int]:
        """Return which instruction makes what is tested at an offset, where its `not` are, and what is behind it."""
        negations = []
        at = offset - 1
        while at > 0 and (self.opcodes[at] in TEST_PREFIXES or self.opcodes[at] == UNARY_NOT):
            if self.opcodes[at] == UNARY_NOT:
                negations.append(_span(self.positions[at]))
            at -= 1
        first = at + 1
        while first < offset and self.opcodes[first] == CACHE:
            first += 1
        return at, negations, first

    def _of_operation(
        self, decision: Decision, operation: Formula, jump: Jump, before: int, negations: list[Span | None]
    ) -> Test | None:
        # What was evaluated just before is the last operand of a part, or, if Python has joined jumps, any other.
        span = _span(self.positions[before])
        outermost = part = _around(operation, span)
        while part is not None and part.kind in ("operation", "not"):
            part = _around(part, span)
        if part is None or outermost is None or part.kind != "condition":
            return None
        outside = [one for one in negations if one is None or not _contains(part.span, one)]
        found = self._of_condition(decision, part.number, jump, before, len(outside))
        return found if outermost is part else found._replace(again=outermost)

    def _of_link(self, decision: Decision, chain: Formula, jump: Jump, before: int) -> Test | None:
        at = before - 1
        while at > 0 and (self.opcodes[at] in TEST_PREFIXES or self.opcodes[at] == SWAP):
            at -= 1
        span = _span(self.positions[at])
        for link in chain.parts:
            if span is not None and _contains(link.span, span):
                found = self._of_condition(decision, link.number, jump, before, 0)
                middle = link is not chain.parts[-1]  # which is compared with what comes next
                return found._replace(above=(found.above[0] + middle, found.above[1] + middle))
        return None

    def _of_condition(self, decision: Decision, number: int, jump: Jump, before: int, negations: int) -> Test:
        negative = decision.conditions[number].negative
        if jump.opcode in JUMPS_IF_NONE:
            jumps_if = JUMPS_IF_NONE[jump.opcode] is not bool(negative)
        else:
            jumps_if = jump.opcode in JUMPS_IF_TRUE
            jumps_if ^= negations % 2 == 1
            if negative is not None and self.opcodes[before] in CONTAINMENTS:
                jumps_if ^= bool(self.code[before * 2 + 1] & 1) is not negative
        at = jump.start - 1
        while self.opcodes[at] in TEST_PREFIXES and self.opcodes[at] != COPY:
            at -= 1
        copied = int(self.opcodes[at] == COPY)
        return Test(decision, number, jumps_if, (copied, copied or int(jump.opcode in TESTS_KEEPING)))


def _span(position: Position) -> Span | None:
    line, end_line, column, end_column = position
    if line is None or end_line is None or column is None or end_column is None:
        return None
    return line, column, end_line, end_column
