"""Where the probes of granularity "condition" stand, beside those of "arc": on both ways on from each condition.

The way on is the only one into a block: then a probe at its start shows what was seen of the condition. Else the edges
into the block are told apart by pads, as those of arcs are (evidence.py).
"""

from collections.abc import Mapping, Sequence
from types import CodeType

from pykcov.decisions import Formula
from pykcov.facts import FALSE, FALSE_DECIDED, TRUE, TRUE_DECIDED, Fact
from pykcov.instrument.arcs import LineGraph
from pykcov.instrument.blocks import Blocks
from pykcov.instrument.conditions import Test, find_tests, source_of
from pykcov.instrument.controlflow import Jump
from pykcov.instrument.evidence import Evidence, Pad, Shown
from pykcov.instrument.opcodes import TESTS, UNFAILING
from pykcov.instrument.room import Room
from pykcov.instrument.sites import Position
from pykcov.instrument.skips import skip

Facts = frozenset[Fact]
_NONE: Facts = frozenset()


def add_conditions(
    evidence: Evidence,
    code: CodeType,
    jumps: Sequence[Jump],
    graph: LineGraph,
    blocks: Blocks,
    room: Room,
    positions: Sequence[Position],
) -> Evidence:
    """Return the probes of a code object with those of its conditions."""
    if not any(jump.opcode in TESTS for jump in jumps):
        return evidence
    source = source_of(code.co_filename)
    if source is None:
        skip(code.co_filename, "its source cannot be read: its conditions are not recorded")
        return evidence
    tests = find_tests(source, code.co_code, jumps, positions)
    if not tests:
        return evidence
    taken = {start: _facts(test, test.jumps_if) for start, test in tests.items()}
    passed = {start: _facts(test, not test.jumps_if) for start, test in tests.items()}
    return _Addition(evidence, graph, blocks, room, taken, passed).evidence()


def _facts(test: Test, value: bool) -> Facts:
    """Return what is seen where a jump goes on with this value of what it tests."""
    number = test.number if test.again is None else _certain(test.again, value)
    if number is None:
        return _NONE
    conditions = test.decision.conditions
    facts = {conditions[number].fact(TRUE if value else FALSE)}
    steps = test.decision.steps.get((number, value), [])
    if len(steps) == 1 and not steps[0].following:
        decided = TRUE_DECIDED, FALSE_DECIDED
        facts |= {conditions[one].fact(decided[not was]) for one, was in steps[0].state}
    return frozenset(facts)


def _certain(part: Formula, value: bool) -> int | None:
    """Return which condition surely has a value, the last one evaluated, if a part of a decision has it."""
    while part.kind == "operation" and value != part.is_or:
        part = part.parts[-1]
    return part.number if part.kind == "condition" else None


class _Addition:
    def __init__(
        self,
        evidence: Evidence,
        graph: LineGraph,
        blocks: Blocks,
        room: Room,
        taken: Mapping[int, Facts],
        passed: Mapping[int, Facts],
    ) -> None:
        """`taken`, `passed`: what is seen if a jump jumps, and if not, by its start."""
        self.before = {shown.offset: shown for shown in evidence.before}
        self.pads = dict(evidence.pads)
        self.past = set(evidence.past)
        self.rest = evidence
        self.graph = graph
        self.blocks = blocks
        self.room = room
        self.taken = taken
        self.passed = passed

    def evidence(self) -> Evidence:
        for number in range(len(self.graph.extents)):
            self._enter(number)
        before = [self.before[offset] for offset in sorted(self.before)]
        return self.rest._replace(before=before, pads=self.pads, past=self.past)

    def _enter(self, number: int) -> None:
        start, end = self.graph.extents[number]
        edges = self.graph.into[number]
        taken = {
            edge.jump.start: facts
            for edge in edges
            if edge.jump is not None and edge.jump.conditional and (facts := self.taken.get(edge.jump.start))
        }
        before = self.blocks.ending_at.get(start)
        passed = self.passed.get(before.start, _NONE) if before is not None else _NONE
        if not taken and not passed:
            return
        if len(edges) == 1 and not self.graph.caught[number]:
            self._add_first(start, end, passed.union(*taken.values()))
        elif self.room.free(start, end) == start:
            self._tell_apart(number, start, taken, passed)

    def _add_first(self, start: int, end: int, facts: Facts) -> None:
        """Show facts where a block begins."""
        offset = self.room.free(start, end)
        for later in range(offset, end):
            if later in self.before:
                self.before[later] = _with(self.before[later], facts)
                return
            if self.graph.opcodes[later : later + 1].translate(None, UNFAILING):
                break
        if offset < end:
            self.before[offset] = Shown(offset, frozenset(), frozenset(), facts)

    def _tell_apart(self, number: int, start: int, taken: Mapping[int, Facts], passed: Facts) -> None:
        edges = self.graph.into[number]
        pads = [Pad(pad.shown, list(pad.jumps)) for pad in self.pads.get(start, [])]
        runs_on = any(edge.jump is None for edge in edges) or bool(self.graph.caught[number])
        if runs_on and not pads:
            pads.append(Pad(None, []))
        if passed:
            pads[0] = pads[0]._replace(shown=_with(pads[0].shown, passed, start))
        if start not in self.pads:
            self.past |= {edge.jump.start for edge in edges if edge.jump is not None}
        made: dict[tuple[int, Facts], Pad] = {}
        for jump, facts in taken.items():
            index = next((index for index, pad in enumerate(pads) if jump in pad.jumps), -1)
            if index >= 0:
                pads[index].jumps.remove(jump)
            self.past.discard(jump)
            shown = pads[index].shown if index >= 0 else None
            if runs_on and index == 0 and passed:
                shown = self._shown_before(start)
            made.setdefault((index, facts), Pad(_with(shown, facts, start), [])).jumps.append(jump)
        kept = [pad for at, pad in enumerate(pads) if pad.jumps or (at == 0 and runs_on)]
        self.pads[start] = [*kept, *made.values()]

    def _shown_before(self, start: int) -> Shown | None:
        """Return what the first pad of a block shows without conditions."""
        pads = self.rest.pads.get(start)
        return pads[0].shown if pads else None


def _with(shown: Shown | None, facts: Facts, start: int = 0) -> Shown:
    if shown is None:
        return Shown(start, frozenset(), frozenset(), facts)
    return shown._replace(conditions=shown.conditions | facts)
