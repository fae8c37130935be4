"""Probed code as bytes: made of a module's code once, turned into code with probes again in other processes.

It is the code of a module, or that of functions of a module that were found alive.

Probes cannot be marshalled. In their places stands None, and they are put in when the code was read (_load.c). What is
known of their places stays bytes until somebody asks.
"""

import marshal
from array import array
from collections.abc import Callable, Iterator, Sequence
from types import CodeType
from typing import Any

from pykcov import _core
from pykcov._core import CompareProbe, Probe
from pykcov._load import bind
from pykcov._view import constants, with_constants
from pykcov.instrument.kind import Kind
from pykcov.traces.locations import described, register_stored

AnyProbe = Probe | CompareProbe
Description = tuple[bytes, str, bytes, int, tuple[int, ...]]
Originals = Callable[[], Sequence[CodeType]]


def dump(pairs: Sequence[tuple[CodeType, CodeType]]) -> bytes | None:
    """Write down probed code: pairs of code before and after.

    What cannot be written down, or holds in this process only, is left out; None if that is all.
    """
    bindings = array("I")
    places: dict[int, int] = {}  # Of the first probe of code -> where its probes begin.
    probes: list[AnyProbe] = []
    described_codes: list[Description] = []
    written: list[CodeType | None] = []
    for original, probed in pairs:
        descriptions = _descriptions(original, probed)
        if descriptions is None:
            written.append(None)
            continue
        written.append(_without_probes(original, probed))
        for (before, after), description in zip(code_pairs(original, probed), descriptions, strict=True):
            first = len(before.co_consts)
            own = constants(after)[first:]
            if id(own[0]) not in places:
                described_codes.append(description)
                places[id(own[0])] = len(probes)
                probes += own
            bindings.extend((first, len(own), places[id(own[0])]))
    if not any(written):
        return None
    comparisons = array(
        "H", [probe.operation | probe.const << 8 if type(probe) is CompareProbe else 0 for probe in probes]
    )
    try:
        # Needed to write and where somebody asks: what pykcov imports, a traced program finds imported already.
        from zlib import compress

        return marshal.dumps(
            (
                tuple(written),
                bindings.tobytes(),
                array("Q", [probe.pc for probe in probes]).tobytes(),
                comparisons.tobytes() if any(comparisons) else b"",
                tuple(base for description in described_codes for base in description[4]),
                compress(marshal.dumps(described_codes)),
            )
        )
    except (ValueError, ImportError):  # A constant that no compiler makes; a Python without zlib.
        return None


def _descriptions(original: CodeType, probed: CodeType) -> list[Description] | None:
    found = []
    for before, after in code_pairs(original, probed):
        description = described(constants(after)[len(before.co_consts)])
        if description is None or after.co_filename != probed.co_filename:
            return None
        found.append(description)
    return found


def load(dumped: memoryview, kind: Kind, module: str, file: str, originals: Originals) -> list[CodeType | None] | None:
    """Make probed code of what dump() wrote down, in the same order; None in the places of what it has left out.

    originals: returns the code before, in that order. None if some of its pcs are taken: it is there already, or other
    code is that has the same ones.
    """
    codes, bindings, pcs, comparisons, bases, described_codes = marshal.loads(dumped)
    numbers = memoryview(pcs).cast("Q")
    probes = _probes(numbers, memoryview(comparisons).cast("H"))
    written = tuple(code is not None for code in codes)
    stored = StoredCode(kind, module, file, bases, probes, bindings, described_codes, originals, written)
    if not register_stored(stored, numbers, probes):
        return None
    bind(codes, probes, bindings)
    return list(codes)


class StoredCode:
    """Code of a module that load() has read: where its probes are, and what it was before."""

    __slots__ = (
        *("_bindings", "_described", "_known", "_originals", "_probes", "_written"),
        *("bases", "file", "kind", "module"),
    )

    def __init__(
        self,
        kind: Kind,
        module: str,
        file: str,
        bases: Sequence[int],
        probes: list[AnyProbe],
        bindings: bytes,
        described_codes: bytes,
        originals: Originals,
        written: Sequence[bool],
    ) -> None:
        """Keep the parts of what dump() wrote down; `written`: which of the originals were not left out."""
        self.kind = kind
        self.module = module
        self.file = file
        self.bases = bases
        self._probes = probes
        self._bindings = bindings
        self._described = described_codes
        self._originals = originals
        self._written = written
        self._known: dict[int, CodeType] = {}

    def read(self) -> Iterator[tuple[bytes, str, bytes, int, tuple[int, ...], Sequence[AnyProbe]]]:
        """Return what locations.described() said of each code object, and its probes."""
        # Not before: nobody may ask.
        from zlib import decompress

        start = 0
        for description in marshal.loads(decompress(self._described)):
            sites = description[3]
            yield (*description, tuple(self._probes[start : start + sites]))
            start += sites

    def original(self, pc: int) -> CodeType | None:
        """Return what the code of a pc was before it had probes."""
        if not self._known:
            starts = array("I", self._bindings)[2::3]
            written = (code for code, is_written in zip(self._originals(), self._written, strict=True) if is_written)
            for start, original in zip(starts, (each for code in written for each in _nested(code)), strict=True):
                self._known.setdefault(self._probes[start].pc >> 16, original)
        return self._known.get(pc >> 16)


def _probes(pcs: memoryview, comparisons: memoryview) -> list[AnyProbe]:
    if not comparisons:
        return _core.probes(pcs)  # type: ignore[return-value]
    pairs = list(zip(pcs, comparisons, strict=True))
    reaching = iter(_core.probes([pc for pc, comparison in pairs if not comparison]))
    comparing = iter(_core.compare_probes([(pc, number & 0xFF, number >> 8) for pc, number in pairs if number]))
    return [next(comparing) if comparison else next(reaching) for comparison in comparisons]


def _nested(code: CodeType) -> Iterator[CodeType]:
    """Yield a code object and those in it, the outer ones first."""
    yield code
    for constant in code.co_consts:
        if type(constant) is CodeType:
            yield from _nested(constant)


def code_pairs(original: CodeType, probed: CodeType) -> Iterator[tuple[CodeType, CodeType]]:
    """Yield a code object and what rewrite() made of it, then those nested in it, in the order of rewrite()."""
    yield original, probed
    for before, after in zip(original.co_consts, constants(probed), strict=False):
        if type(before) is CodeType:
            yield from code_pairs(before, after)


def _without_probes(original: CodeType, probed: CodeType) -> CodeType:
    """Return the code with None in the places of probes."""
    first = len(original.co_consts)
    shown: list[Any] = [
        _without_probes(before, after) if type(before) is CodeType else after
        for before, after in zip(original.co_consts, constants(probed), strict=False)
    ]
    return with_constants(probed, (*shown, *[None] * (len(constants(probed)) - first)))
