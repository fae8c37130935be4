"""Which source lines native code has, as far as events can tell of them.

The lines of a block (`calls`), by the line table of the debug information, are what its pc implies; those of all
blocks are the lines that there could have been. Code without an event of its own, which an optimiser moved or made out
of nothing, counts as neither.
"""

import os
from collections.abc import Iterator

import numpy as np
from elftools.dwarf.compileunit import CompileUnit
from elftools.dwarf.lineprogram import LineProgram
from elftools.elf.elffile import ELFFile

from pykcov.native import elf
from pykcov.native.calls import Block, Calls
from pykcov.native.images import Image

Lines = dict[str, tuple[int, ...]]
"""Ascending, by file; the file of the first instruction first. Empty without debug information."""


class ImageLines:
    """The lines of one image."""

    def __init__(self, image: Image) -> None:
        """Read its file; MissingError if that is not there any more."""
        self.problem = ""
        """Why lines are missing, in a few words; '' if they are not."""
        self._table = _LineTable()
        for path in elf.debug_files(image):
            with open(path, "rb") as stream:
                file = ELFFile(stream)
                if path == elf.find_file(image):
                    self._calls = Calls(file)
                if len(self._calls) and not self._table.files:
                    self._table = _LineTable.read(file)
        if not len(self._calls):
            self.problem = "no call of the callback is found in it: it is stripped, or not instrumented for trace-pc"
        elif not self._table.files:
            self.problem = "it has no debug information: build with -g"

    def __iter__(self) -> Iterator[tuple[int, Lines]]:
        """Return the offset of every place that can be recorded, as in images.Place, and its lines."""
        for block in self._calls.blocks():
            yield block.pc, self._table.lines_of(block)

    def lines_of(self, offset: int) -> Lines:
        """Return the lines that a recorded offset implies."""
        block = self._calls.block_of(offset)
        return {} if block is None else self._table.lines_of(block)


class _LineTable:
    """The rows of all line programs of a file, by ascending address."""

    def __init__(self, rows: list[tuple[int, int, int, bool]] | None = None, files: list[str] | None = None) -> None:
        """Take rows of address, index of the file, line (0: none, -1: nothing is here), starts a statement."""
        # A stable sort: of rows with one address the last is the one in effect. But the end of a sequence of rows comes
        # before the beginning of the next one at the same address.
        rows = sorted(rows or [], key=lambda row: (row[0], row[2] >= 0))
        self.addresses = np.array([row[0] for row in rows], "u8")
        self.rows = rows
        self.files = files or []

    @classmethod
    def read(cls, file: ELFFile) -> "_LineTable":
        if not file.has_dwarf_info():
            return cls()
        rows: list[tuple[int, int, int, bool]] = []
        index_of_file: dict[str, int] = {}
        information = file.get_dwarf_info()
        for unit in information.iter_CUs():
            program = information.line_program_for_CU(unit)
            if program is None:
                continue
            names = _file_names(unit, program)
            numbers = [index_of_file.setdefault(name, len(index_of_file)) for name in names]
            rows.extend(_rows(program, numbers))
        return cls(rows, list(index_of_file))

    def lines_of(self, block: Block) -> Lines:
        # Not the row in effect at the call if it begins before it: a call to which the compiler gave no line seems to
        # have that of the block before. Of several that begin at the call the last one is in effect.
        first = int(np.searchsorted(self.addresses, block.start, "left"))
        first = max(first, int(np.searchsorted(self.addresses, block.start, "right")) - 1)
        last = int(np.searchsorted(self.addresses, block.end, "left"))
        result: dict[str, set[int]] = {}
        for address, number, line, is_statement in self.rows[first:last]:
            # Others that begin no statement are pieces of statements that the compiler moved here.
            if line > 0 and (is_statement or address == block.start):
                result.setdefault(self.files[number], set()).add(line)
        return {name: tuple(sorted(lines)) for name, lines in result.items()}


def _rows(program: LineProgram, numbers: list[int]) -> Iterator[tuple[int, int, int, bool]]:
    first_file = 0 if program.header.version >= 5 else 1
    for entry in program.get_entries():
        state = entry.state
        if state is None:
            continue
        if state.end_sequence:
            yield state.address, 0, -1, False
        elif 0 <= state.file - first_file < len(numbers):
            yield state.address, numbers[state.file - first_file], state.line, bool(state.is_stmt)


def _file_names(unit: CompileUnit, program: LineProgram) -> list[str]:
    top = unit.get_top_DIE()
    folder = top.attributes.get("DW_AT_comp_dir")
    base = os.fsdecode(folder.value) if folder is not None else ""
    folders = [os.fsdecode(name) for name in program.header.include_directory]
    if program.header.version < 5:
        folders.insert(0, base)
    return [
        os.path.normpath(os.path.join(base, folders[entry.dir_index], os.fsdecode(entry.name)))
        for entry in program.header.file_entry
    ]
