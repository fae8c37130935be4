"""The running kernel: its symbols, where it lies, which modules it has, and which file it was built as."""

import os
import re
import struct
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

_NT_GNU_BUILD_ID = 3
_PLACES = (
    "usr/lib/debug/boot/vmlinux-{release}",
    "usr/lib/debug/lib/modules/{release}/vmlinux",
    "lib/modules/{release}/build/vmlinux",
    "boot/vmlinux-{release}",
)


class Symbol(NamedTuple):
    """A function of the kernel."""

    address: int
    name: str
    module: str
    """'' for the kernel itself."""


class Module(NamedTuple):
    """A module that is loaded."""

    name: str
    start: int
    end: int
    build_id: str
    sections: dict[str, int]
    """Where each section lies, by its name; only root is told."""


@dataclass
class RunningKernel:
    """What /proc and /sys say. Read when it is first asked for, as root: others get zeros for addresses."""

    root: Path = Path("/")
    """Where proc and sys are, for tests."""
    release: str = field(default_factory=lambda: os.uname().release)

    @cached_property
    def symbols(self) -> list[Symbol]:
        """All functions by address; empty if the kernel does not tell."""
        found = []
        try:
            with open(self.root / "proc/kallsyms", encoding="utf-8") as lines:
                for line in lines:
                    address, kind, name, *module = line.split()
                    if kind in "tTwW":
                        found.append(Symbol(int(address, 16), name, module[0].strip("[]") if module else ""))
        except OSError:
            return []
        found.sort(key=lambda symbol: symbol.address)
        return found if found and found[-1].address else []

    @cached_property
    def text(self) -> range:
        """The addresses of the kernel's own code; empty if the kernel does not tell."""
        named = {symbol.name: symbol.address for symbol in self.symbols if symbol.name in ("_text", "_etext")}
        return range(named.get("_text", 0), named.get("_etext", 0))

    @cached_property
    def build_id(self) -> str:
        """The build-id of the kernel, '' if it has none."""
        return _build_id(self.root / "sys/kernel/notes")

    @cached_property
    def modules(self) -> list[Module]:
        """The modules that are loaded and whose place is known."""
        found = []
        for row in loaded_modules(self.root).splitlines():
            name, size, _, _, _, start = row.split()[:6]
            if int(start, 16):
                folder = self.root / "sys/module" / name
                build_id = _build_id(folder / "notes/.note.gnu.build-id")
                end = int(start, 16) + int(size)
                found.append(Module(name, int(start, 16), end, build_id, dict(_sections(folder / "sections"))))
        return found

    def has(self, address: int) -> bool:
        """Whether code of the kernel or of a module lies there."""
        return address in self.text or any(module.start <= address < module.end for module in self.modules)

    def symbol(self, address: int) -> Symbol | None:
        """Return the function that an address lies in, None if the kernel does not tell."""
        index = bisect_right(self._addresses, address) - 1
        return self.symbols[index] if index >= 0 and self.has(address) else None

    @cached_property
    def _addresses(self) -> list[int]:
        return [symbol.address for symbol in self.symbols]

    def vmlinux(self) -> Path | None:
        """Return where the kernel's file with debug information is: $PYKCOV_VMLINUX, or where packages put it."""
        named = os.environ.get("PYKCOV_VMLINUX")
        if named:
            return Path(named)
        places = [self.root / place.format(release=self.release) for place in _PLACES]
        return next((place for place in places if place.exists()), None)

    def module_file(self, module: Module) -> Path | None:
        """Return the file of a module: $PYKCOV_MODULES, a list of files and folders, and /lib/modules are searched."""
        pattern = re.compile(re.escape(module.name).replace("_", "[-_]") + r"\.ko(\.debug)?$")
        named = [Path(name) for name in os.environ.get("PYKCOV_MODULES", "").split(os.pathsep) if name]
        usual = [
            self.root / "usr/lib/debug/lib/modules" / self.release,
            self.root / "lib/modules" / self.release,
        ]
        for place in (*named, *usual):
            files = [place] if place.is_file() else sorted(place.rglob("*.ko*"))
            for file in files:
                if pattern.fullmatch(file.name):
                    return file
        return None


def loaded_modules(root: Path = Path("/")) -> str:
    """Return what /proc/modules says; '' for a kernel without modules."""
    try:
        return (root / "proc/modules").read_text("utf-8")
    except OSError:
        return ""


def _sections(folder: Path) -> Iterator[tuple[str, int]]:
    try:
        names = sorted(os.listdir(folder))
    except OSError:
        return
    for name in names:
        try:
            yield name, int((folder / name).read_text("ascii"), 16)
        except (OSError, ValueError):
            continue


def _build_id(notes: Path) -> str:
    """Return the build-id among the ELF notes of a file, '' if there is none."""
    try:
        data = notes.read_bytes()
    except OSError:
        return ""
    # Some notes are aligned to 8 bytes, and this one stands behind them: look for it as it is written.
    head = struct.pack("=II", 4, 20) + struct.pack("=I", _NT_GNU_BUILD_ID) + b"GNU\0"
    at = data.find(head)
    return data[at + len(head) : at + len(head) + 20].hex() if at >= 0 else ""
