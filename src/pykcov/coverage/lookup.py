"""Which lines and arcs the hits of this process stand for."""

from collections.abc import Collection, Iterable, Mapping
from typing import TYPE_CHECKING

from pykcov._implied import Implied
from pykcov.coverage.masks import Lines, is_file, mask_of_lines, real_file, union
from pykcov.traces import known, locations
from pykcov.traces.facts import Fact
from pykcov.traces.locations import Location
from pykcov.traces.pcs import is_python
from pykcov.traces.registered import OFFSET_BITS, Site, pack

if TYPE_CHECKING:
    from pykcov._implied import Code

Facts = Mapping[str, frozenset[Fact]]
"""Files, and what was seen of their conditions (pykcov.traces.facts)."""
_Ran = tuple[Lines, Lines]
"""Lines, and arcs, by file."""


class Lookup:
    """Knows what hits of places say: those in chosen files, and in native code."""

    def __init__(self, files: Iterable[str], pcs: Collection[bytes], native: bool, branches: bool) -> None:
        """Learn of the places in files, and of native code among `pcs`, if that counts; 8 bytes each."""
        chosen = {file for file in files if is_file(file)}
        codes: dict[str, list[Code]] = {real_file(file): [] for file in chosen}
        for code in locations.codes(chosen):
            codes[real_file(code.file)].append((code.bases, code.numbers, code.count))
        for file, more in _learned_codes(chosen).items():
            codes[real_file(file)] += more
        self._files = list(codes)
        self._implied = Implied(codes.values(), branches)
        self.known: dict[str, int] = dict.fromkeys(self._files, 0)
        """The lines that could have run."""
        self.known.update((self._files[number], _mask(lines)) for number, lines, _ in self._implied.everything())
        self.known_arcs: dict[str, bytes] = {}
        """The arcs that could have, by file, as masks.arcs_in() reads them."""
        if branches:
            self.known_arcs.update((file, self._implied.arcs(number)) for number, file in enumerate(self._files))
        self.known_native: dict[str, int] = {}
        """All lines of native code, if that counts and any of it ran."""
        self.remarks: dict[str, None] = {}
        self._native: dict[int, Lines] = {}
        self._alike: dict[tuple[tuple[int, bytes, bytes], ...], _Ran] = {}
        self._masks: dict[bytes, int] = {}
        strange = {pc for raw in pcs for pc in self._implied.unknown(raw)}
        # Others may have put probes into code that was not chosen here.
        self.unknown = sum(not row.known for row in locations.symbolize(pc for pc in strange if is_python(pc)))
        """How many places there are of which nothing is known."""
        if native:
            self._learn_native([pc for pc in strange if not is_python(pc)])

    def ran(self, sets: Iterable[bytes]) -> _Ran:
        """Return the lines and arcs that sets of pcs stand for. Mostly equal ones are the same object."""
        lines: Lines = {}
        arcs: Lines = {}
        for raw in sets:
            more_lines, more_arcs = self._of(raw)
            lines = union(lines, more_lines) if lines else more_lines
            arcs = union(arcs, more_arcs) if arcs else more_arcs
        return lines, arcs

    def _of(self, raw: bytes) -> _Ran:
        rows = tuple(self._implied.of(raw))
        found = self._alike.get(rows)
        if found is None:
            with_arcs = rows if self.known_arcs else ()
            found = self._alike[rows] = (
                {self._files[number]: self._mask(bits) for number, bits, _ in rows},
                {self._files[number]: self._mask(bits) for number, _, bits in with_arcs},
            )
        lines, arcs = found
        for pc in self._native.keys() & memoryview(raw).cast("Q").tolist() if self._native else ():
            lines = union(lines, self._native[pc])
        return lines, arcs

    def _mask(self, bits: bytes) -> int:
        found = self._masks.get(bits)
        if found is None:
            found = self._masks[bits] = _mask(bits)
        return found

    def _learn_native(self, pcs: list[int]) -> None:
        if not pcs:
            return
        # Not before: few tests run native code that is traced.
        from pykcov.native.images import images
        from pykcov.native.locations import Locator

        locator = Locator()
        for pc, rows in zip(pcs, locator.locate(images(), pcs), strict=True):
            self._native[pc] = _lines_of(rows)
        everything = (row for image in images() if image.instrumented for row in locator.all_of(image))
        self.known_native = _lines_of(everything)
        self.remarks.update(dict.fromkeys(f"{image}: {reason}" for image, reason in locator.remarks))


def conditions_in_files(pcs: Mapping[str, Iterable[bytes]], files: Iterable[str]) -> dict[str, Facts]:
    """Return what hits say of conditions in these files, by context and file; `pcs`: sets of pcs by context."""
    chosen = set(files)
    rows: dict[int, Location] = {}
    result: dict[str, Facts] = {}
    for name, sets in pcs.items():
        found: dict[str, set[Fact]] = {}
        hit = {pc for raw in sets for pc in memoryview(raw).cast("Q")}
        new = [pc for pc in hit if pc not in rows and is_python(pc)]
        rows.update(zip(new, locations.symbolize(new), strict=True))
        for row in (rows[pc] for pc in hit if pc in rows):
            if row.conditions and row.file in chosen:
                found.setdefault(real_file(row.file), set()).update(row.conditions)
        result[name] = {file: frozenset(facts) for file, facts in found.items()}
    return result


def known_conditions(files: Iterable[str]) -> dict[str, frozenset[Fact]]:
    """Return what could be seen of conditions, by file."""
    facts = known.known_conditions()
    return {real_file(file): frozenset(facts[file]) for file in files if is_file(file) and file in facts}


def _learned_codes(files: Collection[str]) -> dict[str, list["Code"]]:
    """Return what other processes have told of code of these files, by file, as if it was known here."""
    rows: dict[tuple[str, int], dict[int, Site]] = {}
    for row in locations.learned():
        if row.file in files:
            offset = row.pc & (1 << OFFSET_BITS) - 1
            span = row.line, row.end_line, row.column, row.end_column
            site = (offset, *span, tuple(row.lines), 0, 0, tuple(row.arcs), ())
            rows.setdefault((row.file, row.pc >> OFFSET_BITS), {})[offset] = site
    codes: dict[str, list[Code]] = {}
    for (file, base), sites in rows.items():
        codes.setdefault(file, []).append(((base,), pack([*sites.values()]), len(sites)))
    return codes


def _lines_of(rows: Iterable[Location]) -> dict[str, int]:
    lines: dict[str, int] = {}
    for row in rows:
        file = real_file(row.file)
        if row.lines:
            lines[file] = lines.get(file, 0) | mask_of_lines(row.lines)
    return lines


def _mask(bits: bytes) -> int:
    return int.from_bytes(bits, "little")
