"""The blocks of a code object: where they begin and end, and what leads to them."""

from collections.abc import Iterator

from pykcov.instrument.controlflow import ControlFlow, Jump
from pykcov.instrument.exceptiontable import Handled
from pykcov.instrument.opcodes import (
    BEHIND_UNTAKEN,
    CLEANUP_THROW,
    END_ASYNC_FOR,
    FOR_ITER,
    FOR_ITER_EXIT,
    GET_ANEXT,
    OPERANDS_OF_AWAIT,
    PUSH_EXC_INFO,
    SEND,
    SEND_EXIT,
    SEND_TARGETS,
)


class Blocks:
    """Code cut at function entry, at jump targets, behind conditional jumps and at exception handlers.

    An await (SEND, YIELD_VALUE, RESUME and a jump back) is taken as one instruction, as a call is: no block begins in
    it or behind it, except for the body of an async for, which is not entered when the iterator ends.
    """

    __slots__ = ("_cut_off", "_stops", "awaited", "clearing_handlers", "ending_at", "leading_to")

    def __init__(self, opcodes: bytes, flow: ControlFlow, handled: list[Handled], entry: int) -> None:
        """`entry` is the offset at which the first block begins."""
        self.leading_to: dict[int, list[Jump]] = {entry: []}
        """Offset of a block -> the jumps that lead to it, also by not jumping."""
        self.ending_at: dict[int, Jump] = {_behind(opcodes, jump.end): jump for jump in flow.jumps}
        """Offset behind a jump, and behind the NOT_TAKEN that belongs to it -> the jump."""
        self.clearing_handlers: set[int] = set()
        """Offsets of exception handlers that no except, finally, with or async for of the source stands for."""
        self.awaited: dict[int, int] = {}
        """Offset of the body of an async for, or of what is behind the loop -> an offset in its await."""
        # Offsets of blocks to which control does not come from the instruction before.
        self._cut_off = {entry, *flow.stops}
        awaits = self._follow(opcodes, flow.jumps)
        # Behind these control comes from the await itself.
        self._cut_off -= awaits
        for end in awaits:
            self.ending_at.pop(end, None)
        self._catch(opcodes, handled)
        # Offsets behind instructions that end a block because they never run on, ascending.
        self._stops = [stop for stop in flow.stops if stop not in awaits] if awaits else flow.stops

    def _follow(self, opcodes: bytes, jumps: list[Jump]) -> set[int]:
        """Cut at jumps; return the offsets behind those that go back to the SEND of an await."""
        leading_to = self.leading_to
        awaits = set()
        for jump in jumps:
            target = jump.target
            if jump.opcode == SEND:
                if _of_async_for(opcodes, jump.start):
                    body = _behind(opcodes, target + SEND_EXIT)
                    leading_to.setdefault(body, [])
                    self.awaited[body] = jump.start
                continue
            if opcodes[target] in SEND_TARGETS:
                if opcodes[target] == SEND:
                    awaits.add(jump.end)
                continue
            if jump.opcode == FOR_ITER:
                target += FOR_ITER_EXIT
                if FOR_ITER_EXIT:
                    # Right before is what only the end of the loop runs. On 3.11 it may be a break, which runs on.
                    self._cut_off.add(target)
            leading_to.setdefault(target, []).append(jump)
            if jump.conditional:
                leading_to.setdefault(_behind(opcodes, jump.end), []).append(jump)
        return awaits

    def _catch(self, opcodes: bytes, handled: list[Handled]) -> None:
        for entry in handled:
            opcode = opcodes[entry.target]
            if opcode == END_ASYNC_FOR:
                # It raises again what is not the end of the iterator: only behind it has the loop ended.
                self.leading_to.setdefault(entry.target + 1, [])
                self.awaited.setdefault(entry.target + 1, entry.start)
            elif opcode != CLEANUP_THROW:
                self.leading_to.setdefault(entry.target, [])
                if opcode != PUSH_EXC_INFO:
                    self.clearing_handlers.add(entry.target)

    def extents(self, size: int) -> Iterator[tuple[int, int]]:
        """Yield the start and end of each block, ascending. `size` is that of the code."""
        starts = sorted(self.leading_to)
        stops = iter(self._stops)
        stop = next(stops, size)
        for start, following in zip(starts, [*starts[1:], size], strict=True):
            while stop <= start:
                stop = next(stops, size)
            yield start, min(stop, following)

    def falls_into(self, start: int) -> bool:
        """Return whether control comes to a block from an instruction right before it that is no jump."""
        return start not in self._cut_off and start not in self.ending_at


def _behind(opcodes: bytes, offset: int) -> int:
    """Return where the block begins to which control goes on at an offset."""
    return offset + 1 if offset < len(opcodes) and opcodes[offset] in BEHIND_UNTAKEN else offset


def _of_async_for(opcodes: bytes, send: int) -> bool:
    """Return whether this SEND awaits the next item of an async for: GET_ANEXT, the load of None, SEND."""
    before = send - 1
    while opcodes[before] in OPERANDS_OF_AWAIT:
        before -= 1
    return opcodes[before] == GET_ANEXT
