"""Where the probes of granularity "condition" stand, beside those of "arc": on both ways on from each condition.

The way on is the only one into a block: then a probe at its start shows what was seen of the condition. Else the edges
into the block are told apart by pads, as those of arcs are (evidence.py).
"""

from collections.abc import Mapping, Sequence
from types import CodeType
from typing import NamedTuple

from pykcov.instrument.arcs import LineGraph
from pykcov.instrument.blocks import Blocks
from pykcov.instrument.carried import NOTHING, Carry, Facts, Slots, Way, carried, facts_of, find_slots
from pykcov.instrument.conditions import Test, find_tests, source_of
from pykcov.instrument.controlflow import ControlFlow
from pykcov.instrument.evidence import Evidence, Pad, Shown
from pykcov.instrument.opcodes import TESTS, UNFAILING
from pykcov.instrument.room import Room
from pykcov.instrument.sites import Position
from pykcov.instrument.skips import skip
from pykcov.instrument.stacksize import Depths
from pykcov.traces.decisions import Formula

_NONE: Facts = frozenset()


class Seen(NamedTuple):
    """What there is to do on a way on from a condition."""

    facts: Facts = _NONE
    carry: Carry = NOTHING


def add_conditions(
    evidence: Evidence,
    code: CodeType,
    flow: ControlFlow,
    graph: LineGraph,
    blocks: Blocks,
    room: Room,
    positions: Sequence[Position],
) -> tuple[Evidence, Slots | None]:
    """Return the probes of a code object with those of its conditions, and where states lie on the stack."""
    if not any(jump.opcode in TESTS for jump in flow.jumps):
        return evidence, None
    source = source_of(code.co_filename)
    if source is None:
        skip(code.co_filename, "its source cannot be read: its conditions are not recorded")
        return evidence, None
    tests = find_tests(source, code.co_code, flow.jumps, positions)
    carries = carried(tests)
    if carries:
        passed = {
            number: jump.start for number, start in enumerate(graph.starts) if (jump := blocks.ending_at.get(start))
        }
        targets = {jump.start: jump.target for jump in flow.jumps}
        depths = Depths(code.co_code, flow, graph.handled, graph.starts[0])
        slots = find_slots(graph, carries, passed, targets, depths)
        if slots is not None:
            addition = _Addition(evidence, graph, blocks, room, _ways(tests, carries))
            if addition.is_complete and addition.probes >= max(one.states for one in carries.values()):
                return addition.evidence(), slots
        skip(
            f"{code.co_filename}:{code.co_firstlineno}",
            "of its decisions that mix `and` and `or` it is not told what decided",
        )
    return _Addition(evidence, graph, blocks, room, _ways(tests, {})).evidence(), None


def _ways(tests: Mapping[int, Test], carries: Mapping[Way, Carry]) -> dict[Way, Seen]:
    """Return what there is to do on all ways on from conditions."""
    found = {}
    for start, test in tests.items():
        for jumps in (True, False):
            carry = carries.get((start, jumps), NOTHING)
            seen = Seen(_NONE if carry.chosen else _facts(test, test.jumps_if is jumps), carry)
            if seen != Seen():
                found[start, jumps] = seen
    return found


def _facts(test: Test, value: bool) -> Facts:
    """Return what is seen where a jump goes on with this value of what it tests."""
    number = test.number if test.again is None else _certain(test.again, value)
    if number is None:
        return _NONE
    steps = test.decision.steps.get((number, value), [])
    return facts_of(test.decision, number, value, steps[0] if len(steps) == 1 else None)


def _certain(part: Formula, value: bool) -> int | None:
    """Return which condition surely has a value, the last one evaluated, if a part of a decision has it."""
    while part.kind == "operation" and value != part.is_or:
        part = part.parts[-1]
    return part.number if part.kind == "condition" else None


class _Addition:
    def __init__(
        self, evidence: Evidence, graph: LineGraph, blocks: Blocks, room: Room, ways: Mapping[Way, Seen]
    ) -> None:
        self.before = {shown.offset: shown for shown in evidence.before}
        self.pads = dict(evidence.pads)
        self.past = set(evidence.past)
        self.rest = evidence
        self.graph = graph
        self.blocks = blocks
        self.room = room
        self.ways = ways
        self.is_complete = True
        """Whether there was room for all states."""
        for number in range(len(self.graph.extents)):
            self._enter(number)

    @property
    def probes(self) -> int:
        """How many probes there are, at least."""
        chosen = [one for pads in self.pads.values() for pad in pads for one in pad.chosen if one]
        return len(self.before) + len(chosen)

    def evidence(self) -> Evidence:
        before = [self.before[offset] for offset in sorted(self.before)]
        return self.rest._replace(before=before, pads=self.pads, past=self.past)

    def _enter(self, number: int) -> None:
        start, end = self.graph.extents[number]
        edges = self.graph.into[number]
        taken = {
            edge.jump.start: seen
            for edge in edges
            if edge.jump is not None and (seen := self.ways.get((edge.jump.start, True))) is not None
        }
        before = self.blocks.ending_at.get(start)
        passed = self.ways.get((before.start, False)) if before is not None else None
        if not taken and passed is None:
            return
        every = [*taken.values(), *([passed] if passed else [])]
        is_carried = any(seen.carry != NOTHING for seen in every)
        if len(edges) == 1 and not self.graph.caught[number] and not is_carried:
            self._add_first(start, end, _NONE.union(*(seen.facts for seen in every)))
        elif self.room.free(start, end) == start:
            self._tell_apart(number, start, taken, passed)
        else:
            self.is_complete &= not is_carried

    def _add_first(self, start: int, end: int, facts: Facts) -> None:
        """Show facts where a block begins."""
        offset = self.room.free(start, end)
        for later in range(offset, end):
            if later in self.before:
                self.before[later] = _with(self.before[later], facts, start)
                return
            if self.graph.opcodes[later : later + 1].translate(None, UNFAILING):
                break
        if offset < end:
            self.before[offset] = Shown(offset, frozenset(), frozenset(), facts)

    def _tell_apart(self, number: int, start: int, taken: Mapping[int, Seen], passed: Seen | None) -> None:
        edges = self.graph.into[number]
        pads = [pad._replace(jumps=list(pad.jumps)) for pad in self.pads.get(start, [])]
        runs_on = any(edge.jump is None for edge in edges) or bool(self.graph.caught[number])
        if runs_on and not pads:
            pads.append(Pad(None, []))
        if start not in self.pads:
            self.past |= {edge.jump.start for edge in edges if edge.jump is not None}
        made: dict[tuple[int, Seen], Pad] = {}
        for jump, seen in taken.items():
            index = next((index for index, pad in enumerate(pads) if jump in pad.jumps), -1)
            if index >= 0:
                pads[index].jumps.remove(jump)
            self.past.discard(jump)
            shown = pads[index].shown if index >= 0 else None
            made.setdefault((index, seen), _pad(shown, seen, start)).jumps.append(jump)
        kept = [pad for at, pad in enumerate(pads) if pad.jumps or (at == 0 and runs_on)]
        if passed is not None:
            first = kept.pop(0)
            if first.jumps:  # of jumps that have nothing to do with conditions
                made[-1, Seen()] = first
            kept.insert(0, _pad(first.shown, passed, start))
        self.pads[start] = [*kept, *made.values()]


def _pad(shown: Shown | None, seen: Seen, start: int) -> Pad:
    """Return a pad, without jumps yet, that also shows what is seen."""
    carry = None if seen.carry == NOTHING else seen.carry
    if seen.carry.chosen:
        chosen = [_with(shown, facts, start) if shown or facts else None for facts in seen.carry.chosen]
        return Pad(None, [], carry, tuple(chosen))
    return Pad(_with(shown, seen.facts, start) if shown or seen.facts else None, [], carry)


def _with(shown: Shown | None, facts: Facts, start: int) -> Shown:
    if shown is None:
        return Shown(start, frozenset(), frozenset(), facts)
    return shown._replace(conditions=shown.conditions | facts)
