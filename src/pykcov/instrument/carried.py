"""How a decision remembers which way it was taken, where several lead to one condition: `c` of `(a or b) and c`.

Which of `a` and `b` has decided is only known behind `c`. Until then the *state* of the decision (traces/decisions.py)
lies on the stack, below what is being evaluated: it is there as long as the evaluation, and for each one its own. On
the edges into such a condition it is pushed, on those out of it exchanged, or popped when the probe of what happened is
chosen. An exception drops it with the rest of the evaluation; only handlers within an operand keep it, so these get a
deeper stack (comprehensions have some). A state is one of the probes of the code object, taken as a token: the n-th for
the n-th state.

If anything is not as expected, nothing is carried in the code object: what decided there is then told only where one
way leads.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple

from pykcov.instrument.arcs import LineGraph
from pykcov.instrument.conditions import Test
from pykcov.instrument.exceptiontable import Handled
from pykcov.instrument.opcodes import (
    COPY,
    IS_OP,
    JUMP_FORWARD,
    LOAD_CONST,
    POP_JUMP_IF_FALSE_FORWARD,
    POP_TOP,
    SWAP,
    with_argument,
)
from pykcov.instrument.stacksize import Depths
from pykcov.traces.decisions import Decision, Step
from pykcov.traces.facts import FALSE, FALSE_DECIDED, TRUE, TRUE_DECIDED, Fact

Facts = frozenset[Fact]
Way = tuple[int, bool]
"""The start of a jump, and whether it jumps."""


class Carry(NamedTuple):
    """What happens to the state of a decision on a way on from a condition. Nothing if all of it is empty."""

    pushed: int | None = None
    """The state that is pushed."""
    exchanged: tuple[int, ...] = ()
    """By state: the state that replaces it."""
    chosen: tuple[Facts, ...] = ()
    """By state: what is seen; the state is popped."""
    popped: bool = False
    above: int = 0
    """How many values of the program lie above it."""

    @property
    def states(self) -> int:
        """How many states it knows, at most."""
        return max(len(self.exchanged), len(self.chosen), 0 if self.pushed is None else self.pushed + 1)

    @property
    def change(self) -> int:
        """How many more states are on the stack afterwards."""
        return (self.pushed is not None) - bool(self.chosen or self.popped)


NOTHING = Carry()


class Slots(NamedTuple):
    """Where states lie on the stack."""

    of_blocks: Sequence[tuple[int, ...]]
    """By block: the depths of the stack at which they lie there, ascending, without those below."""

    @property
    def room(self) -> int:
        """How much deeper than that of the program the stack may be, with what happens to a state."""
        return max(map(len, self.of_blocks), default=0) + 3

    def deepened(self, handled: Sequence[Handled], graph: LineGraph) -> list[Handled]:
        """Return an exception table with the states that stay below what its handlers cut off."""
        found: list[Handled] = []
        for entry in handled:
            kept = [
                (max(graph.extents[number][0], entry.start), _kept(self.of_blocks[number], entry))
                for number in graph.overlapping(entry.start, entry.end)
            ]
            found += _by_block(entry, kept)
        return sorted(found)


def _kept(slots: tuple[int, ...], entry: Handled) -> int:
    return sum(depth < entry.depth for depth in slots)


def _by_block(entry: Handled, kept: list[tuple[int, int]]) -> Iterator[Handled]:
    """Cut an entry where another number of states is kept; `kept`: these numbers, by where they begin."""
    start, number = entry.start, 0
    for at, now in kept:
        if now != number and at > start:
            yield entry._replace(start=start, end=at, depth=entry.depth + number)
            start = at
        number = now
    yield entry._replace(start=start, depth=entry.depth + number)


def carried(tests: Mapping[int, Test]) -> dict[Way, Carry]:
    """Return what happens on the ways on from conditions."""
    by_decision: dict[int, list[int]] = {}
    for start, test in tests.items():
        by_decision.setdefault(id(test.decision), []).append(start)
    found: dict[Way, Carry] = {}
    for starts in by_decision.values():
        decision = tests[starts[0]].decision
        tested = {tests[start].number for start in starts}
        needed = {number for number in range(len(decision.conditions)) if not decision.is_untested(number)}
        if tested != needed or any(tests[start].again for start in starts) or not decision.is_shared:
            continue
        # code_of() gets at a state below one value. More lie above it in a chain whose value is used, which is a
        # decision of its own, and has no states.
        if any(max(tests[start].above) > 1 for start in starts):
            continue
        for start in starts:
            test = tests[start]
            for jumps in (True, False):
                value = test.jumps_if is jumps
                found[start, jumps] = _carry(decision, test.number, value, test.above[jumps])
    return found


def _width(decision: Decision, number: int) -> int:
    return 1 if decision.is_untested(number) else len(decision.states[number])


def _carry(decision: Decision, number: int, value: bool, above: int) -> Carry:
    steps = decision.steps[number, value]
    before = _width(decision, number)
    following = steps[0].following
    if not following:
        if before == 1:
            return NOTHING
        return Carry(chosen=tuple(facts_of(decision, number, value, step) for step in steps), above=above)
    after = _width(decision, following[0])
    if after == 1:
        return Carry(popped=before > 1, above=above)
    states = decision.states[following[0]]
    exchanged = tuple(states.index(step.state) for step in steps)
    if before == 1:
        return Carry(pushed=exchanged[0], above=above)
    return Carry(exchanged=exchanged if exchanged != tuple(range(before)) else (), above=above)


def facts_of(decision: Decision, number: int, value: bool, step: Step | None) -> Facts:
    """Return what is seen where a condition has a value; what decided, if that is the end of the decision."""
    conditions = decision.conditions
    facts = {conditions[number].fact(TRUE if value else FALSE)}
    if step is not None and not step.following:
        facts |= {conditions[one].fact(TRUE_DECIDED if was else FALSE_DECIDED) for one, was in step.state}
    return frozenset(facts)


def find_slots(
    graph: LineGraph, carries: Mapping[Way, Carry], passed: Mapping[int, int], depths: Depths
) -> Slots | None:
    """Return where states lie; None if that is not the same on all ways to a block.

    passed: by number of a block, the start of the conditional jump behind which it stands.
    """
    slots: list[tuple[int, ...] | None] = [None] * len(graph.extents)
    slots[0] = ()
    reached = [0]
    leads: list[list[tuple[int, Carry]]] = [[] for _ in graph.extents]
    for number, edges in enumerate(graph.into):
        for edge in edges:
            if edge.source >= 0:
                way = (edge.jump.start, True) if edge.jump is not None else (passed.get(number, -1), False)
                is_own = edge.jump is not None or edge.source == number - 1
                leads[edge.source].append((number, carries.get(way, NOTHING) if is_own else NOTHING))
    while reached:
        source = reached.pop()
        here = slots[source]
        assert here is not None
        following = []
        for number, carry in leads[source]:
            there = here
            if carry.change < 0:
                if not here:
                    return None
                there = here[:-1]
            elif carry.change > 0:
                depth = depths.at(graph.extents[number][0])
                if depth is None:
                    return None
                there = (*here, depth - carry.above)
            following.append((number, there))
        for caught, handler in _handlers(graph, source):
            kept = tuple(depth for depth in here if depth < handler.depth)
            if caught is None and kept:
                return None
            if caught is not None:
                following.append((caught, kept))
        for number, there in following:
            if slots[number] is None:
                slots[number] = there
                reached.append(number)
            elif slots[number] != there:
                return None
    return Slots([one or () for one in slots])


def _handlers(graph: LineGraph, number: int) -> Iterator[tuple[int | None, Handled]]:
    """Yield the handlers of exceptions in a block; None for one that is no block."""
    start, end = graph.extents[number]
    for entry in graph.handled:
        if entry.start < end and start < entry.end:
            at = graph.at(entry.target)
            yield at if graph.extents[at][0] == entry.target else None, entry


def code_of(carry: Carry, event: Callable[[int], bytes], first: int, token: int) -> bytes:
    """Return the instructions for what happens to a state.

    first: the index in co_consts of the probe of the first of `chosen`. token: that of the first of all probes.
    """
    swap = bytes((SWAP, 2)) * carry.above
    pop = bytes((POP_TOP, 0))
    if carry.pushed is not None:
        return with_argument(LOAD_CONST, token + carry.pushed) + swap
    if carry.popped:
        return swap + pop
    if carry.chosen:
        return swap + _choice([event(first + at) for at in range(len(carry.chosen))], token) + pop
    if carry.exchanged:
        return swap + _choice([pop + with_argument(LOAD_CONST, token + to) for to in carry.exchanged], token) + swap
    return b""


def _choice(pieces: Sequence[bytes], token: int) -> bytes:
    """Return code that runs one of the pieces, by the state on top of the stack, which they find there."""
    code = pieces[-1]
    for state in reversed(range(len(pieces) - 1)):
        piece = pieces[state] + (with_argument(JUMP_FORWARD, len(code) // 2) if code else b"")
        is_it = bytes((COPY, 1)) + with_argument(LOAD_CONST, token + state) + bytes((IS_OP, 0))
        code = is_it + with_argument(POP_JUMP_IF_FALSE_FORWARD, len(piece) // 2) + piece + code
    return code
