"""What a choice could become, so that what it led to meets what that was compared with.

An operand that was recorded (`have`) is looked for in a choice's value; where it is found, the other operand (`want`)
takes its place. Nothing is known of what lies between a choice and an operand, so several ways are proposed, each with
a name: those that keep failing are tried less (guidance.py).
"""

import math
from collections.abc import Iterator
from typing import TypeAlias, TypeVar

from pykcov.contrib.hypothesis.example import Value
from pykcov.traces.records import OPERAND_BYTES, Comparison, Operand

Proposal: TypeAlias = tuple[str, Value]
"""How it was made, and what it is."""

Text = TypeVar("Text", str, bytes)

ORDERS = frozenset(("<", "<=", ">", ">="))
"""Operations whose outcome changes beside an operand."""
SELECTIONS = frozenset(("get", "subscript", "in", "not in", "match"))
"""Operations that ask for one of several operands."""
_SEARCHES = frozenset(("find", "index", "count", "split", "partition", "in", "not in"))
_LARGEST_LENGTH = 4096
_MOST_GROWTH = 256


class Sought:
    """One operand of a comparison, which came from a choice perhaps, and the one it should have been."""

    def __init__(self, op: str, have: Operand, want: Operand, side: int, is_left: bool) -> None:
        """Name them; side: 0 if `have` is operand1, else 1; is_left: it is on the left in the source."""
        self.op = op
        self.have = have
        self.want = want
        self.side = side
        self.is_left = is_left


def sought(comparison: Comparison) -> Iterator[Sought]:
    """Return what a comparison asks for: each operand in the place of the other, but for constants of the code."""
    one, two = comparison.operand1, comparison.operand2
    equal = type(one) is type(two) and one == two
    if equal and comparison.op not in ORDERS:
        return
    if not comparison.const and _is_whole(one, comparison.length1):
        yield Sought(comparison.op, one, two, 0, not comparison.swapped)
    if _is_whole(two, comparison.length2):
        yield Sought(comparison.op, two, one, 1, comparison.swapped)


def _is_whole(operand: Operand, length: int) -> bool:
    return not isinstance(operand, (str, bytes)) or length <= OPERAND_BYTES


def proposals(sought: Sought, value: Value) -> Iterator[Proposal]:
    """Return what `value` could become. Not all of it may be permitted."""
    have, want = sought.have, sought.want
    if isinstance(value, bool):
        return
    if isinstance(value, int):
        yield from _of_integer(sought, value)
    elif isinstance(value, float):
        yield from _of_float(sought, value)
    elif isinstance(value, str):
        if isinstance(have, str) and isinstance(want, str):
            yield from _of_text(sought, value, have, want)
        elif isinstance(have, bytes) and isinstance(want, bytes):
            try:
                yield from _of_text(sought, value, have.decode(), want.decode())
            except UnicodeDecodeError:
                return
        elif isinstance(have, int) and isinstance(want, int):
            yield from _of_text_as_number(sought, value, have, want)
    elif isinstance(have, bytes) and isinstance(want, bytes):
        yield from _of_text(sought, value, have, want)
    elif isinstance(have, str) and isinstance(want, str):
        encoded = have.encode("utf-8", "surrogatepass"), want.encode("utf-8", "surrogatepass")
        yield from _of_text(sought, value, *encoded)
    elif isinstance(have, int) and isinstance(want, int):
        yield from _of_bytes_as_number(sought, value, have, want)


def _targets(sought: Sought, want: int) -> Iterator[tuple[str, int]]:
    """Return what is to be met: of order comparisons both sides."""
    yield "", want
    if sought.op in ORDERS:
        yield "-1", want - 1
        yield "+1", want + 1


def _of_integer(sought: Sought, value: int) -> Iterator[Proposal]:
    have, want = sought.have, sought.want
    if isinstance(have, str) and isinstance(want, str):
        if have == str(value) and _is_decimal(want):
            yield "as text", int(want)
        return
    if isinstance(have, float) and isinstance(want, float):
        if have == value and math.isfinite(want):
            for name, target in _targets(sought, math.floor(want)):
                yield "as float" + name, target
        return
    if not isinstance(have, int) or not isinstance(want, int):
        return
    for name, target in _targets(sought, want):
        # A small difference is more likely one of the program than of chance.
        if abs(have - value) <= 300:
            yield "shifted" + name, target - (have - value)
        elif have == -value:
            yield "negated" + name, -target
        elif have and abs(value) > 1 and have % value == 0 and target % (have // value) == 0:
            yield "multiplied" + name, target // (have // value)
        elif have > 1 and value // have > 0 and value // (value // have) == have:
            yield "divided" + name, target * (value // have)
        elif any(value % (1 << bits) == have % (1 << bits) for bits in (16, 32, 64)):
            yield "cut" + name, target


def _of_float(sought: Sought, value: float) -> Iterator[Proposal]:
    have, want = sought.have, sought.want
    if not isinstance(have, (int, float)) or not isinstance(want, (int, float)):
        return
    try:
        have, want = float(have), float(want)
    except OverflowError:
        return
    if have == value or (have != have and value != value):
        yield "float", want
        if sought.op in ORDERS:
            yield "float+1", math.nextafter(want, math.inf)
            yield "float-1", math.nextafter(want, -math.inf)
    elif math.isfinite(have) and math.isfinite(want) and math.isfinite(value):
        if abs(have - value) < 1:  # rounded, or cut
            yield "rounded", want
        elif have and value and abs(scale := have / value) not in (0, math.inf) and scale == round(scale, 6):
            yield "scaled", want / scale
        yield "moved", want - (have - value)


def _of_text(sought: Sought, value: Text, have: Text, want: Text) -> Iterator[Proposal]:
    op = sought.op
    if op in _SEARCHES:
        # What was looked through is on the right of `in`, and on the left of a method.
        searched = sought.is_left if op not in ("in", "not in") else not sought.is_left
        if searched:
            yield from _inserted(value, have, want)
            return
    elif op in ("startswith", "removeprefix") and sought.is_left:
        yield from _inserted(value, have, want)
        at = value.find(have)
        if have and at >= 0:
            yield "over the beginning", value[:at] + want + value[at + len(want) :]
        return
    elif op in ("endswith", "removesuffix") and sought.is_left:
        at = value.find(have)
        if at >= 0:
            yield "behind", value[: at + len(have)] + want + value[at + len(have) :]
            yield "over the end", value[: max(at, at + len(have) - len(want))] + want + value[at + len(have) :]
        return
    if have == value:
        yield "whole", want
    elif have and (have == value.strip() or have == value.lower() or have == value.upper()):
        yield "folded", want
    elif not have:
        yield "at the end", value + want
        yield "at the beginning", want + value
    if have != value:
        yield from _replaced(value, have, want)


def _inserted(value: Text, have: Text, want: Text) -> Iterator[Proposal]:
    at = value.find(have)
    if at >= 0:
        yield "before", value[:at] + want + value[at:]
        yield "behind", value[: at + len(have)] + want + value[at + len(have) :]


def _replaced(value: Text, have: Text, want: Text) -> Iterator[Proposal]:
    """Return the value with one piece replaced: the first, the second, the last."""
    if not have:
        return
    places = dict.fromkeys((value.find(have), value.find(have, value.find(have) + 1), value.rfind(have)))
    for number, at in enumerate(place for place in places if place >= 0):
        yield f"piece {number}", value[:at] + want + value[at + len(have) :]


def _of_text_as_number(sought: Sought, value: str, have: int, want: int) -> Iterator[Proposal]:
    yield from _of_length(sought, value, have, want)
    for name, target in _targets(sought, want):
        if str(have) in value and have != target:
            yield "decimal" + name, value.replace(str(have), str(target), 1)
        if 0 <= target < 0x110000 and 0 <= have < 0x110000 and chr(have) in value and have != target:
            yield "character" + name, value.replace(chr(have), chr(target), 1)


def _of_bytes_as_number(sought: Sought, value: bytes, have: int, want: int) -> Iterator[Proposal]:
    yield from _of_length(sought, value, have, want)
    for name, target in _targets(sought, want):
        if have == target:
            continue
        if str(have).encode() in value:
            yield "decimal" + name, value.replace(str(have).encode(), str(target).encode(), 1)
        for size in (1, 2, 3, 4, 8):
            for order in ("little", "big") if size > 1 else ("little",):
                pair = _encoded(have, size, order), _encoded(target, size, order)
                if pair[0] is not None and pair[1] is not None:
                    for how, proposal in _replaced(value, pair[0], pair[1]):
                        yield f"{order} {size} {how}{name}", proposal


def _of_length(sought: Sought, value: Text, have: int, want: int) -> Iterator[Proposal]:
    if 0 <= have < len(value) and 0 < want - have <= _MOST_GROWTH:  # perhaps that of its rest
        yield "grown", value + (value * (want - have))[: want - have]
    if len(value) != have:
        return
    for name, size in _targets(sought, want):
        if 0 <= size <= _LARGEST_LENGTH and size != have:
            filler = value or (b"0" if isinstance(value, bytes) else "0")
            yield "length" + name, (filler * (size // len(filler) + 1))[:size]


def _encoded(number: int, size: int, order: str) -> bytes | None:
    try:
        return number.to_bytes(size, "little" if order == "little" else "big", signed=number < 0)
    except OverflowError:
        return None


def _is_decimal(text: str) -> bool:
    digits = text.removeprefix("-")
    return digits.isascii() and digits.isdigit() and len(digits) < 400 and text == str(int(text))
