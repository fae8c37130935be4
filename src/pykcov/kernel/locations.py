"""Kernel pcs as Locations: functions by the running kernel's own table, files and lines by debug information.

Linux takes the offset of its random base off the pcs that it records; not every version does: an address is looked for
as it is, and with the offset.
"""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from pykcov.kernel.running import Module, RunningKernel, Symbol, loaded_modules
from pykcov.native.images import Image
from pykcov.traces.locations import Location, unknown
from pykcov.traces.pcs import KERNEL_PC

if TYPE_CHECKING:
    from pykcov.kernel.debug_files import DebugFile

_MISSING = "files and lines of the kernel need symbolic and pyelftools: pip install 'pykcov[native]'"


class KernelLocator:
    """Makes Locations of the pcs of a kernel that runs. Opens each file once."""

    def __init__(self, kernel: RunningKernel) -> None:
        """Read the kernel's symbols; nothing else yet."""
        self.kernel = kernel
        self.remarks: dict[str, None] = {}
        """What is not known, why, and what to do, in the order of discovery; a set."""
        self._files: dict[str, DebugFile | None] = {}
        self._symbols: dict[int, Symbol | None] = {}
        self._located: dict[int, list[Location]] = {}
        if not kernel.symbols:
            self._remark("/proc/kallsyms tells no addresses: it needs root, or 0 in /proc/sys/kernel/kptr_restrict")

    @property
    def offset(self) -> int:
        """How far the kernel lies from where its file says: 0 without a random base, or if the file is not known."""
        file = self._file("")
        return self.kernel.text.start - file.text if file is not None and self.kernel.text else 0

    def symbol(self, pc: int) -> Symbol | None:
        """Return the function that a recorded pc lies in, as it was compiled: not what was inlined there.

        None if it is not one of this kernel's.
        """
        if pc not in self._symbols:
            # A pc is a return address: the call is what is meant.
            found = self.kernel.symbol(pc - 1)
            if found is None and pc >= KERNEL_PC:
                found = self.kernel.symbol(pc - 1 + self.offset)
            self._symbols[pc] = found
        return self._symbols[pc]

    def locate(self, pc: int) -> list[Location]:
        """Return the Locations of a recorded pc: one a source file that it implies lines of, at least one."""
        if pc not in self._located:
            self._located[pc] = self._locate(pc)
        return self._located[pc]

    def _locate(self, pc: int) -> list[Location]:
        symbol = self.symbol(pc)
        if symbol is None:
            return [unknown(pc)]
        address = pc - 1 if self.kernel.has(pc - 1) else pc - 1 + self.offset
        file = self._file(symbol.module)
        frames = file.frames(address - (0 if symbol.module else self.offset)) if file is not None else []
        found: dict[str, list[tuple[int, str]]] = {}
        for frame in frames:
            if frame.line:
                found.setdefault(frame.file, []).append((frame.line, frame.function))
        module = symbol.module or "kernel"
        if not found:
            return [Location(pc, f"<{module}>", 0, 0, -1, -1, symbol.name, module, ())]
        return [
            Location(pc, name, *rows[0][:1] * 2, -1, -1, rows[0][1], module, tuple(sorted({line for line, _ in rows})))
            for name, rows in found.items()
        ]

    def images(self) -> list[Image]:
        """Return the kernel, and the modules whose files were read: what a pc is an offset in."""
        path = self.kernel.vmlinux()
        text = self.kernel.text
        kernel = Image(str(path or ""), self.kernel.build_id, text.start, text.stop, self.offset, True, True)
        modules = [
            Image(f"{one.name}.ko", one.build_id, one.start, one.end, one.start, True, True)
            for one in self.kernel.modules
            if one.name in self._files
        ]
        return [kernel, *modules]

    def _file(self, module: str) -> "DebugFile | None":
        """Return the file of a module, or for '' that of the kernel."""
        if module not in self._files:
            self._files[module] = None
            try:
                self._files[module] = self._read_module(module) if module else self._read_vmlinux()
            except ImportError:
                self._remark(_MISSING)
        return self._files[module]

    def _read_vmlinux(self) -> "DebugFile | None":
        # Not before: it takes time, and needs what may not be installed.
        from pykcov.kernel.debug_files import open_vmlinux

        advice = "set PYKCOV_VMLINUX to the vmlinux of this kernel"
        path = self.kernel.vmlinux()
        if path is None:
            self._remark(f"there is no vmlinux with debug information, so only functions are known: {advice}")
            return None
        return self._read(path, self.kernel.build_id, advice, lambda: open_vmlinux(path))

    def _read_module(self, name: str) -> "DebugFile | None":
        # Not before: see above.
        from pykcov.kernel.debug_files import open_module

        advice = "set PYKCOV_MODULES to the file, or a folder that has it"
        module: Module = next(module for module in self.kernel.modules if module.name == name)
        path = self.kernel.module_file(module)
        if path is None:
            self._remark(f"{name}.ko was not found, so only functions are known: {advice}")
            return None
        return self._read(path, module.build_id, advice, lambda: open_module(path, module.sections))

    def _read(self, path: Path, build_id: str, advice: str, reader: "Callable[[], DebugFile]") -> "DebugFile | None":
        # Not before: see above.
        from pykcov.native import elf

        try:
            found = elf.build_id(path)
            if build_id and found != build_id:
                self._remark(f"{path}: of another build (its build-id is {found or 'none'}, not {build_id}): {advice}")
                return None
            return reader()
        except Exception as error:  # the bytes may be anything, and a parser of them complains in many ways
            self._remark(f"{path}: {getattr(error, 'strerror', None) or error or 'not an ELF file'}: {advice}")
            return None

    def _remark(self, text: str) -> None:
        self.remarks[text] = None


_running: tuple[str, KernelLocator] | None = None


def running() -> KernelLocator:
    """Return the locator of the kernel that runs this process: another one when its modules have changed."""
    global _running
    modules = loaded_modules()
    if _running is None or _running[0] != modules:
        _running = modules, KernelLocator(RunningKernel())
    return _running[1]


def located(pcs: Iterable[int]) -> dict[int, list[Location]]:
    """Return the Locations of those pcs that are of the running kernel."""
    locator = running()
    return {pc: locator.locate(pc) for pc in pcs if locator.symbol(pc) is not None}
