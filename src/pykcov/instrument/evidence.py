"""Where the probes of granularity "arc" stand, and what each shows: exact lines, and exact arcs of lines that branch.

A line needs a probe where it begins, unless it has run on all ways there. An arc of a line that branches needs one on
each of its edges. If it is the only way into a block, the probe of the line shows the arc as well. Else the edges into
the block are told apart: the probe of an unconditional jump stands before it, and those of the others in *pads* before
the block. Each pad is for one line that edges come from; the jumps go to their pad, or behind all of them.

An exception also takes control from a line that branches to where its condition might have led: out of the function,
to the `finally` behind a loop. A debugger cannot tell the difference, so coverage.py does not. The exception table
leads such exceptions to *detours* behind the code, where a probe shows the arc before they go on.
"""

from collections.abc import Iterable, Iterator
from itertools import pairwise
from types import CodeType
from typing import TYPE_CHECKING, NamedTuple

from pykcov.instrument.arcs import Arc, Edge, LineGraph, Ways
from pykcov.instrument.blocks import Blocks
from pykcov.instrument.exceptiontable import Handled
from pykcov.instrument.opcodes import CLEANUP_THROW, END_ASYNC_FOR, EXTENDED_ARG, RETURNS, UNFAILING, YIELD_VALUE
from pykcov.instrument.room import Room
from pykcov.traces.facts import Fact

if TYPE_CHECKING:
    from pykcov.instrument.carried import Carry


class Shown(NamedTuple):
    """What a probe shows."""

    offset: int
    """Of the instruction that it precedes, or belongs to."""
    lines: frozenset[int]
    arcs: frozenset[Arc]
    conditions: frozenset[Fact] = frozenset()
    """Granularity "condition": what was seen of conditions (edges.py)."""


class Pad(NamedTuple):
    """A probe before a block for some of the edges that lead there."""

    shown: Shown | None
    """None: there is nothing to show, only what follows to jump over."""
    jumps: list[int]
    """Starts of the jumps that come here."""
    carry: "Carry | None" = None
    """Granularity "condition": what happens to the state of a decision."""
    chosen: tuple[Shown | None, ...] = ()
    """What there is to show instead, by that state."""


class Detour(NamedTuple):
    """Code behind the code for the exceptions of a stretch of it."""

    start: int
    end: int
    handler: Handled | None
    """Where the exception goes on to; None: out of the function."""
    shown: Shown


class Evidence(NamedTuple):
    """All probes of a code object."""

    before: list[Shown]
    """Those before single instructions, ascending."""
    pads: dict[int, list[Pad]]
    """By offset of the block. The first is that of edges which run on, if there are any to be told apart."""
    past: set[int]
    """Starts of jumps that go behind the pads of their target."""
    detours: list[Detour]
    unshown: set[Arc]
    """Arcs that ran if both of their lines did."""


def find_evidence(code: CodeType, graph: LineGraph, blocks: Blocks, room: Room) -> Evidence:
    """Return the probes of a code object."""
    return _Search(code, graph, blocks, room).evidence()


_LINE = 0
"""Stands for edges that show their line and no arc."""


class _Search:
    def __init__(self, code: CodeType, graph: LineGraph, blocks: Blocks, room: Room) -> None:
        self.graph = graph
        self.blocks = blocks
        self.room = room
        self.is_suspendable = YIELD_VALUE in graph.opcodes
        self.first_line = code.co_firstlineno
        self.pads: dict[int, list[Pad]] = {}
        self.past: set[int] = set()
        self.before: list[list[Shown]] = [[] for _ in graph.extents]
        self.at_jumps: dict[int, Shown] = {}  # by start of an unconditional jump
        self.unshown: set[Arc] = set()
        self.ran = _ran_before(graph, self.is_suspendable)

    def evidence(self) -> Evidence:
        graph = self.graph
        for number in range(len(graph.extents)):
            self._enter(number)
            self._run_through(number)
        before: list[Shown] = []
        for number, (_, end) in enumerate(graph.extents):
            found = self.before[number]
            jump = self.blocks.ending_at.get(end)
            if jump is not None and jump.start in self.at_jumps:
                found.append(self.at_jumps[jump.start])
            before += self._joined(found)
        if not before or before[0].offset >= graph.extents[0][1]:
            # Every code object has a probe in its first block, or before it.
            start, end = graph.extents[0]
            if start not in self.pads:
                before.insert(0, Shown(self.room.free(start, end), frozenset(), frozenset()))
        self.unshown.update(_failing_on(graph, graph.starts[0]))
        return Evidence(before, self.pads, self.past, _detours(graph, graph.starts[0]), self.unshown)

    def _enter(self, number: int) -> None:
        """Show what the edges into a block stand for."""
        graph = self.graph
        start, end = graph.extents[number]
        runs = graph.runs[number]
        targets = graph.entering(number, Ways.ALL)
        is_sure = len(targets) == 1
        if not is_sure:
            # The end of an except*: what leads on from it counts if the line behind it runs.
            targets = graph.entering(number, Ways.NORMAL)
            if len(targets) != 1 or min(targets) < 0:
                return
        (target,) = targets
        first = runs[0].start if runs else start
        groups: dict[int | None, list[Edge]] = {}
        origins: dict[int | None, set[int]] = {}
        for edge in graph.into[number]:
            key, lines = self._kind(edge, target)
            if key == _LINE and not is_sure:
                key = None
            groups.setdefault(key, []).append(edge)
            origins.setdefault(key, set()).update(lines)
        if is_sure and graph.caught[number] and not self.ran[number].entering(target) and target > 0:
            groups.setdefault(_LINE, [])
            origins.setdefault(_LINE, set()).update((0, 1))  # several
        line = frozenset([target]) if target > 0 and is_sure else frozenset()
        shown: dict[int | None, Shown] = {
            key: Shown(first, line, self._arcs(key, origins[key], target)) for key in groups if key is not None
        }
        if not shown:
            self._note_unshown(number, target, shown, groups)
            return
        offset = self.room.free(first, end)
        if len(groups) == 1 or shown.keys() == {_LINE}:
            ((key, only),) = shown.items()
            if None in groups:
                only = shown[key] = only._replace(arcs=frozenset())
            self._add(number, self.room.line_start(first, end), only.lines, only.arcs)
        elif self.room.free(start, end) != start:
            shown = {key: one._replace(arcs=frozenset()) for key, one in shown.items()}
            self._add(number, offset, line, frozenset())
        else:
            shown = self._tell_apart(start, target, groups, shown)
        self._note_unshown(number, target, shown, groups)

    def _note_unshown(
        self, number: int, target: int, shown: dict[int | None, Shown], groups: dict[int | None, list[Edge]]
    ) -> None:
        """Note arcs into a block which follow from the lines alone."""
        for key, edges in groups.items():
            arcs = shown[key].arcs if key is not None and key in shown else frozenset()
            for edge in edges:
                origins = self.graph.leaving(edge.source)
                self.unshown |= {(line, target) for line in origins if line != target and (line, target) not in arcs}

    def _kind(self, edge: Edge, target: int) -> tuple[int | None, set[int]]:
        """Return what there is to show of an edge: the arc of a line, _LINE, or nothing; and the lines it is from."""
        graph = self.graph
        if edge.source < 0:
            return _LINE, {graph.way_in}
        line = graph.line_of(edge.source)
        if line is None:
            if len(graph.entering(edge.source, Ways.ALL)) == 1:
                return None, set()  # shown when that block was entered
            return (_LINE, {0, 1}) if target > 0 else (None, set())
        if line == target:
            return None, set()
        if line in graph.branching and target in graph.after[line]:
            return line, {line}
        if target > 0 and not self.ran[edge.source].leaving(target):
            return _LINE, {line}
        return None, set()

    def _arcs(self, key: int | None, origins: set[int], target: int) -> frozenset[Arc]:
        if len(origins) != 1:
            return frozenset()
        (origin,) = origins
        return frozenset([(origin, target)])

    def _tell_apart(
        self, start: int, target: int, groups: dict[int | None, list[Edge]], shown: dict[int | None, Shown]
    ) -> dict[int | None, Shown]:
        """Put pads before a block. Return what is shown in the end."""
        running_on = [key for key, edges in groups.items() if not edges or any(edge.jump is None for edge in edges)]
        if len(running_on) > 1:
            # Of edges that cannot be told apart the line alone is known.
            shown = {key: one for key, one in shown.items() if key not in running_on}
            shown[_LINE] = Shown(start, frozenset([target] if target > 0 else ()), frozenset())
            running_on = [_LINE]
        pads: dict[int | None, list[int]] = {key: [] for key in running_on}
        for key, edges in groups.items():
            for edge in edges:
                jump = edge.jump
                if jump is None:
                    continue
                if key is None:
                    self.past.add(jump.start)
                elif jump.conditional:
                    pads.setdefault(key, []).append(jump.start)
                else:
                    self.at_jumps[jump.start] = shown[key]._replace(offset=jump.start)
                    self.past.add(jump.start)
        if pads.keys() != {None}:
            self.pads[start] = [
                Pad(shown[key]._replace(offset=start) if key is not None else None, jumps)
                for key, jumps in pads.items()
            ]
        return shown

    def _run_through(self, number: int) -> None:
        """Show the lines of a block but for the first, and the way out of the code at its end."""
        graph = self.graph
        runs = graph.runs[number]
        if not runs:
            return
        start, end = graph.extents[number]
        ran = set(self.ran[number].before | {runs[0].line})
        everything = self.ran[number].everything
        arcs: set[Arc] = set()
        for run, following in pairwise(runs):
            if self.is_suspendable and graph.yields(run.start, following.start):
                ran, arcs, everything = {run.line}, set(), False
            arc = run.line, following.line
            is_new = following.line not in ran and not everything
            if is_new or (run.line in graph.branching and arc not in arcs):
                offset = self.room.line_start(following.start, end)
                self._add(number, offset, frozenset([following.line]), frozenset([arc]))
            elif arc not in arcs:
                self.unshown.add(arc)
            arcs.add(arc)
            ran.add(following.line)
        line = runs[-1].line
        if graph.last(number) in RETURNS and (
            line in graph.branching or (self.is_suspendable and line == self.first_line)
        ):
            offset = end - 1
            while offset > start and graph.opcodes[offset - 1] == EXTENDED_ARG:
                offset -= 1
            self._add(number, offset, frozenset(), frozenset([(line, graph.way_in)]))
        elif graph.last(number) in RETURNS:
            self.unshown.add((line, graph.way_in))

    def _add(self, number: int, offset: int, lines: frozenset[int], arcs: frozenset[Arc]) -> None:
        if offset < self.graph.extents[number][1]:
            self.before[number].append(Shown(offset, lines, arcs))

    def _joined(self, found: list[Shown]) -> list[Shown]:
        """Let one probe stand for several between which nothing can fail."""
        joined: list[Shown] = []
        for one in sorted(found, key=lambda shown: shown.offset):
            if joined and not self.graph.opcodes[joined[-1].offset : one.offset].translate(None, UNFAILING):
                before = joined.pop()
                one = Shown(one.offset, before.lines | one.lines, before.arcs | one.arcs)
            joined.append(one)
        return joined


class _Ran:
    """Which lines have surely run before a block, and what that is behind it."""

    __slots__ = ("before", "everything", "lines", "resumed")

    def __init__(self, lines: frozenset[int], resumed: frozenset[int] | None) -> None:
        self.everything = True
        """Nothing is known yet: any line may have."""
        self.before: frozenset[int] = frozenset()
        self.lines = lines
        self.resumed = resumed
        """If the code may be suspended in the block: the lines from there on."""

    def entering(self, line: int) -> bool:
        return self.everything or line in self.before

    def leaving(self, line: int) -> bool:
        if self.resumed is not None:
            return line in self.resumed
        return self.everything or line in self.before or line in self.lines


def _ran_before(graph: LineGraph, is_suspendable: bool) -> list[_Ran]:
    """Find out which lines have surely run before each block.

    What ran before the code was suspended does not count: somebody else may have run it, in another trace.
    """
    found = []
    for number, runs in enumerate(graph.runs):
        resumed = _resumed(graph, number) if is_suspendable else None
        found.append(_Ran(frozenset(run.line for run in runs), resumed))
    changed = True
    while changed:
        changed = False
        for number, ran in enumerate(found):
            before = _common(
                [(-1 if edge.source < 0 else edge.source, True) for edge in graph.into[number]]
                + [(source, False) for source in graph.caught[number]],
                found,
            )
            if before is not None and (ran.everything or before != ran.before):
                ran.everything = False
                ran.before = before
                changed = True
    return found


def _common(sources: Iterable[tuple[int, bool]], found: list[_Ran]) -> frozenset[int] | None:
    """Return the lines that have run on all ways from these blocks, behind or before them; None: not known yet."""
    common: frozenset[int] | None = None
    for number, is_behind in sources:
        if number < 0:
            return frozenset()
        ran = found[number]
        if ran.resumed is not None:
            lines = ran.resumed if is_behind else frozenset()
        elif ran.everything:
            continue
        else:
            lines = ran.before | ran.lines if is_behind else ran.before
        common = lines if common is None else common & lines
    return common


def _resumed(graph: LineGraph, number: int) -> frozenset[int] | None:
    start, end = graph.extents[number]
    at = graph.opcodes.rfind(YIELD_VALUE, start, end)
    if at < 0:
        return None
    runs = graph.runs[number]
    lines = [run.line for run in runs if run.start > at]
    before = [run.line for run in runs if run.start <= at]
    return frozenset(lines + before[-1:])


def _detours(graph: LineGraph, entry: int) -> list[Detour]:
    """Find where exceptions lead to where a condition on the same line leads, too. `entry`: where the code begins."""
    detours: list[Detour] = []
    for start, end, line in graph.instructions(graph.branching):
        for first, behind, handler in _stretches(graph.handled, max(start, entry), end):
            if handler is not None and graph.opcodes[handler.target] in (CLEANUP_THROW, END_ASYNC_FOR):
                continue  # These raise it again.
            targets = graph.failing_at(first)
            if len(targets) != 1 or not targets <= graph.after[line]:
                continue
            if not graph.opcodes[first:behind].translate(None, UNFAILING):
                continue
            (target,) = targets
            shown = Shown(first, frozenset(), frozenset([(line, target)]))
            before = detours[-1] if detours else None
            if before and before.end == first and before.handler == handler and before.shown.arcs == shown.arcs:
                detours[-1] = before._replace(end=behind)
            else:
                detours.append(Detour(first, behind, handler, shown))
    return detours


def _failing_on(graph: LineGraph, entry: int) -> Iterator[Arc]:
    """Yield the arcs of lines with one way on that exceptions lead to, too: a probe on the way does not show them all.

    The ways from a condition may all lead to one line: from `if x: return` at the end of a finally to that of an outer
    one.
    """
    lines = {line for line, following in graph.after.items() if len(following) == 1}
    for start, end, line in graph.instructions(lines):
        for first, _, handler in _stretches(graph.handled, max(start, entry), end):
            if handler is not None:
                yield from ((line, target) for target in graph.failing_at(first) & graph.after[line])


def _stretches(handled: list[Handled], start: int, end: int) -> Iterator[tuple[int, int, Handled | None]]:
    """Yield the stretches between two offsets that have one handler, or none."""
    for entry in handled:
        if entry.end <= start:
            continue
        if entry.start >= end:
            break
        if start < entry.start:
            yield start, entry.start, None
            start = entry.start
        yield start, min(end, entry.end), entry
        start = min(end, entry.end)
    if start < end:
        yield start, end, None
