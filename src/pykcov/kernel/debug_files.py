"""Debug information of a kernel and its modules, ready for looking addresses up; that of a kernel is kept on disk."""

import json
import os
import re
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np
from elftools.elf.elffile import ELFFile
from elftools.elf.sections import SymbolTableSection
from symbolic.debuginfo import Archive
from symbolic.symcache import SymCache

from pykcov.kernel.module_file import relocated
from pykcov.native import elf

# Elf64_Sym
_SYMBOL = np.dtype(
    [("name", "<u4"), ("info", "u1"), ("other", "u1"), ("section", "<u2"), ("value", "<u8"), ("size", "<u8")]
)


class Frame(NamedTuple):
    """A function and a line of it."""

    function: str
    file: str
    line: int


class DebugFile(NamedTuple):
    """What a file knows of its addresses."""

    symbols: SymCache
    base: int
    """The address of its first segment, from which `symbols` counts."""
    text: int
    """The address of _text, or of what else is sure to be in /proc/kallsyms; 0 in a module."""

    def frames(self, address: int) -> list[Frame]:
        """Return what an address of the file stands for, the innermost inlined function first; [] if not known."""
        found = self.symbols.lookup(address - self.base)  # type: ignore[no-untyped-call]
        return [Frame(one.symbol, os.path.normpath(one.full_path), one.line) for one in found if one.full_path]


def open_vmlinux(path: Path) -> DebugFile:
    """Read a kernel's file: seconds the first time. OSError, or what the parser raises, ValueError among it."""
    build_id = elf.build_id(path)
    folder = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache").absolute() / "pykcov"
    kept, facts = folder / f"{build_id}.symcache", folder / f"{build_id}.json"
    if build_id and kept.exists() and facts.exists():
        known = SymCache.open(str(kept))  # type: ignore[no-untyped-call]
        if known.is_latest_version:
            return DebugFile(known, **json.loads(facts.read_text("utf-8")))
    base, text = _layout(path)
    made = _symbols(path)
    if build_id:
        try:
            folder.mkdir(parents=True, exist_ok=True)
            with tempfile.NamedTemporaryFile(dir=folder, delete=False) as stream:
                made.dump_into(stream)  # type: ignore[no-untyped-call]
            os.replace(stream.name, kept)
            facts.write_text(json.dumps({"base": base, "text": text}), "utf-8")
        except OSError:
            pass  # a folder that cannot be written: it is read again each time
    return DebugFile(made, base, text)


def open_module(path: Path, sections: Mapping[str, int]) -> DebugFile:
    """Read a module's file, as it lies in memory by the addresses of its sections. Raises as open_vmlinux() does."""
    with tempfile.NamedTemporaryFile(suffix=".ko") as stream:
        stream.write(relocated(path.read_bytes(), sections))
        stream.flush()
        return DebugFile(_symbols(Path(stream.name)), 0, 0)


def _layout(path: Path) -> tuple[int, int]:
    with open(path, "rb") as stream:
        file = ELFFile(stream)
        table = file.get_section_by_name(".symtab")
        if not isinstance(table, SymbolTableSection) or file.elfclass != 64:
            raise ValueError("it has no symbols")
        names = file.get_section(table["sh_link"]).data()
        symbols = np.frombuffer(table.data(), _SYMBOL)
        base = next((int(segment["p_vaddr"]) for segment in file.iter_segments("PT_LOAD")), 0)
    # pyelftools would take seconds for a hundred thousand symbols. A name may be the end of another one.
    wanted = [found.start() for found in re.finditer(rb"_text\0", names)]
    text = symbols["value"][np.isin(symbols["name"], wanted)]
    if not len(text):
        raise ValueError("it is no kernel: it has no symbol _text")
    return base, int(text[0])


def _symbols(path: Path) -> SymCache:
    for one in Archive.open(str(path)).iter_objects():
        if "debug" not in one.features:
            raise ValueError("it has no debug information")
        return one.make_symcache()
    raise ValueError("it is no file with symbols")
