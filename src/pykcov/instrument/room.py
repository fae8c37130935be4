"""Where something may be put into code."""

from collections.abc import Sequence
from typing import Any

from pykcov.instrument.controlflow import instruction_at
from pykcov.instrument.opcodes import BINARY_OP, CACHE, CACHES, STORE_FAST, STUCK, STUCK_BEHIND


class Room:
    """Knows before which instructions of a code object nothing may stand. Offsets are in code units."""

    __slots__ = ("_opcodes", "_positions")

    def __init__(self, opcodes: bytes, positions: Sequence[Any]) -> None:
        """`positions`: those of co_positions(), one for each of the opcodes."""
        self._opcodes = opcodes
        self._positions = positions

    def free(self, offset: int, end: int) -> int:
        """Return the first offset from the given one on at which something may be put in, or `end`."""
        opcodes = self._opcodes
        while offset < end:
            at = instruction_at(opcodes, offset)
            opcode = opcodes[at]
            if opcode not in STUCK and not (
                opcode in STUCK_BEHIND and opcodes[self._before(offset)] in STUCK_BEHIND[opcode]
            ):
                break
            offset = at + 1 + CACHES[opcode]
        return offset

    def line_start(self, offset: int, end: int) -> int:
        """Return the same where a line begins at an offset.

        A sum and the STORE_FAST that stores it append to a string in place: torn apart, a loop of them becomes
        quadratic. What is stored is not lost by storing, so the line has begun behind it too.
        """
        if (
            self._opcodes[offset] == STORE_FAST
            and offset + 1 < end
            and self._opcodes[self._before(offset)] == BINARY_OP
            and self._positions[offset + 1][0] is not None
        ):
            offset += 1
        return self.free(offset, end)

    def _before(self, offset: int) -> int:
        """Return the offset of the instruction before this one."""
        offset -= 1
        while offset and self._opcodes[offset] == CACHE:
            offset -= 1
        return offset
