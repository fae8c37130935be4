"""Probed code as bytes: made of a module's code once, turned into code with probes again in other processes.

Probes cannot be marshalled. In their places stands None, and they are put in when the code was read (_load.c). What is
known of their places stays bytes until somebody asks.
"""

import marshal
from _imp import _fix_co_filename  # type: ignore[attr-defined]
from array import array
from collections.abc import Iterator, Sequence
from types import CodeType
from typing import Any

from pykcov import _core
from pykcov._core import CompareProbe, Probe
from pykcov._load import bind
from pykcov._view import constants, with_constants
from pykcov.instrument.kind import Kind
from pykcov.locations import described, register_stored

AnyProbe = Probe | CompareProbe


def dump(original: CodeType, probed: CodeType) -> bytes | None:
    """Write down probed code; None if it has something that cannot be, or that holds in this process only."""
    bindings = array("I")
    places: dict[int, int] = {}  # Of the first probe of code -> where its probes begin.
    probes: list[AnyProbe] = []
    described_codes = []
    for before, after in code_pairs(original, probed):
        if after.co_filename != probed.co_filename:
            return None
        first = len(before.co_consts)
        own = constants(after)[first:]
        if id(own[0]) not in places:
            description = described(own[0])
            if description is None:
                return None
            described_codes.append(description)
            places[id(own[0])] = len(probes)
            probes += own
        bindings.extend((first, len(own), places[id(own[0])]))
    comparisons = array(
        "H", [probe.operation | probe.const << 8 if type(probe) is CompareProbe else 0 for probe in probes]
    )
    try:
        # Needed to write and where somebody asks: what pykcov imports, a traced program finds imported already.
        from zlib import compress

        return marshal.dumps(
            (
                _without_probes(original, probed),
                bindings.tobytes(),
                array("Q", [probe.pc for probe in probes]).tobytes(),
                comparisons.tobytes() if any(comparisons) else b"",
                tuple(base for description in described_codes for base in description[4]),
                compress(marshal.dumps(described_codes)),
            )
        )
    except (ValueError, ImportError):  # A constant that no compiler makes; a Python without zlib.
        return None


def load(dumped: memoryview, kind: Kind, module: str, file: str, original: memoryview) -> CodeType | None:
    """Make probed code of what dump() wrote down; `original` is what marshal made of the code without probes.

    None if some of its pcs are taken: it is there already, or other code is that has the same ones.
    """
    code, bindings, pcs, comparisons, bases, described_codes = marshal.loads(dumped)
    numbers = memoryview(pcs).cast("Q")
    probes = _probes(numbers, memoryview(comparisons).cast("H"))
    stored = StoredCode(kind, module, file, bases, probes, bindings, described_codes, original)
    if not register_stored(stored, numbers, probes):
        return None
    bind(code, probes, bindings)
    return code  # type: ignore[no-any-return]


class StoredCode:
    """The code of a module that load() has read: where its probes are, and what it was before."""

    __slots__ = ("_bindings", "_described", "_original", "_originals", "_probes", "bases", "file", "kind", "module")

    def __init__(
        self,
        kind: Kind,
        module: str,
        file: str,
        bases: Sequence[int],
        probes: list[AnyProbe],
        bindings: bytes,
        described_codes: bytes,
        original: memoryview,
    ) -> None:
        """Keep the parts of what dump() wrote down, and the original as marshal wrote it."""
        self.kind = kind
        self.module = module
        self.file = file
        self.bases = bases
        self._probes = probes
        self._bindings = bindings
        self._described = described_codes
        self._original = original
        self._originals: dict[int, CodeType] = {}

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
        if not self._originals:
            code = marshal.loads(self._original)
            _fix_co_filename(code, self.file)
            starts = array("I", self._bindings)[2::3]
            for start, original in zip(starts, _nested(code), strict=True):
                self._originals.setdefault(self._probes[start].pc >> 16, original)
        return self._originals.get(pc >> 16)


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
