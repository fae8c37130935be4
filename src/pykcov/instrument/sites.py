"""Where probes go.

Each block of code (blocks.py) has a probe before its first instruction that has a line. Granularity "line" puts another
one wherever a line begins on which the block has not been yet. Where no instruction between two of these can fail, the
second does for both: `try:` and the statement in it, the variable of a for loop and the body, the lines of a display
of constants.

A block has no probe if nothing of what the source says happens in it:

1. None of its instructions has a line, though others have.
2. It only clears up after an exception: a handler that is no except, finally, with or end of an async for. Granularity
   "line" gives it a probe if it has a line (on 3.11 sometimes), unless it restores the variables of a comprehension,
   whose line has been run.
3. It only moves the stack about (POP_TOP, SWAP, COPY, POP_EXCEPT, RERAISE, a jump), and is at the very source position
   of whatever leads to it: the end of a chained comparison or of a failed pattern, the unwinding of a with.
4. It only jumps, and is at that position too, unless it alone shows which way a condition went. So it keeps its probe
   if only conditional jumps lead to it - but not if its target can be reached in no other way, nor at the bottom of a
   while loop, where the test is repeated and goes the way of the test at the top.
5. It is the head of a for loop (FOR_ITER or GET_ANEXT): body and exit have probes, and the line of the head was run
   just before the loop.

`continue`, `break`, `pass` and the `return None` that is not written down do have probes: their positions are their
own, or they are no clearing up.
"""

from bisect import bisect_right
from types import CodeType
from typing import Literal, NamedTuple

from pykcov.instrument.blocks import Blocks
from pykcov.instrument.controlflow import Jump, instruction_at
from pykcov.instrument.implied import implied
from pykcov.instrument.opcodes import (
    CLEARING,
    FOR_ITER,
    GET_ANEXT,
    ONLY_JUMPING,
    SWAP,
    UNFAILING,
)
from pykcov.instrument.room import Room
from pykcov.traces.facts import Fact

Granularity = Literal["branch", "block", "line", "arc", "condition", "access", "condition-access"]
"""From the coarsest to the finest; "branch" leaves out what follows from the rest (implied.py). "access" is "line" with
accesses beside it (accesses.py); "condition-access" is what code gets for which both have been asked."""
Position = tuple[int | None, int | None, int | None, int | None]


class Site(NamedTuple):
    """A place in a code object that gets a probe."""

    offset: int
    """Offset of the original instruction that the probe precedes, in code units of 2 bytes."""
    line: int
    """First line of that instruction; 0 where the compiler gave it none."""
    end_line: int
    """Last line of that instruction; 0 where unknown."""
    column: int
    """First column, in UTF-8 bytes from 0; -1 where unknown."""
    end_column: int
    """Column after the last one; -1 where unknown."""
    lines: tuple[int, ...]
    """All source lines that a hit implies, ascending: those of the instructions from here to the next site."""
    operation: int = 0
    """0: a place of code. Else a comparison or an access is observed here, and this is which (comparisons.py,
    accesses.py); `lines` is empty."""
    const: int = 0
    """Which operand of the comparison is a constant of the code: 1 the left, 2 the right, 0 none."""
    arcs: tuple[tuple[int, int], ...] = ()
    """Granularity "arc": what a hit implies of arcs (traces/arcs.py), ascending; of arcs to lines that have run."""
    conditions: tuple[Fact, ...] = ()
    """Granularity "condition": what a hit implies of conditions (edges.py), ascending."""


def choose(code: CodeType, opcodes: bytes, blocks: Blocks, granularity: Granularity) -> list[Site]:
    """Return the sites of a code object, ascending. The block at function entry always has one."""
    sites = _Choice(code, opcodes, blocks, granularity == "line").sites()
    if granularity != "branch":
        return sites
    starts = sorted(blocks.leading_to)
    at = [starts[bisect_right(starts, site.offset) - 1] for site in sites]
    left_out = implied(opcodes, blocks, set(at))
    return [site for start, site in zip(at, sites, strict=True) if start not in left_out]


_NOWHERE: Position = (None, None, None, None)


def positions_of(code: CodeType, opcodes: bytes) -> list[Position]:
    """Return the source positions of all code units."""
    positions: list[Position] = list(code.co_positions())
    # Tools that strip code may leave tables that are too short.
    return positions + [_NOWHERE] * (len(opcodes) - len(positions))


class _Choice:
    __slots__ = ("blocks", "each_line", "opcodes", "positions", "room", "runs")

    def __init__(self, code: CodeType, opcodes: bytes, blocks: Blocks, each_line: bool) -> None:
        self.opcodes = opcodes
        self.blocks = blocks
        self.each_line = each_line
        self.positions = positions_of(code, opcodes)
        self.room = Room(opcodes, self.positions)
        # Stretches of code on one line: start and end in bytes, the line.
        self.runs = list(code.co_lines())
        # Tools that strip code may leave tables that are too short.
        self.runs.append((self.runs[-1][1] if self.runs else 0, len(opcodes) * 2 + 2, None))

    def sites(self) -> list[Site]:
        """Go through the blocks in order."""
        found: dict[int, list[int]] = {}  # Offset of a site -> its lines.
        run = 0
        end_before = 0
        lines: dict[int, int] = {}
        has_lines = any(line is not None for _, _, line in self.runs)
        for start, end in self.blocks.extents(len(self.opcodes)):
            lines_before = lines if end_before == start else {}
            end_before = end
            while self.runs[run][1] <= start * 2:
                run += 1
            lines = self._lines(run, start, end)
            if not lines and (not found or not has_lines) and start not in self.blocks.clearing_handlers:
                found[self.room.free(start, end)] = []
            elif found and self._is_silent(start, end, lines, lines_before):
                continue
            elif self.each_line:
                found |= self._line_starts(lines, end)
            elif (offset := self.room.free(next(iter(lines.values())), end)) < end:
                found[offset] = list(lines)
        return [site_at(offset, self.positions[offset], tuple(sorted(lines))) for offset, lines in found.items()]

    def _lines(self, run: int, start: int, end: int) -> dict[int, int]:
        """Return the lines of a block, and where it first is on each; in order. `start` lies in the given run."""
        lines: dict[int, int] = {}
        while run < len(self.runs) and (run_start := self.runs[run][0] // 2) < end:
            line = self.runs[run][2]
            if line is not None and line not in lines:
                lines[line] = max(run_start, start)
            run += 1
        return lines

    def _line_starts(self, lines: dict[int, int], end: int) -> dict[int, list[int]]:
        """Return the sites of a block and their lines, given where each line begins."""
        found: dict[int, list[int]] = {}
        before = end
        for line, offset in lines.items():
            offset = self.room.line_start(offset, end)
            if offset >= end:
                break
            if before < offset and not self.opcodes[before:offset].translate(None, UNFAILING):
                found[offset] = [*found.pop(before), line]
            else:
                found.setdefault(offset, []).append(line)
            before = offset
        return found

    def _is_silent(self, start: int, end: int, lines: dict[int, int], lines_before: dict[int, int]) -> bool:
        """Return whether a block needs no probe. `lines_before` are those of code that runs into it, if any."""
        if not lines:
            return True
        blocks = self.blocks
        opcode = self.opcodes[instruction_at(self.opcodes, start)]
        if start in blocks.clearing_handlers:
            return not self.each_line or opcode == SWAP
        if opcode in (FOR_ITER, GET_ANEXT):
            return blocks.falls_into(start) and lines.keys() <= lines_before.keys()
        return opcode in CLEARING and self._is_clearing(start, end)

    def _is_clearing(self, start: int, end: int) -> bool:
        """Return whether a block only clears up or jumps, as part of what leads to it (rules 3 and 4)."""
        blocks = self.blocks
        body = self.opcodes[start:end]
        if body.translate(None, CLEARING):
            return False
        leading = blocks.leading_to[start]
        before = {self.positions[jump.offset] for jump in leading}
        if blocks.falls_into(start):
            before.add(self.positions[start - 1])
        here = {position for position in self.positions[start:end] if position[0] is not None}
        if here != before or len(here) != 1 or here.pop()[2] is None:
            return False
        if body.translate(None, ONLY_JUMPING):
            return True
        if blocks.falls_into(start) or not all(jump.conditional for jump in leading):
            return True
        return end in blocks.ending_at and self._is_implied(leading, blocks.ending_at[end])

    def _is_implied(self, leading: list[Jump], jump: Jump) -> bool:
        """Return whether the probe at its target tells as much as one at a jump that is a block by itself."""
        blocks = self.blocks
        target = jump.target
        if self.opcodes[target] in CLEARING:
            return False
        if blocks.leading_to[target] == [jump] and not blocks.falls_into(target):
            return True
        top = blocks.ending_at.get(target)
        bottom = leading[0]
        return (
            top is not None
            and top.conditional
            and len(leading) == 1
            and blocks.ending_at.get(jump.start) == bottom
            and bottom.opcode == top.opcode
            and self.positions[bottom.offset] == self.positions[top.offset]
        )


def site_at(
    offset: int,
    position: Position,
    lines: tuple[int, ...],
    operation: int = 0,
    const: int = 0,
    arcs: tuple[tuple[int, int], ...] = (),
    conditions: tuple[Fact, ...] = (),
) -> Site:
    """Make a site, given the source position of its instruction."""
    line, end_line, column, end_column = position
    return tuple.__new__(
        Site,
        (
            offset,
            line or 0,
            end_line or 0,
            -1 if column is None else column,
            -1 if end_column is None else end_column,
            lines,
            operation,
            const,
            arcs,
            conditions,
        ),
    )
