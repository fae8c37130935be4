"""How deep the stack is where a probe is to stand."""

import sys
from _bisect import bisect_right
from array import array
from collections.abc import Iterable
from itertools import accumulate

from pykcov.instrument.controlflow import ControlFlow
from pykcov.instrument.exceptiontable import Handled
from pykcov.instrument.opcodes import EXTENDED_ARG, JUMP_EFFECTS, STACK_EFFECTS


class Depths:
    """How deep the stack is before each instruction of a code string."""

    __slots__ = ("_corrections", "_running", "_stops")

    def __init__(self, code: bytes, flow: ControlFlow, handled: list[Handled], entry: int) -> None:
        """`entry` is the offset at which the depth is 0."""
        # Depths as if all instructions ran one after another; what is wrong with that is the same for all of a
        # segment, the code from one stop to the next.
        units = array("H", code)
        if sys.byteorder == "big":
            units.byteswap()
        effects = list(map(STACK_EFFECTS.__getitem__, units))
        _correct_long_arguments(code, effects)
        self._running = [0, *accumulate(effects)]
        self._corrections = _corrections(flow, handled, entry, self._running)
        self._stops = flow.stops

    def at(self, offset: int) -> int | None:
        """Return the depth at an offset; None if control never reaches it."""
        correction = self._corrections[bisect_right(self._stops, offset)]
        return None if correction is None else self._running[offset] + correction

    def deepest(self, offsets: Iterable[int]) -> int:
        """Return the greatest depth at some offsets, 0 if control reaches none of them."""
        return max((depth for offset in offsets if (depth := self.at(offset)) is not None), default=0)


def _correct_long_arguments(code: bytes, effects: list[int]) -> None:
    """Give instructions with EXTENDED_ARG the effect of their whole argument."""
    opcodes = code[::2]
    at = opcodes.find(EXTENDED_ARG)
    while at >= 0:
        argument = 0
        while opcodes[at] == EXTENDED_ARG:
            argument = argument << 8 | code[at * 2 + 1]
            at += 1
        effects[at] = STACK_EFFECTS[(argument << 8 | code[at * 2 + 1]) << 8 | opcodes[at]]
        at = opcodes.find(EXTENDED_ARG, at + 1)


def _corrections(flow: ControlFlow, handled: list[Handled], entry: int, running: list[int]) -> list[int | None]:
    """Return, for each segment, what to add to the running depth; None for a segment that is never reached."""
    stops = flow.stops
    corrections: list[int | None] = [None] * (len(stops) + 1)

    def reach(offset: int, depth: int) -> bool:
        """Say that the depth at an offset is known."""
        segment = bisect_right(stops, offset)
        if corrections[segment] is not None:
            return False
        corrections[segment] = depth - running[offset]
        return True

    reach(entry, 0)
    for _, _, target, depth, lasti in handled:
        reach(target, depth + lasti + 1)
    # One pass is nearly always enough: compilers write code in the order in which it runs.
    progress = True
    while progress:
        progress = False
        for jump in flow.jumps:
            correction = corrections[bisect_right(stops, jump.offset)]
            if correction is not None:
                progress |= reach(jump.target, running[jump.offset] + correction + JUMP_EFFECTS[jump.opcode])
        if None not in corrections[:-1]:
            break
    return corrections
