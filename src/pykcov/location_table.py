"""The location table of a trace: what its pcs stand for, as numpy columns that are saved and loaded as they are."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from pykcov.locations import Location
from pykcov.pcs import KERNEL_PC, PYTHON_PC, is_python
from pykcov.records import OPERATIONS

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
    "files": "U",
    "functions": "U",
    "modules": "U",
}


@dataclass(frozen=True, eq=False)
class LocationTable:
    """Locations in ascending order of pc, one a row. A native pc has a row for each file that it implies lines of.

    `file`, `function` and `module` are indices into the sorted names `files`, `functions` and `modules`, `comparison`
    is one into records.OPERATIONS. The source lines that a hit of row i implies are
    `lines[lines_end[i - 1] : lines_end[i]]` (from 0 for the first row).
    """

    pc: NDArray[np.uint64]
    file: NDArray[np.int32]
    line: NDArray[np.int32]
    end_line: NDArray[np.int32]
    column: NDArray[np.int32]
    end_column: NDArray[np.int32]
    function: NDArray[np.int32]
    module: NDArray[np.int32]
    comparison: NDArray[np.uint8]
    lines_end: NDArray[np.int64]
    lines: NDArray[np.int32]
    files: NDArray[np.str_]
    functions: NDArray[np.str_]
    modules: NDArray[np.str_]

    @classmethod
    def from_locations(cls, locations: Iterable[Location]) -> Self:
        """Make a table. Of several locations with one pc the last one counts; of native ones, each with its file."""
        chosen = {(row.pc, "" if is_python(row.pc) else row.file): row for row in locations}
        rows = sorted(chosen.values(), key=lambda row: row.pc)
        # Line 0 is that of a module's first instruction, and no line of its source.
        lines = [[line for line in row.lines if line] for row in rows]
        files, file = _indexed([row.file for row in rows])
        functions, function = _indexed([row.function for row in rows])
        modules, module = _indexed([row.module for row in rows])
        return cls(
            pc=np.array([row.pc for row in rows], "u8"),
            file=file,
            line=np.array([row.line for row in rows], "i4"),
            end_line=np.array([row.end_line for row in rows], "i4"),
            column=np.array([_number(row.column) for row in rows], "i4"),
            end_column=np.array([_number(row.end_column) for row in rows], "i4"),
            function=function,
            module=module,
            comparison=np.array([OPERATIONS.index(row.comparison) for row in rows], "u1"),
            lines_end=np.cumsum([len(of_row) for of_row in lines], dtype="i8"),
            lines=np.array([line for of_row in lines for line in of_row], "i4"),
            files=files,
            functions=functions,
            modules=modules,
        )

    @classmethod
    def from_columns(cls, columns: Mapping[str, NDArray[Any]]) -> Self:
        """Make a table of saved columns. ValueError says which of them is missing or does not fit the others."""
        for name, kind in type_of_column.items():
            if name not in columns:
                raise ValueError(f"column {name!r} is missing")
            found = columns[name]
            if found.ndim != 1 or (found.dtype.kind if kind == "U" else found.dtype.str[1:]) != kind:
                raise ValueError(f"column {name!r} is {found.ndim}-dimensional {found.dtype}, not a row of {kind}")
        table = cls(**{field.name: columns[field.name] for field in fields(cls)})
        table._check()
        return table

    def _check(self) -> None:
        rows = len(self.pc)
        per_row = ("file", "line", "end_line", "column", "end_column", "function", "module", "comparison", "lines_end")
        for name in per_row:
            if len(getattr(self, name)) != rows:
                raise ValueError(f"column {name!r} has {len(getattr(self, name))} rows, not {rows}")
        for name, names in (("file", self.files), ("function", self.functions), ("module", self.modules)):
            index = getattr(self, name)
            if rows and not 0 <= index.min() <= index.max() < len(names):
                raise ValueError(f"column {name!r} points outside its names")
        if (self.comparison >= len(OPERATIONS)).any():
            raise ValueError("column 'comparison' has an unknown operation")
        bounds = np.concatenate(([0], self.lines_end))
        if (np.diff(bounds) < 0).any() or bounds[-1] != len(self.lines):
            raise ValueError("column 'lines_end' does not fit column 'lines'")
        if (self.pc[1:] < self.pc[:-1]).any():
            raise ValueError("column 'pc' is not in ascending order")

    def __len__(self) -> int:
        """Return the number of locations."""
        return len(self.pc)

    def columns(self) -> dict[str, NDArray[Any]]:
        """Return what from_columns() takes."""
        return {field.name: getattr(self, field.name) for field in fields(self)}

    def rows_of(self, pcs: NDArray[np.uint64]) -> NDArray[np.int64]:
        """Return the row of each pc, its first one, -1 where the table does not know it."""
        if not len(self):
            return np.full(len(pcs), -1, "i8")
        rows = np.searchsorted(self.pc, pcs)
        rows[rows == len(self)] = 0
        return np.where(self.pc[rows] == pcs, rows, -1)

    def rows_with(self, pcs: NDArray[np.uint64]) -> NDArray[np.int64]:
        """Return all rows of these pcs, ascending."""
        return np.flatnonzero(np.isin(self.pc, pcs))

    def native_rows(self) -> NDArray[np.int64]:
        """Return the rows of native code, ascending."""
        return np.flatnonzero((self.pc < np.uint64(PYTHON_PC)) | (self.pc >= np.uint64(KERNEL_PC)))

    def location(self, row: int) -> Location:
        """Return one row as a Location."""
        start = int(self.lines_end[row - 1]) if row else 0
        return Location(
            pc=int(self.pc[row]),
            file=str(self.files[self.file[row]]),
            line=int(self.line[row]),
            end_line=int(self.end_line[row]),
            column=int(self.column[row]),
            end_column=int(self.end_column[row]),
            function=str(self.functions[self.function[row]]),
            module=str(self.modules[self.module[row]]),
            lines=tuple(self.lines[start : self.lines_end[row]].tolist()),
            comparison=OPERATIONS[self.comparison[row]],
        )

    def line_keys(self, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the source lines that hits of these rows imply, each once: index into `files` << 32 | line."""
        counts = np.diff(np.concatenate(([0], self.lines_end)))
        chosen = np.zeros(len(self), bool)
        chosen[rows] = True
        of_chosen = np.repeat(chosen, counts)
        return np.unique(np.repeat(self.file, counts)[of_chosen].astype("i8") << 32 | self.lines[of_chosen])

    def lines_of(self, rows: NDArray[np.int64]) -> dict[str, list[int]]:
        """Return the same sorted by file. A file of which only code without lines was hit has none."""
        keys = self.line_keys(rows)
        files = keys >> 32
        starts = np.searchsorted(files, np.arange(len(self.files) + 1))
        return {
            str(self.files[index]): (keys[starts[index] : starts[index + 1]] & 0xFFFFFFFF).tolist()
            for index in np.unique(self.file[rows]).tolist()
        }


def _indexed(names: list[str]) -> tuple[NDArray[np.str_], NDArray[np.int32]]:
    distinct = sorted(set(names))
    index = {name: number for number, name in enumerate(distinct)}
    return np.array(distinct, "U"), np.array([index[name] for name in names], "i4")


def _number(column: int | None) -> int:
    return UNKNOWN_COLUMN if column is None else column
