"""Lines and arcs of files as masks: bit n is line n, or the arc at index n among those that are known."""

import os
from array import array
from collections.abc import Iterable, Mapping

from pykcov.traces.arcs import Arc

Lines = Mapping[str, int]
"""Files, and which of their lines, or of their known arcs."""


def is_file(name: str) -> bool:
    """Return whether the name that a code object has for its file may be one: '<string>' is none."""
    return bool(name) and not name.startswith("<")


_real: dict[str, str] = {}


def real_file(name: str) -> str:
    """Return the name of a file as coverage.py writes it: absolute, without links."""
    found = _real.get(name)
    if found is None:
        found = _real[name] = os.path.realpath(name)
    return found


def numbers_of(mask: int) -> list[int]:
    """Return the bits of a mask, ascending."""
    return [number for number, bit in enumerate(bin(mask)[:1:-1]) if bit == "1"]


def mask_of(numbers: Iterable[int]) -> int:
    """Return the mask with these bits."""
    mask = 0
    for number in numbers:
        mask |= 1 << number
    return mask


def mask_of_lines(lines: Iterable[int]) -> int:
    """Return the mask of lines of a source: line 0 is that of a module's first instruction, and none of these."""
    return mask_of(lines) & ~1


def arcs_in(known: bytes) -> list[Arc]:
    """Return which arc each bit stands for: in bytes they take less, and are compared at once."""
    numbers = memoryview(known).cast("i").tolist()
    return list(zip(numbers[::2], numbers[1::2], strict=True))


def bytes_of(arcs: Iterable[Arc]) -> bytes:
    """Return arcs as arcs_in() reads them."""
    return array("i", (line for arc in arcs for line in arc)).tobytes()


def union(one: Lines, other: Lines) -> Lines:
    """Return what is in one or the other."""
    if one is other:
        return one
    return {file: one.get(file, 0) | other.get(file, 0) for file in {**one, **other}}
