"""co_exceptiontable: which handler catches what is raised where. The format is Objects/exception_handling_notes.txt."""

from collections.abc import Callable, Iterator
from typing import NamedTuple


class Handled(NamedTuple):
    """A range of code and its handler. Offsets are in code units."""

    start: int
    end: int
    target: int
    depth: int
    """To which the stack is cut before the exception, and before it the offset if `lasti`, is pushed."""
    lasti: bool
    """Whether the offset of the raising instruction is pushed too."""


def parse(table: bytes) -> list[Handled]:
    """Read an exception table."""
    numbers = _numbers(table)
    return [
        tuple.__new__(
            Handled, (start, start + next(numbers), next(numbers), (flags := next(numbers)) >> 1, flags & 1 == 1)
        )
        for start in numbers
    ]


def _numbers(table: bytes) -> Iterator[int]:
    number = 0
    for byte in table:
        number = number << 6 | byte & 0x3F
        if not byte & 0x40:
            yield number
            number = 0


def moved(ranges: list[Handled], moved_offset: Callable[[int], int]) -> bytes:
    """Write an exception table with all its offsets moved."""
    table = bytearray()
    for start, end, target, depth, lasti in ranges:
        new_start = moved_offset(start)
        entry_at = len(table)
        _append(table, new_start)
        _append(table, moved_offset(end) - new_start)
        _append(table, moved_offset(target))
        _append(table, depth << 1 | lasti)
        table[entry_at] |= 0x80
    return bytes(table)


def _append(table: bytearray, number: int) -> None:
    """Append a number, its highest 6 bits first."""
    shift = 0
    while number >> shift + 6:
        shift += 6
    while shift:
        table.append(number >> shift & 0x3F | 0x40)
        shift -= 6
    table.append(number & 0x3F)
