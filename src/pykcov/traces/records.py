"""Entries of a buffer as numpy arrays and as records.

`words` is the whole buffer: word 0 counts the entries and may hold anything, as it is in the user's hands; what does
not fit into the buffer is not there.
"""

import struct
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final, NamedTuple

from pykcov.traces.pcs import is_python

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

COMPARISON_WORDS: Final = 4
"""Words of an entry of TRACE_CMP: type, operand 1, operand 2, pc."""

OPERAND_BYTES: Final = 64
"""No more of an operand is recorded."""

OPERATIONS: Final = (
    *("", "==", "!=", "<", "<=", ">", ">=", "in", "not in", "startswith", "endswith", "find", "index", "count"),
    *("split", "partition", "removeprefix", "removesuffix", "subscript", "match", "get"),
    *("read", "write", "look", "change"),
)
"""What `Comparison.op` may be, by its number in the type; '' is unknown. The last four are accesses, never compared."""

# Of the type; as in kcov.h.
_CONST = 0x1
_PAYLOAD = 0x8
_FLOAT = 0x10
_SWAPPED = 0x20
_TEXT = 0x40
_INTEGER = 0x80

Operand = int | float | str | bytes

_ENTRY = struct.Struct("=4Q")


class Comparison(NamedTuple):
    """A comparison: an entry of TRACE_CMP, or, with CMP_BYTES, an entry with the payload that follows it."""

    op: str
    """One of OPERATIONS; '' in native code, and without CMP_BYTES."""
    size: int
    """Bytes of an operand (1, 2, 4 or 8); 0 for str, bytes and longer integers, which have lengths of their own."""
    const: bool
    """Whether `operand1` is a constant in the code."""
    operand1: Operand
    """The left operand, or the right one if that is a constant.

    A bool is an int here, and a bytearray is bytes. Numbers of native code, whose type is unknown, have no sign. Of a
    str, of bytes or of a long integer (its lowest bytes), at most OPERAND_BYTES bytes were recorded.
    """
    operand2: Operand
    """The other one."""
    pc: int
    """The place of the comparison."""
    swapped: bool = False
    """Whether `operand1` is the right operand in the source; always false without CMP_BYTES."""
    length1: int = 0
    """Length of operand1 in bytes before it was cut; in characters for a str of more than OPERAND_BYTES characters."""
    length2: int = 0
    """The same for operand2."""

    @property
    def left(self) -> Operand:
        """The operand on the left in the source, such as what `in` looks for, or the str of str.find()."""
        return self.operand2 if self.swapped else self.operand1

    @property
    def right(self) -> Operand:
        """The operand on the right in the source."""
        return self.operand1 if self.swapped else self.operand2


class MissingLibraryError(ImportError):
    """What was asked for needs a library that a plain installation does not have."""


def need_numpy() -> None:
    """Raise MissingLibraryError unless there is numpy. It is not imported."""
    # Not before: it takes time, and most programs ask for no arrays.
    from importlib.util import find_spec

    if find_spec("numpy") is None:
        raise MissingLibraryError("arrays and comparisons need numpy: pip install 'pykcov[arrays]'")


def array(words: memoryview) -> "NDArray[np.uint64]":
    """Return the words of a buffer as an array, without a copy. Raises MissingLibraryError."""
    need_numpy()
    # Not before: numpy starts threads and imports much, which a program under `pykcov run` must not notice.
    import numpy as np

    return np.frombuffer(words, dtype=np.uint64)


def pcs(words: "NDArray[np.uint64]") -> "NDArray[np.uint64]":
    """Return the entries of a mode that records pcs: a copy."""
    return words[1 : 1 + _entries(words, 1)].copy()


def entries(words: "NDArray[np.uint64]") -> "NDArray[np.uint64]":
    """Return the entries of TRACE_CMP, a row each, without a copy: later events and reset() show in it."""
    length = COMPARISON_WORDS * _entries(words, COMPARISON_WORDS)
    return words[1 : 1 + length].reshape(-1, COMPARISON_WORDS)


def comparisons(rows: "NDArray[np.uint64]") -> list[Comparison]:
    """Decode entries of TRACE_CMP, with and without CMP_BYTES.

    Raises ValueError if the payload of one is not there: the rows do not begin and end with a record, another thread is
    writing it at this moment, or they were recorded in another mode.
    """
    # One copy: what is looked at must not change.
    rows = rows.copy()
    beginnings, damage = starts(rows)
    if damage:
        raise ValueError(damage)
    return list(decode(rows, beginnings))


def records_in(words: memoryview, most: int) -> Iterator[bytes]:
    """Return the records in a buffer of TRACE_CMP as they are, at most so many; up to a damaged one. Without numpy.

    Equal bytes are equal comparisons, which need to be decoded only once.
    """
    count = min(words[0], (len(words) - 1) // COMPARISON_WORDS)
    rows = words[1 : 1 + COMPARISON_WORDS * count]
    numbers, octets = rows.tolist(), rows.tobytes()
    at = 0
    while at < count and most > 0:
        kind = numbers[COMPARISON_WORDS * at]
        end = at + 1
        if kind & _PAYLOAD:
            first, second = numbers[COMPARISON_WORDS * at + 1 : COMPARISON_WORDS * at + 3]
            end += _operand_entries(first) + _operand_entries(second)
            if end - at - 1 != kind >> 16 or end > count:
                return
        yield octets[_ENTRY.size * at : _ENTRY.size * end]
        at = end
        most -= 1


def comparison_of(record: bytes) -> Comparison:
    """Decode a record that records_in() has returned."""
    kind, first, second, pc = _ENTRY.unpack_from(record)
    if kind & _PAYLOAD:
        return _payload_record(kind, first, second, pc, record, _ENTRY.size)
    return _number_record(kind, first, second, pc)


def starts(rows: "NDArray[np.uint64]") -> tuple["NDArray[np.int64]", str]:
    """Return the entries of TRACE_CMP that begin a record, and what is wrong with the entry behind the last of those.

    '' if nothing is. Behind an entry whose payload is not there nobody knows where the next record begins.
    """
    # Not before: see array().
    import numpy as np

    with_payload = rows[:, 0] & np.uint64(_PAYLOAD) != 0
    if not with_payload.any():
        return np.arange(len(rows)), ""
    found: list[int] = []
    at = 0
    numbers: list[list[int]] = rows[:, :3].tolist()
    while at < len(numbers):
        kind, first, second = numbers[at]
        end = at + 1
        if kind & _PAYLOAD:
            end += _operand_entries(first) + _operand_entries(second)
            if end - at - 1 != kind >> 16 or end > len(numbers):
                damage = f"entry {at}, of type {kind:#x}, is not followed by its {kind >> 16} entries of payload"
                return np.array(found, np.int64), damage
        found.append(at)
        at = end
    return np.array(found, np.int64), ""


def decode(rows: "NDArray[np.uint64]", beginnings: "NDArray[np.int64]") -> Iterator[Comparison]:
    """Decode the records that begin at these entries, which starts() has returned."""
    numbers = rows.tolist()
    octets = rows.tobytes()
    for at in beginnings.tolist():
        kind, first, second, pc = numbers[at]
        if not kind & _PAYLOAD:
            yield _number_record(kind, first, second, pc)
            continue
        yield _payload_record(kind, first, second, pc, octets, 32 * (at + 1))


def _payload_record(kind: int, first: int, second: int, pc: int, octets: bytes, start: int) -> Comparison:
    middle = start + 32 * _operand_entries(first)
    return Comparison(
        _operation(kind),
        0,
        bool(kind & _CONST),
        _operand(kind, octets[start:middle], first),
        _operand(kind, octets[middle : middle + OPERAND_BYTES], second),
        pc,
        bool(kind & _SWAPPED),
        first,
        second,
    )


def _number_record(kind: int, first: int, second: int, pc: int) -> Comparison:
    size = 1 << (kind >> 1 & 3)
    return Comparison(
        _operation(kind),
        size,
        bool(kind & _CONST),
        _number(kind, first, size, pc),
        _number(kind, second, size, pc),
        pc,
        bool(kind & _SWAPPED),
        size,
        size,
    )


def _number(kind: int, word: int, size: int, pc: int) -> int | float:
    if kind & _FLOAT:
        octets = word.to_bytes(8, "little")
        number: float = struct.unpack_from("<f" if size == 4 else "<d", octets)[0]
        return number
    if is_python(pc) and word >> 8 * size - 1 & 1:
        return word - (1 << 8 * size)
    return word


def _operand(kind: int, payload: bytes, length: int) -> Operand:
    octets = payload[: min(length, OPERAND_BYTES)]
    if kind & _INTEGER:
        return int.from_bytes(octets, "little", signed=length <= OPERAND_BYTES)
    if not kind & _TEXT:
        return octets
    if length > OPERAND_BYTES:
        octets = _whole_characters(octets)
    try:
        return octets.decode("utf-8", "surrogatepass")
    except UnicodeDecodeError:  # Not from the core.
        return octets.decode("utf-8", "backslashreplace")


def _whole_characters(octets: bytes) -> bytes:
    """Cut off the beginning of a character that ends a piece of UTF-8."""
    start = len(octets) - 1
    while start > 0 and octets[start] & 0xC0 == 0x80:
        start -= 1
    first = octets[start]
    size = 1 if first < 0xC0 else 2 if first < 0xE0 else 3 if first < 0xF0 else 4
    return octets if start + size <= len(octets) else octets[:start]


def _operation(kind: int) -> str:
    number = kind >> 8 & 0xFF
    return OPERATIONS[number] if number < len(OPERATIONS) else ""


def _operand_entries(length: int) -> int:
    return 2 if length > 8 * COMPARISON_WORDS else int(length > 0)


def _entries(words: "NDArray[np.uint64]", width: int) -> int:
    """How many entries of `width` words there are."""
    return min(int(words[0]), (len(words) - 1) // width)
