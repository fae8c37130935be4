"""How a decision remembers which way it was taken, where several lead to one condition: `c` of `(a or b) and c`.

Which of `a` and `b` has decided is only known behind `c`. Until then the *state* of the decision (traces/decisions.py)
lies on the stack, below what is being evaluated: it is there as long as the evaluation, and for each one its own. On
the edges into such a condition it is pushed, on those out of it exchanged, or popped when the probe of what happened is
chosen. An exception drops it with the rest of the evaluation; only handlers within an operand keep it, so these get a
deeper stack (comprehensions have some). A state is one of the probes of the code object, taken as a token: the n-th for
the n-th state.

CPython 3.12 and 3.13 test some parts of a decision twice: in `x = (a and b) or c`, where `a` is false, control goes to
the test of `a and b`, which is that of `b`. There the state also tells whether `b` was evaluated at all.

If anything is not as expected, nothing is carried in the code object: what decided there is then told only where one
way leads.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from pykcov.instrument.arcs import LineGraph
from pykcov.instrument.conditions import Test
from pykcov.instrument.exceptiontable import Handled
from pykcov.instrument.opcodes import (
    CLEANUP_THROW,
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
from pykcov.traces.decisions import Decision, State, Step
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
    """By state: what is seen; the state is popped, unless another one replaces it."""
    popped: bool = False
    above: int = 0
    """How many values of the program lie above it."""

    @property
    def states(self) -> int:
        """How many states it knows, at most."""
        to = self.exchanged if self.pushed is None else (self.pushed,)
        return max(len(self.exchanged), len(self.chosen), *(state + 1 for state in to))

    @property
    def change(self) -> int:
        """How many more states are on the stack afterwards."""
        is_popped = self.popped or (self.chosen and not self.exchanged)
        return (self.pushed is not None) - bool(is_popped)


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
    by_decision: dict[int, dict[int, Test]] = {}
    for start, test in tests.items():
        by_decision.setdefault(id(test.decision), {})[start] = test
    found: dict[Way, Carry] = {}
    for own in by_decision.values():
        decision = next(iter(own.values())).decision
        needed = {number for number in range(len(decision.conditions)) if not decision.is_untested(number)}
        if {test.number for test in own.values()} != needed or not decision.steps:
            continue
        if not decision.is_shared and all(test.again is None for test in own.values()):
            continue
        # code_of() gets at a state below one value. More lie above it in a chain whose value is used, which is a
        # decision of its own, and has no states.
        if any(max(test.above) > 1 for test in own.values()):
            continue
        states = _states(decision, own)
        for start, test in own.items():
            for jumps in (False, True):
                found[start, jumps] = _carry(own, states, test, jumps)
    return found


_Reached = State | Step
"""A state when a condition is tested: what may still decide. Or, where that is the last one of a part that is tested
again: what comes next, as an earlier one of the part has the value that is tested."""


def _states(decision: Decision, tests: Mapping[int, Test]) -> list[list[_Reached]]:
    """Return the states in which each condition is tested."""
    states: list[list[_Reached]] = [
        [] if decision.is_untested(number) else [*found] for number, found in enumerate(decision.states)
    ]
    for test in sorted(tests.values(), key=lambda test: test.number):
        if test.onto >= 0:
            there = states[tests[test.onto].number]
            steps = [_step(test, test.jumps_if, state) for state in states[test.number]]
            there += dict.fromkeys(step for step in steps if step is not None and step not in there)
    return states


def _step(test: Test, value: bool, state: _Reached) -> Step | None:
    """Return what comes next; None if that cannot be, unless an object is true once and false once."""
    steps = test.decision.steps[test.number, value]
    if not isinstance(state, Step):
        return steps[test.decision.states[test.number].index(state)]
    return state if state.following == steps[0].following else None


def _carry(tests: Mapping[int, Test], states: list[list[_Reached]], test: Test, jumps: bool) -> Carry:
    decision, number, value = test.decision, test.number, test.jumps_if is jumps
    above = test.above[jumps]
    here = states[number]
    steps = [_step(test, value, state) for state in here]
    following = decision.steps[number, value][0].following
    is_tested_again = jumps and test.onto >= 0
    next_tested = [tests[test.onto].number] if is_tested_again else following
    there = states[next_tested[0]] if next_tested else []
    exchanged: tuple[int, ...] = ()
    if len(there) > 1:
        exchanged = tuple(there.index(step if is_tested_again else step.state) if step else 0 for step in steps)
    if len(here) == 1:
        return Carry(pushed=exchanged[0], above=above) if exchanged else NOTHING
    seen = tuple(
        frozenset() if isinstance(state, Step) else facts_of(decision, number, value, step)
        for state, step in zip(here, steps, strict=True)
    )
    if not following or len({*seen}) > 1:
        return Carry(chosen=seen, exchanged=exchanged, above=above)
    if exchanged:
        return Carry(exchanged=exchanged if exchanged != tuple(range(len(here))) else (), above=above)
    return Carry(popped=True, above=above)


def facts_of(decision: Decision, number: int, value: bool, step: Step | None) -> Facts:
    """Return what is seen where a condition has a value; what decided, if that is the end of the decision."""
    conditions = decision.conditions
    facts = {conditions[number].fact(TRUE if value else FALSE)}
    if step is not None and not step.following:
        facts |= {conditions[one].fact(TRUE_DECIDED if was else FALSE_DECIDED) for one, was in step.state}
    return frozenset(facts)


def find_slots(
    graph: LineGraph,
    carries: Mapping[Way, Carry],
    passed: Mapping[int, int],
    targets: Mapping[int, int],
    depths: Depths,
) -> Slots | None:
    """Return where states lie; None if that is not the same on all ways to a block.

    passed: by number of a block, the start of the conditional jump behind which it stands. targets: of jumps, by start.
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
                caught = _behind_await(graph, handler, kept, targets)
                if caught is None:
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


def _behind_await(graph: LineGraph, handler: Handled, kept: tuple[int, ...], targets: Mapping[int, int]) -> int | None:
    """Return where it goes on with the result of an await that an exception was thrown into, and that has returned.

    None if that is not what the handler is for, or states would not survive what it raises.
    """
    if graph.opcodes[handler.target] != CLEANUP_THROW:
        return None
    outer = graph.handler_of(handler.target)
    if outer is not None and _kept(kept, outer):
        return None
    target = targets.get(handler.target + 1)
    return None if target is None else graph.at(target)


def code_of(carry: Carry, chosen: Sequence[bytes], token: int) -> bytes:
    """Return the instructions for what happens to a state.

    chosen: the code for each of what may be seen. token: the index in co_consts of the first of all probes.
    """
    swap = bytes((SWAP, 2)) * carry.above
    pop = bytes((POP_TOP, 0))
    if carry.pushed is not None:
        return with_argument(LOAD_CONST, token + carry.pushed) + swap
    if carry.exchanged:
        loads = [pop + with_argument(LOAD_CONST, token + to) for to in carry.exchanged]
        events = chosen or [b""] * len(loads)
        pieces = [event + load for event, load in zip(events, loads, strict=True)]
        return swap + _choice(pieces, token) + swap
    if carry.popped or carry.chosen:
        return swap + _choice(chosen or [b""], token) + pop
    return b""


def _choice(pieces: Sequence[bytes], token: int) -> bytes:
    """Return code that runs one of the pieces, by the state on top of the stack, which they find there."""
    code = pieces[-1]
    for state in reversed(range(len(pieces) - 1)):
        piece = pieces[state] + (with_argument(JUMP_FORWARD, len(code) // 2) if code else b"")
        is_it = bytes((COPY, 1)) + with_argument(LOAD_CONST, token + state) + bytes((IS_OP, 0))
        code = is_it + with_argument(POP_JUMP_IF_FALSE_FORWARD, len(piece) // 2) + piece + code
    return code
