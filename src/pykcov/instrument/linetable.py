"""co_linetable: the source positions of the instructions. The format is Objects/locations.md.

An entry is a byte 0x80 | kind << 3 | length - 1, the length being in code units, and data whose bytes have no top bit.
It gives the line as a difference to the entry before, so an entry can be kept as it is wherever its line starts.
"""

import re
from _bisect import bisect_right
from itertools import accumulate

_ENTRY = re.compile(rb"[\x80-\xff][\x00-\x7f]*")
_LONGEST = 8
_ONE_LINE = range(10, 13)  # Kinds: the line is that of the entry before, plus 0, 1 or 2; two columns follow.
_NO_COLUMNS = 13
_LONG = 14
_NOWHERE = bytes((0x80 | 15 << 3,))


def grown(table: bytes, units: dict[int, int], size: int, behind: int) -> bytes:
    """Write the table of code with more units in it: `units` before the instruction at each offset, ascending.

    What is put in gets the position of that instruction; none if the table does not reach so far. Nor have those
    units a position that are put behind all of it: so many, behind the `size` of the code before.
    """
    entries: list[bytes] = _ENTRY.findall(table)
    ends = list(accumulate([(entry[0] & 7) + 1 for entry in entries]))
    lengths: dict[int, int] = {}
    for offset, more in units.items():
        at = bisect_right(ends, offset)
        if at == len(entries):
            break
        lengths[at] = lengths.get(at, (entries[at][0] & 7) + 1) + more
    for at, length in lengths.items():
        entries[at] = _resized(entries[at], length)
    if behind and ends and ends[-1] == size:
        entries.append(_resized(_NOWHERE, behind))
    return b"".join(entries)


def _resized(entry: bytes, length: int) -> bytes:
    """Write an entry for `length` code units, as several if need be."""
    first = entry[0] & 0xF8
    if length <= _LONGEST:
        return bytes((first | length - 1,)) + entry[1:]
    again = _same_line(entry)
    pieces = [bytes((first | _LONGEST - 1,)), entry[1:]]
    while (length := length - _LONGEST) > 0:
        pieces += bytes((again[0] & 0xF8 | min(length, _LONGEST) - 1,)), again[1:]
    return b"".join(pieces)


def _same_line(entry: bytes) -> bytes:
    """Write the entry that gives the same position right behind this one: the difference of lines is 0."""
    kind = entry[0] >> 3 & 0xF
    if kind in _ONE_LINE:
        return bytes((0x80 | _ONE_LINE[0] << 3,)) + entry[1:]
    if kind == _NO_COLUMNS:
        return entry[:1] + b"\0"
    if kind == _LONG:
        after = 1
        while entry[after] & 0x40:
            after += 1
        return entry[:1] + b"\0" + entry[after + 1 :]
    return entry
