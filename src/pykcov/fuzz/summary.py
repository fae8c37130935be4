"""How much of the code a corpus reaches, in numbers, as `llvm-cov export -summary-only` gives them.

That is what OSS-Fuzz's tooling reads: by file and in total lines, branches, functions and regions. A region is a basic
block; a branch is one of several lines that a line leads to, as coverage.py counts them. What ran when modules were
imported counts as reached.
"""

from collections.abc import Iterable
from typing import Any, NamedTuple

from pykcov.fuzz.corpus import Coverage
from pykcov.traces.arcs import Arc, complete
from pykcov.traces.locations import Location

Row = dict[str, dict[str, float]]


class Count(NamedTuple):
    """How many there are, and how many of them were reached."""

    all: int
    covered: int

    def row(self, missing: bool) -> dict[str, float]:
        """Return it as llvm-cov does. missing: with the number of the others."""
        found: dict[str, float] = {"count": self.all, "covered": self.covered}
        if missing:
            found["notcovered"] = self.all - self.covered
        found["percent"] = 100 * self.covered / self.all if self.all else 0
        return found


class Counts(NamedTuple):
    """Those of a file, or of several."""

    branches: Count
    functions: Count
    lines: Count
    regions: Count

    def rows(self) -> Row:
        """Return them as llvm-cov does."""
        return {
            "branches": self.branches.row(True),
            "functions": self.functions.row(False),
            "instantiations": self.functions.row(False),
            "lines": self.lines.row(False),
            "regions": self.regions.row(True),
        }


def summary(coverage: Coverage) -> dict[str, Any]:
    """Return what summary.json is to hold. `coverage`: with its places."""
    reached = coverage.imported | {location.pc for location in coverage.locations}
    files: dict[str, list[Location]] = {}
    for location in coverage.places:
        files.setdefault(location.file, []).append(location)
    counts = {file: _counts(locations, reached) for file, locations in sorted(files.items())}
    total = Counts(*(Count(*map(sum, zip(*column, strict=True))) for column in zip(*counts.values(), strict=True)))
    rows = [{"filename": file, "summary": found.rows()} for file, found in counts.items()]
    return {
        "data": [{"files": rows, "totals": total.rows()}],
        "type": "llvm.coverage.json.export",
        "version": "2.0.1",
    }


def _counts(locations: list[Location], reached: set[int]) -> Counts:
    hit = [location for location in locations if location.pc in reached]
    lines = _lines(locations), _lines(hit)
    possible = _branches(locations)
    ran = complete(lines[1], (arc for location in hit for arc in location.arcs))
    return Counts(
        Count(len(possible), len(possible & ran)),
        Count(len(_functions(locations)), len(_functions(hit))),
        Count(len(lines[0]), len(lines[1])),
        Count(sum(map(_is_region, locations)), sum(map(_is_region, hit))),
    )


def _lines(locations: Iterable[Location]) -> set[int]:
    return {line for location in locations for line in location.lines}


def _branches(locations: Iterable[Location]) -> set[Arc]:
    """Return the arcs of lines that more than one arc of the same code leaves: a class is code of its own."""
    leaving: dict[tuple[int, int], set[Arc]] = {}
    for location in locations:
        for arc in location.arcs:
            leaving.setdefault((location.pc >> 16, arc[0]), set()).add(arc)
    return {arc for (_, line), arcs in leaving.items() if line > 0 and len(arcs) > 1 for arc in arcs}


def _functions(locations: Iterable[Location]) -> set[int]:
    """Return what tells code objects apart, those of modules left out."""
    return {location.pc >> 16 for location in locations if location.function != "<module>"}


def _is_region(location: Location) -> bool:
    return bool(location.lines) or not location.comparison
