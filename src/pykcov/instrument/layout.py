"""Instructions put between those of a code string.

What is put in belongs to the instruction that it precedes: jumps to that instruction reach it first unless told
otherwise, and both have the same source position and lie in the same exception ranges.
"""

from _bisect import bisect_left
from collections.abc import Mapping
from itertools import accumulate

from pykcov.instrument.controlflow import Jump
from pykcov.instrument.opcodes import EXTENDED_ARG


class Layout:
    """Where the instructions come to stand, and the arguments of the jumps between them.

    A longer jump may need another EXTENDED_ARG, which lengthens the jumps over it in turn. No jump gets shorter.
    """

    __slots__ = ("_arguments", "_before", "_entries", "_jumps", "_offsets", "_pieces", "_widened", "units")

    def __init__(self, pieces: dict[int, bytes], jumps: list[Jump], entries: Mapping[int, int]) -> None:
        """Take what to put before the instructions at some offsets (ascending, in code units), and all jumps.

        entries: by start of a jump, how many code units of what was put before its target it passes by.
        """
        self._pieces = pieces
        self._entries = entries
        self._jumps = jumps
        # Offset of a jump -> EXTENDED_ARGs that it gets.
        self._widened: dict[int, int] = {}
        self.units = {offset: len(piece) // 2 for offset, piece in pieces.items()}
        """Offset -> code units put in there, ascending."""
        self._measure()
        while narrow := self._narrow():
            for start in narrow:
                self._widened[start] = self._widened.get(start, 0) + 1
                self.units[start] = self.units.get(start, 0) + 1
            self.units = dict(sorted(self.units.items()))
            self._measure()

    def _measure(self) -> None:
        self._offsets = list(self.units)
        # Code units put in before the first of these offsets, before the second, ...
        self._before = [0, *accumulate(self.units.values())]
        into = self._entries.get
        self._arguments = [
            abs(self.moved(jump.target) + into(jump.start, 0) - self.moved(jump.end)) for jump in self._jumps
        ]

    def _narrow(self) -> list[int]:
        """Return the offsets of the jumps with too few EXTENDED_ARGs."""
        return [
            jump.start
            for jump, argument in zip(self._jumps, self._arguments, strict=True)
            if argument > 0xFF and argument >> 8 * self._width(jump)
        ]

    def _width(self, jump: Jump) -> int:
        """Return how many bytes a jump has for its argument."""
        return jump.offset - jump.start + 1 + self._widened.get(jump.start, 0)

    def moved(self, offset: int) -> int:
        """Return where the instruction at an offset comes to stand, with what was put before it."""
        return offset + self._before[bisect_left(self._offsets, offset)]

    def code(self, original: bytes) -> bytes:
        """Write the new code string."""
        code = bytearray(original)
        pieces = self._pieces.copy()
        for jump, argument in zip(self._jumps, self._arguments, strict=True):
            start, offset = jump.start, jump.offset
            if argument <= 0xFF and start == offset:
                code[offset * 2 + 1] = argument
                continue
            octets = argument.to_bytes(self._width(jump), "big")
            there = offset - start + 1
            code[start * 2 + 1 : offset * 2 + 2 : 2] = octets[-there:]
            if start in self._widened:
                prefixes = b"".join([bytes((EXTENDED_ARG, octet)) for octet in octets[:-there]])
                pieces[start] = pieces.get(start, b"") + prefixes
        parts: list[bytes | bytearray] = []
        behind = 0
        for offset in self._offsets:
            parts += code[behind * 2 : offset * 2], pieces[offset]
            behind = offset
        parts.append(code[behind * 2 :])
        return b"".join(parts)
