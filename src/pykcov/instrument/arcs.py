"""The arcs of a code object: which line control can go to from which, as coverage.py counts branches.

An arc is a pair of lines that a debugger gets line events for one after the other in one frame. (-first, line) is the
way in, (line, -first) the way out, `first` being the first line of the code object.

A line *branches* if a condition on it decides which line comes next, or whether one does. Which of its arcs ran is
what a report of branches tells, so these must be exact. All others follow from the lines: a line that leads to one
other line only has led there if both ran.
"""

from _bisect import bisect_right
from collections.abc import Iterable, Iterator
from enum import Enum
from functools import cached_property
from itertools import pairwise
from types import CodeType
from typing import NamedTuple

from pykcov.instrument.blocks import Blocks
from pykcov.instrument.controlflow import Jump
from pykcov.instrument.exceptiontable import Handled
from pykcov.instrument.opcodes import (
    ASSERTION_ERROR,
    CLEANUP_THROW,
    DECISION_PREFIXES,
    DECISIONS,
    END_ASYNC_FOR,
    ENDS,
    FOR_ITER,
    FOR_ITER_EXIT,
    RAISE,
    RERAISE,
    RETURNS,
    UNDECIDED_BEHIND,
    YIELD_VALUE,
)

Arc = tuple[int, int]


class Run(NamedTuple):
    """Instructions on one line, one after the other. Those without a line belong to the line before them."""

    line: int
    start: int
    """In code units."""


class Edge(NamedTuple):
    """A way into a block."""

    source: int
    """Number of the block that it comes from; -1: the code is entered."""
    jump: Jump | None
    """The jump that comes here; None if control runs on into the block, or lands where nothing can be put before."""


class Ways(Enum):
    """Which ways control may take through blocks that no line is on."""

    NORMAL = 1
    """Those without exceptions, but for what the source raises."""
    ALL = 2
    """Those by which exceptions are raised again, too."""
    RAISED = 3
    """All of them, for an exception that was just raised."""


class LineGraph:
    """The blocks of a code object, the lines on them, and the ways between them. Blocks go by number."""

    def __init__(self, code: CodeType, opcodes: bytes, blocks: Blocks, handled: list[Handled]) -> None:
        """Find them. `blocks` are those of `opcodes`, every second byte of co_code."""
        self.way_in = -code.co_firstlineno
        """What stands for the way in and out of the code in arcs."""
        self._code = code.co_code
        self.opcodes = opcodes
        self.handled = handled
        self.extents = list(blocks.extents(len(opcodes)))
        self.starts = [start for start, _ in self.extents]
        self._line_table = list(code.co_lines())
        self.runs = self._runs()
        self.into: list[list[Edge]] = [[] for _ in self.extents]
        self._follow(blocks)
        self.next: list[list[int]] = [[] for _ in self.extents]
        for number, edges in enumerate(self.into):
            for edge in edges:
                if edge.source >= 0:
                    self.next[edge.source].append(number)
        self.caught: list[list[int]] = [[] for _ in self.extents]
        """Of each block that is an exception handler, the blocks that it may be entered from."""
        numbers = {start: number for number, start in enumerate(self.starts)}
        for entry in handled:
            if (handler := numbers.get(entry.target)) is not None:
                self.caught[handler] += self.overlapping(entry.start, entry.end)
        self._entered: dict[tuple[int, Ways], frozenset[int]] = {}
        self.after = self._after()
        """Line -> the lines that control goes to from it unless something fails, -first for the way out."""

    def _runs(self) -> list[list[Run]]:
        runs: list[list[Run]] = []
        table = self._line_table
        at = 0
        for start, end in self.extents:
            of_block: list[Run] = []
            while at < len(table) and table[at][1] <= start * 2:
                at += 1
            entry = at
            while entry < len(table) and table[entry][0] < end * 2:
                line = table[entry][2]
                # Line 0 is that of a module's first instruction, and no line of its source.
                if line and (not of_block or of_block[-1].line != line):
                    of_block.append(Run(line, max(table[entry][0] // 2, start)))
                entry += 1
            runs.append(of_block)
        return runs

    def _follow(self, blocks: Blocks) -> None:
        for number, start in enumerate(self.starts):
            into = self.into[number]
            if number == 0:
                into.append(Edge(-1, None))
            elif start in blocks.awaited:
                into.append(Edge(self.at(blocks.awaited[start]), None))
            elif blocks.falls_into(start):
                into.append(Edge(number - 1, None))
            before: Jump | None = None
            for jump in blocks.leading_to[start]:
                ends_loop = jump.opcode == FOR_ITER and FOR_ITER_EXIT
                # A conditional jump to where it runs on to is there twice.
                is_taken = jump is not before and jump.target + (FOR_ITER_EXIT if ends_loop else 0) == start
                into.append(Edge(self.at(jump.offset), jump if is_taken and not ends_loop else None))
                before = jump

    def at(self, offset: int) -> int:
        """Return the number of the block that an offset lies in."""
        return bisect_right(self.starts, offset) - 1

    def overlapping(self, start: int, end: int) -> Iterator[int]:
        """Yield the blocks that have instructions between two offsets."""
        for number in range(max(self.at(start), 0), len(self.extents)):
            block_start, block_end = self.extents[number]
            if block_start >= end:
                break
            if block_end > start:
                yield number

    def last(self, number: int) -> int:
        """Return the last instruction of a block that ends with one that never runs on, else of any."""
        return self.opcodes[self.extents[number][1] - 1]

    def line_of(self, number: int) -> int | None:
        """Return the line that control leaves a block on; None if none of its instructions has one."""
        runs = self.runs[number]
        return runs[-1].line if runs else None

    def leaving(self, number: int, seen: frozenset[int] = frozenset()) -> frozenset[int]:
        """Return the lines that control may be on when it leaves a block."""
        if number < 0:
            return frozenset([self.way_in])
        line = self.line_of(number)
        if line is not None:
            return frozenset([line])
        if number in seen:
            return frozenset()
        seen |= {number}
        sources = {*(edge.source for edge in self.into[number]), *self.caught[number]}
        return frozenset().union(*(self.leaving(source, seen) for source in sources))

    def entering(self, number: int, ways: "Ways", seen: frozenset[int] = frozenset()) -> frozenset[int]:
        """Return the lines that come first when a block is entered, and -first if it is left without one."""
        if self.runs[number]:
            return frozenset([self.runs[number][0].line])
        if number in seen:
            return frozenset()
        key = number, ways
        if key not in self._entered:
            self._entered[key] = self._leading(number, ways, seen | {number})
        return self._entered[key]

    def _leading(self, number: int, ways: "Ways", seen: frozenset[int] = frozenset()) -> frozenset[int]:
        """Return what comes behind the end of a block."""
        following = self.next[number]
        if ways is Ways.RAISED and not self.runs[number] and len(following) > 1:
            # Of an except*: what a handler raises is raised again in the end.
            following = [to for to in following if self.last(to) == RERAISE] or following
        found = frozenset().union(*(self.entering(to, ways, seen) for to in following))
        end = self.extents[number][1]
        last = self.opcodes[end - 1]
        if last in RETURNS:
            found |= {self.way_in}
        elif last in ENDS and (ways is not Ways.NORMAL or (last == RAISE and not self._asserts(number))):
            found |= self.failing_at(end - 1, seen)
        return found

    def _asserts(self, number: int) -> bool:
        start, end = self.extents[number]
        at = self._code.find(ASSERTION_ERROR, start * 2, end * 2)
        return at >= 0 and at % 2 == 0

    def failing_at(self, offset: int, seen: frozenset[int] = frozenset()) -> frozenset[int]:
        """Return the lines that come next when the instruction at an offset raises, -first for the way out."""
        entry = self.handler_of(offset)
        if entry is None:
            return frozenset([self.way_in])
        if self.opcodes[entry.target] in (END_ASYNC_FOR, CLEANUP_THROW):
            return self.failing_at(entry.target, seen)
        return self.entering(self.at(entry.target), Ways.RAISED, seen)

    def handler_of(self, offset: int) -> Handled | None:
        """Return which entry of the exception table catches what the instruction at an offset raises."""
        at = bisect_right(self._handled_starts, offset) - 1
        return self.handled[at] if at >= 0 and offset < self.handled[at].end else None

    @cached_property
    def _handled_starts(self) -> list[int]:
        return [entry.start for entry in self.handled]

    def _after(self) -> dict[int, set[int]]:
        after: dict[int, set[int]] = {}
        for number, runs in enumerate(self.runs):
            for run, following in pairwise(runs):
                after.setdefault(run.line, set()).add(following.line)
            for line in self.leaving(number):
                after.setdefault(line, set()).update(self._leading(number, Ways.NORMAL))
        for line, following_lines in after.items():
            following_lines.discard(line)
        return after

    @cached_property
    def branching(self) -> frozenset[int]:
        """The lines that branch."""
        candidates = {line for line, following in self.after.items() if len(following) > 1 and line > 0}
        if not candidates:
            return frozenset()
        return frozenset(line for start, end, line in self.instructions(candidates) if self._decides(start, end))

    def _decides(self, start: int, end: int) -> bool:
        """Return whether there is a condition of the source between two offsets."""
        piece = self.opcodes[start:end]
        decisions = [at for at, opcode in enumerate(piece) if opcode in DECISIONS]
        return any(self._before(start + at) not in UNDECIDED_BEHIND for at in decisions)

    def _before(self, offset: int) -> int:
        """Return the instruction before an offset that decides, but for what makes a bool of its result."""
        offset -= 1
        while offset > 0 and self.opcodes[offset] in DECISION_PREFIXES:
            offset -= 1
        return self.opcodes[offset]

    def instructions(self, lines: Iterable[int]) -> Iterator[tuple[int, int, int]]:
        """Yield start, end and line of all stretches of code on these lines, in blocks or not."""
        chosen = frozenset(lines)
        for start, end, line in self._line_table:
            if line in chosen:
                yield start // 2, end // 2, line

    def yields(self, start: int, end: int) -> bool:
        """Return whether the code may be suspended between two offsets."""
        return YIELD_VALUE in self.opcodes[start:end]
