"""What is known of one code object that has probes: its name, which pcs it has, and what stands at each.

The upper 48 bits of a pc are a hash of what the code is, not of where its file lies: a pc is the same in every run and
on every machine. Code of more than 65536 code units has several such numbers, one a segment.
"""

import sys
from _bisect import bisect_left
from _blake2 import blake2b
from array import array
from collections.abc import Iterable, Sequence
from types import CodeType
from typing import Protocol

from pykcov._core import CompareProbe, Probe
from pykcov.traces.facts import Fact, facts_in
from pykcov.traces.pcs import KERNEL_PC, PYTHON_PC

OFFSET_BITS = 16
_OFFSET_MASK = (1 << OFFSET_BITS) - 1
_CODE_MASK = (1 << 47) - 1
_CODE_TOP = 1 << 46
_KERNEL_CODE = (KERNEL_PC & PYTHON_PC - 1) >> OFFSET_BITS

Site = tuple[int, int, int, int, int, tuple[int, ...], int, int, tuple[tuple[int, int], ...], tuple[Fact, ...]]
"""What the rewriter says of a place: offset in code units, line, end_line, column, end_column, lines, of a comparison,
which may have the offset of the site before it, the operation and which operand is a constant, arcs, and
what was seen of conditions."""

# Of the numbers of a code object, per site: offset, line, end_line, column, end_column, end of its lines, operation and
# const << 8, how many of these lines are arcs, two numbers each, behind the others, and how many are facts of
# conditions, five numbers each, behind those. Then the lines of all sites.
_COLUMNS = 9
_LINES_END = 5
_COMPARISON = 6
_ARCS = 7
_CONDITIONS = 8


def pack(sites: Sequence[Site]) -> "array[int]":
    """Return the numbers of sites, which RegisteredCode.site() reads."""
    numbers = array("i")
    lines = array("i")
    lines_start = len(sites) * _COLUMNS
    for offset, line, end_line, column, end_column, implied, operation, const, arcs, conditions in sites:
        lines.extend(implied)
        for pair_or_fact in (*arcs, *conditions):
            lines.extend(pair_or_fact)
        comparison = operation | const << 8
        counts = len(arcs), len(conditions)
        numbers.extend((offset, line, end_line, column, end_column, lines_start + len(lines), comparison, *counts))
    numbers.extend(lines)
    return numbers


class RegisteredCode:
    """The sites of one code object. The standard library has 60 000 of these: the numbers are in one array."""

    __slots__ = ("bases", "count", "file", "function", "identity", "module", "numbers", "probes", "salt", "stored")

    def __init__(
        self,
        identity: bytes,
        file: str,
        function: str,
        module: str,
        numbers: "array[int]",
        count: int,
        bases: tuple[int, ...],
        salt: int = 0,
    ) -> None:
        """Take what pack() made of `count` sites, and the upper 48 bits of the pcs, one a segment.

        salt: not 0 if the pcs are not those that the code has by itself, since these belong to other code.
        """
        self.identity = identity
        self.file = sys.intern(file)
        self.function = function
        self.module = sys.intern(module)
        self.numbers = numbers
        self.count = count
        self.bases = bases
        self.salt = salt
        self.stored: Stored | None = None
        self.probes: Sequence[Probe | CompareProbe] = ()

    def pcs(self) -> list[int]:
        """Return the pc of each site."""
        return [self.bases[at >> OFFSET_BITS] << OFFSET_BITS | at & _OFFSET_MASK for at in self.offsets()]

    def row(self, pc: int) -> int | None:
        """Return which site has this pc, one of those with a base of ours; None: no site has."""
        offset = self.bases.index(pc >> OFFSET_BITS) << OFFSET_BITS | pc & _OFFSET_MASK
        offsets = self.offsets()
        row = bisect_left(offsets, offset)
        return row if row < len(offsets) and offsets[row] == offset else None

    def site(self, row: int) -> Site:
        """Return what the rewriter said of a site."""
        at = row * _COLUMNS
        offset, line, end_line, column, end_column, lines_end, comparison, arcs, conditions = self.numbers[
            at : at + _COLUMNS
        ]
        lines_start = self.numbers[at + _LINES_END - _COLUMNS] if row else self.count * _COLUMNS
        arcs_end = lines_end - 5 * conditions
        arcs_start = arcs_end - 2 * arcs
        return (
            offset,
            line,
            end_line,
            column,
            end_column,
            tuple(self.numbers[lines_start:arcs_start]),
            comparison & 0xFF,
            comparison >> 8,
            tuple(zip(self.numbers[arcs_start:arcs_end:2], self.numbers[arcs_start + 1 : arcs_end : 2], strict=True)),
            tuple(facts_in(self.numbers[arcs_end:lines_end])),
        )

    def operation(self, row: int) -> int:
        """Return what is compared or accessed at a site, 0: nothing.

        A comparison that code begins with, and an access, is a site of its own at the same offset.
        """
        at, end = row * _COLUMNS, self.count * _COLUMNS
        offset = self.numbers[at]
        while at + _COLUMNS < end and self.numbers[at + _COLUMNS] == offset:
            at += _COLUMNS
        return self.numbers[at + _COMPARISON] & 0xFF

    def offsets(self) -> "array[int]":
        """Return the offset of each site, in code units."""
        return self._column(0)

    def comparisons(self) -> "array[int]":
        """Return the operation and const << 8 of each site, 0 for those that are no comparison."""
        return self._column(_COMPARISON)

    def implied_lines(self) -> Iterable[int]:
        """Return the lines that hits of all sites imply."""
        if not any(self._column(_ARCS)) and not any(self._column(_CONDITIONS)):
            return self.numbers[self.count * _COLUMNS :]
        return [line for row in range(self.count) for line in self.site(row)[5]]

    def _column(self, which: int) -> "array[int]":
        return self.numbers[which : self.count * _COLUMNS : _COLUMNS]


class Copies:
    """Code that is there more than once, in files of different names or with other sites: all but the first."""

    __slots__ = ("_codes", "salt")

    def __init__(self) -> None:
        """Begin with none."""
        self._codes: dict[tuple[str, bytes], RegisteredCode] = {}
        self.salt = 1
        """What no copy has yet, nor any below it."""

    def find(self, file: str, numbers: "array[int]") -> RegisteredCode | None:
        """Return the copy in a file, with these sites."""
        return self._codes.get((file, numbers.tobytes()))

    def add(self, code: RegisteredCode) -> None:
        """Take one more."""
        self._codes[code.file, code.numbers.tobytes()] = code
        self.salt = code.salt + 1


class Stored(Protocol):
    """Code that was stored somewhere and is not read before somebody asks for one of its locations."""

    @property
    def file(self) -> str:
        """co_filename of all of the code."""

    @property
    def module(self) -> str:
        """The module that it belongs to."""

    @property
    def bases(self) -> Sequence[int]:
        """The upper 48 bits of all pcs, each once."""

    def read(self) -> Iterable[tuple[bytes, str, bytes, int, tuple[int, ...], Sequence[Probe | CompareProbe]]]:
        """Return what locations.described() said of each code object, and its probes."""


class Hasher:
    """Names a code object."""

    def __init__(self, code: CodeType, module: str) -> None:
        """Take a code object, and the name of its module."""
        names = f"{module}\0{code.co_qualname}\0{code.co_firstlineno}\0".encode("utf-8", "surrogatepass")
        bytecode = code.co_code
        self._hash = blake2b(names + len(bytecode).to_bytes(4, "little") + bytecode, digest_size=16)
        self._hash.update(code.co_linetable)
        self.identity = self._hash.digest()

    def base(self, segment: int, salt: int) -> int:
        """Return the upper 48 bits of the pcs in a segment."""
        hash = self._hash.copy()
        hash.update(b"%d,%d" % (segment, salt))
        code = int.from_bytes(hash.digest()[:6], "little") & _CODE_MASK
        return PYTHON_PC >> OFFSET_BITS | (code if code < _KERNEL_CODE else code ^ _CODE_TOP)
