"""The location table of a trace: what its pcs stand for, as columns that are saved and loaded as they are.

Nothing here needs numpy: its import costs more than most runs and reports take.
"""

from array import array
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from functools import cached_property
from itertools import accumulate
from typing import Any, Self

from pykcov.traces import npz
from pykcov.traces.arcs import LINE_MAX, Arc, arcs_of
from pykcov.traces.facts import Fact, facts_in
from pykcov.traces.locations import Location
from pykcov.traces.pcs import is_python
from pykcov.traces.records import OPERATIONS

# Stands for a column that the code object did not know.
UNKNOWN_COLUMN = -1

type_of_column: Mapping[str, str] = {
    "pc": "u8",
    "file": "i4",
    "line": "i4",
    "end_line": "i4",
    "column": "i4",
    "end_column": "i4",
    "function": "i4",
    "module": "i4",
    "comparison": "u1",
    "lines_end": "i8",
    "lines": "i4",
    "arcs_end": "i8",
    "arcs": "i4",
    "conditions_end": "i8",
    "conditions": "i4",
    "files": "U",
    "functions": "U",
    "modules": "U",
}


@dataclass(frozen=True, eq=False, repr=False)
class LocationTable:
    """Locations in ascending order of pc, one a row. A native pc has a row for each file that it implies lines of.

    `file`, `function` and `module` are indices into the sorted names `files`, `functions` and `modules`, `comparison`
    is one into records.OPERATIONS. The source lines that a hit of row i implies are
    `lines[lines_end[i - 1] : lines_end[i]]` (from 0 for the first row), its arcs are pairs of
    `arcs`, by `arcs_end`, and what it says of conditions is in `conditions`, five numbers each (pykcov.traces.facts).
    """

    pc: Sequence[int]
    file: Sequence[int]
    line: Sequence[int]
    end_line: Sequence[int]
    column: Sequence[int]
    end_column: Sequence[int]
    function: Sequence[int]
    module: Sequence[int]
    comparison: Sequence[int]
    lines_end: Sequence[int]
    lines: Sequence[int]
    arcs_end: Sequence[int]
    arcs: Sequence[int]
    conditions_end: Sequence[int]
    conditions: Sequence[int]
    files: Sequence[str]
    functions: Sequence[str]
    modules: Sequence[str]

    @classmethod
    def from_locations(cls, locations: Iterable[Location]) -> Self:
        """Make a table. Of several locations with one pc the last one counts; of native ones, each with its file."""
        chosen = {(row.pc, "" if is_python(row.pc) else row.file): row for row in locations}
        rows = sorted(chosen.values(), key=lambda row: row.pc)
        # Line 0 is that of a module's first instruction, and no line of its source; others are made up, too.
        lines = [[line for line in row.lines if 0 < line <= LINE_MAX] for row in rows]
        files, file = _indexed(rows, lambda row: row.file)
        functions, function = _indexed(rows, lambda row: row.function)
        modules, module = _indexed(rows, lambda row: row.module)
        return cls(
            pc=array("Q", (row.pc for row in rows)),
            file=file,
            line=array("i", (row.line for row in rows)),
            end_line=array("i", (row.end_line for row in rows)),
            column=array("i", (_number(row.column) for row in rows)),
            end_column=array("i", (_number(row.end_column) for row in rows)),
            function=function,
            module=module,
            comparison=array("B", (OPERATIONS.index(row.comparison) for row in rows)),
            lines_end=array("q", accumulate(map(len, lines))),
            lines=array("i", (line for of_row in lines for line in of_row)),
            arcs_end=array("q", accumulate(2 * len(row.arcs) for row in rows)),
            arcs=array("i", (line for row in rows for arc in row.arcs for line in arc)),
            conditions_end=array("q", accumulate(5 * len(row.conditions) for row in rows)),
            conditions=array("i", (number for row in rows for fact in row.conditions for number in fact)),
            files=files,
            functions=functions,
            modules=modules,
        )

    @classmethod
    def from_columns(cls, columns: Mapping[str, Sequence[Any]]) -> Self:
        """Make a table of saved columns, which were checked (columns.py)."""
        for name in ("arcs", "conditions"):
            if f"{name}_end" not in columns:  # of a pykcov that did not know them
                columns = {**columns, f"{name}_end": array("q", bytes(8 * len(columns["pc"]))), name: array("i")}
        return cls(**{field.name: columns[field.name] for field in fields(cls)})

    def __len__(self) -> int:
        """Return the number of locations."""
        return len(self.pc)

    def columns(self) -> dict[str, npz.Array]:
        """Return the columns for a trace file, by the names of `type_of_column`."""
        return {name: npz.row(kind, getattr(self, name)) for name, kind in type_of_column.items()}

    def rows_of(self, pcs: Iterable[int]) -> list[int]:
        """Return the row of each pc, its first one, -1 where the table does not know it."""
        first_rows = self._first_rows
        return [first_rows.get(pc, -1) for pc in pcs]

    def rows_with(self, pcs: Collection[int]) -> list[int]:
        """Return all rows of these pcs, ascending."""
        chosen = frozenset(pcs)
        return [row for row, pc in enumerate(self.pc) if pc in chosen]

    def native_rows(self) -> list[int]:
        """Return the rows of native code, ascending."""
        return [row for row, pc in enumerate(self.pc) if not is_python(pc)]

    def location(self, row: int) -> Location:
        """Return one row as a Location."""
        return Location(
            pc=self.pc[row],
            file=self.files[self.file[row]],
            line=self.line[row],
            end_line=self.end_line[row],
            column=self.column[row],
            end_column=self.end_column[row],
            function=self.functions[self.function[row]],
            module=self.modules[self.module[row]],
            lines=tuple(self._lines_of(row)),
            comparison=OPERATIONS[self.comparison[row]],
            arcs=tuple(self._arcs_of(row)),
            conditions=tuple(self._conditions_of(row)),
        )

    def line_keys(self, rows: Iterable[int]) -> set[tuple[int, int]]:
        """Return the source lines that hits of these rows imply: index into `files`, and line."""
        file = self.file
        return {(file[row], line) for row in rows for line in self._lines_of(row)}

    def lines_of(self, rows: Iterable[int]) -> dict[str, list[int]]:
        """Return the same sorted by file. A file of which only code without lines was hit has none."""
        found: dict[int, set[int]] = {}
        for row in rows:
            found.setdefault(self.file[row], set()).update(self._lines_of(row))
        return {self.files[file]: sorted(found[file]) for file in sorted(found)}

    def arcs_of(self, rows: Iterable[int]) -> dict[str, list[Arc]]:
        """Return the arcs that hits of these rows imply, sorted by file."""
        return arcs_of((self.files[self.file[row]], self._lines_of(row), self._arcs_of(row)) for row in rows)

    def conditions_of(self, rows: Iterable[int]) -> dict[str, set[Fact]]:
        """Return what hits of these rows say of conditions, by file."""
        found: dict[str, set[Fact]] = {}
        for row in rows:
            if facts := [*self._conditions_of(row)]:
                found.setdefault(self.files[self.file[row]], set()).update(facts)
        return found

    def _conditions_of(self, row: int) -> Iterator[Fact]:
        return facts_in(self.conditions[self.conditions_end[row - 1] if row else 0 : self.conditions_end[row]])

    def _arcs_of(self, row: int) -> Iterator[Arc]:
        numbers = self.arcs[self.arcs_end[row - 1] if row else 0 : self.arcs_end[row]]
        return zip(numbers[::2], numbers[1::2], strict=True)

    def _lines_of(self, row: int) -> Sequence[int]:
        return self.lines[self.lines_end[row - 1] if row else 0 : self.lines_end[row]]

    @cached_property
    def _first_rows(self) -> dict[int, int]:
        return {pc: row for row, pc in reversed([*enumerate(self.pc)])}


def _indexed(rows: Sequence[Location], name: Callable[[Location], str]) -> "tuple[list[str], array[int]]":
    names = [name(row) for row in rows]
    distinct = sorted(set(names))
    index = {name: number for number, name in enumerate(distinct)}
    return distinct, array("i", map(index.__getitem__, names))


def _number(column: Any) -> int:
    return UNKNOWN_COLUMN if column is None else int(column)
