"""Finds the calls of the callback in an ELF file, and the instructions that each of them implies.

A block of instructions that is instrumented begins with such a call. When it is made, everything up to the first branch
after it is executed too, exceptions aside.
"""

import re
from bisect import bisect_right
from collections.abc import Iterator
from typing import NamedTuple

import capstone
import numpy as np
from elftools.elf.elffile import ELFFile
from elftools.elf.relocation import RelocationSection
from elftools.elf.sections import Section, SymbolTableSection
from numpy.typing import NDArray

CALLBACK = "__sanitizer_cov_trace_pc"


class Block(NamedTuple):
    """Instructions that are all executed when the first of them is: a call of the callback, up to the first branch."""

    start: int
    """Offset of the call."""
    pc: int
    """Offset of its return address, which is what is recorded."""
    end: int
    """Offset of what comes after the last instruction."""


class Machine(NamedTuple):
    """What has to be known of an instruction set."""

    architecture: int
    mode: int
    ends: re.Pattern[str]
    """Matches the mnemonics of instructions after which another one may follow than the next; not of calls."""


_X86_64 = Machine(
    capstone.CS_ARCH_X86,
    capstone.CS_MODE_64,
    re.compile(r"(\w+ )?(j|loop|l?jmp|i?retf?|ud\d|hlt|int3|xbegin)"),  # 'notrack jmp', 'repz ret'
)
_AARCH64 = Machine(
    capstone.CS_ARCH_ARM64,
    capstone.CS_MODE_ARM,
    re.compile(r"(b|br|b\..*|bra..?|ret|ret..|cbn?z|tbn?z|brk|udf|hlt|eret.*)$"),
)


class Calls:
    """All calls of the callback in a file. None for a machine other than x86-64 and AArch64."""

    def __init__(self, file: ELFFile) -> None:
        """Find them; `file` is not needed any more afterwards."""
        self._machine: Machine | None
        self._machine, find = _machines.get(file["e_machine"], (None, None))
        self._sections: list[tuple[int, bytes]] = []
        self._calls: list[tuple[int, int]] = []
        if self._machine is None or find is None:
            return
        self._disassembler = capstone.Cs(self._machine.architecture, self._machine.mode)
        targets = _targets(file)
        for section in _code(file):
            base, data = section["sh_addr"], section.data()
            calls = find(data, base, targets)
            if calls:
                self._sections.append((base, data))
                self._calls += calls
        self._sections.sort()
        self._calls.sort()

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self._calls)

    def blocks(self) -> Iterator[Block]:
        """Return the blocks of all calls, by ascending offset."""
        return map(self._block, range(len(self)))

    def block_of(self, pc: int) -> Block | None:
        """Return the block that a recorded pc lies in: of a call of the callback, or another one soon after it."""
        index = bisect_right(self._calls, (pc - 1, 1 << 64)) - 1
        if index < 0:
            return None
        block = self._block(index)
        return block if pc <= block.end else None

    def _block(self, index: int) -> Block:
        assert self._machine is not None
        start, pc = self._calls[index]
        base, data = self._sections[bisect_right(self._sections, (start, b"\xff")) - 1]
        limit = base + len(data)
        if index + 1 < len(self._calls):
            limit = min(limit, self._calls[index + 1][0])
        end = pc
        for address, size, mnemonic, _ in self._disassembler.disasm_lite(data[pc - base : limit - base], pc):
            end = address + size
            if self._machine.ends.match(mnemonic):
                break
        return Block(start, pc, end)


def _code(file: ELFFile) -> Iterator[Section]:
    """Return the sections of machine code, without the linker's own."""
    for section in file.iter_sections("SHT_PROGBITS"):
        if section["sh_flags"] & 4 and not section.name.startswith(".plt"):
            yield section


class Targets(NamedTuple):
    """Where calls of the callback go."""

    code: frozenset[int]
    """Offsets of the callback itself, or of stubs that jump to it."""
    pointers: frozenset[int]
    """Offsets of pointers to it."""


def _targets(file: ELFFile) -> Targets:
    code, pointers = set(), set()
    for section in file.iter_sections():
        if isinstance(section, SymbolTableSection):
            for symbol in section.get_symbol_by_name(CALLBACK) or ():
                if symbol["st_shndx"] != "SHN_UNDEF":
                    code.add(symbol["st_value"])
        elif isinstance(section, RelocationSection):
            symbols = file.get_section(section["sh_link"])
            if not isinstance(symbols, SymbolTableSection):
                continue
            for relocation in section.iter_relocations():
                index = relocation["r_info_sym"]
                if index and symbols.get_symbol(index).name == CALLBACK:
                    pointers.add(relocation["r_offset"])
    if pointers:
        for section in file.iter_sections("SHT_PROGBITS"):
            if section.name.startswith(".plt") and file["e_machine"] == "EM_X86_64":
                code |= _stubs_x86_64(section.data(), section["sh_addr"], pointers)
            elif section.name.startswith(".plt"):
                code |= _stubs_aarch64(section.data(), section["sh_addr"], pointers)
    return Targets(frozenset(code), frozenset(pointers))


Found = list[tuple[int, int]]  # offsets of calls and of their return addresses


def _calls_x86_64(data: bytes, base: int, targets: Targets) -> Found:
    # call rel32, and call *rel32(%rip). Looked for at every byte: that one in the middle of another instruction has
    # exactly these 32 bits would be a chance in thousands of millions.
    found = [(at, at + 5) for at in _relative(data, b"\xe8", base, targets.code)]
    found += [(at, at + 6) for at in _relative(data, b"\xff\x15", base, targets.pointers)]
    return sorted(found)


def _stubs_x86_64(data: bytes, base: int, pointers: set[int]) -> set[int]:
    # jmp *rel32(%rip), perhaps behind endbr64 (4 bytes), perhaps with a prefix (bnd).
    jumps = _relative(data, b"\xff\x25", base, frozenset(pointers))
    return {at - before for at in jumps for before in (0, 1, 4, 5)}


def _relative(data: bytes, opcode: bytes, base: int, targets: frozenset[int]) -> list[int]:
    """Return the offsets of instructions: an opcode and the distance of the next instruction from one of `targets`."""
    length = len(opcode) + 4
    if len(data) < length or not targets:
        return []
    octets = np.frombuffer(data, "u1")
    here = np.ones(len(data) - length + 1, bool)
    for index, octet in enumerate(opcode):
        here &= octets[index : len(here) + index] == octet
    starts = np.flatnonzero(here)
    distances = np.zeros(len(starts), "u4")
    for index in range(4):
        distances |= octets[starts + len(opcode) + index].astype("u4") << np.uint32(8 * index)
    reached = base + starts + length + distances.view("i4")
    chosen = starts[np.isin(reached, np.array(sorted(targets), "i8"))]
    return [base + int(start) for start in chosen]


def _calls_aarch64(data: bytes, base: int, targets: Targets) -> Found:
    words = np.frombuffer(data[: len(data) & ~3], "<u4")
    # bl: 6 bits of opcode, 26 of distance in words
    starts = np.flatnonzero(words >> np.uint32(26) == 0b100101)
    distances = (words[starts] << np.uint32(6)).view("i4") >> 4
    chosen = starts[np.isin(base + 4 * starts + distances, np.array(sorted(targets.code), "i8"))]
    return [(base + 4 * int(start), base + 4 * int(start) + 4) for start in chosen]


def _stubs_aarch64(data: bytes, base: int, pointers: set[int]) -> set[int]:
    # adrp x16, page; ldr x17, [x16, rest]; add x16, x16, rest; br x17
    words: NDArray[np.uint32] = np.frombuffer(data[: len(data) & ~3], "<u4")
    found = set()
    for index in range(len(words) - 1):
        address, load = int(words[index]), int(words[index + 1])
        if address & 0x9F00001F == 0x90000010 and load & 0xFFC003FF == 0xF9400211:
            page = ((address >> 5 & 0x7FFFF) << 2 | address >> 29 & 3) << 12
            page -= (page & 1 << 32) << 1
            at = base + 4 * index
            if (at & ~0xFFF) + page + (load >> 10 & 0xFFF) * 8 in pointers:
                found |= {at, at - 4}
    return found


_machines = {
    "EM_X86_64": (_X86_64, _calls_x86_64),
    "EM_AARCH64": (_AARCH64, _calls_aarch64),
}
