"""A module's file as it lies in memory: symbols and debug information of an object file (.ko), relocated."""

import struct
from collections.abc import Mapping
from io import BytesIO

from elftools.elf.elffile import ELFFile
from elftools.elf.relocation import RelocationSection
from elftools.elf.sections import SymbolTableSection

_SYMBOL_BYTES = 24
_SECTION_ADDRESS = 16
_SHF_COMPRESSED = 0x800
# x86-64 and AArch64: relocations of 8 and of 4 bytes that are a symbol and an addend.
_WIDTHS = {"EM_X86_64": {1: 8, 10: 4, 11: 4}, "EM_AARCH64": {257: 8, 258: 4}}
_EXECUTABLE = struct.pack("<H", 2)


def relocated(data: bytes, sections: Mapping[str, int]) -> bytes:
    """Return an ELF object file as an executable whose sections lie where `sections` says, by their names.

    Only symbols and debug information are good for anything afterwards. Sections that are not named are left out of it.
    ValueError: it is no object file, of an unknown machine, or its debug information is compressed.
    """
    file = ELFFile(BytesIO(data))
    if file["e_type"] != "ET_REL" or file["e_machine"] not in _WIDTHS or file.elfclass != 64:
        raise ValueError("not an object file of a machine that is known")
    result = bytearray(data)
    result[16:18] = _EXECUTABLE
    placed = list(file.iter_sections())
    addresses = [sections.get(section.name, 0) if section["sh_flags"] & 2 else 0 for section in placed]
    for index, address in enumerate(addresses):
        struct.pack_into("<Q", result, file["e_shoff"] + index * file["e_shentsize"] + _SECTION_ADDRESS, address)
    table = file.get_section_by_name(".symtab")
    if not isinstance(table, SymbolTableSection):
        raise ValueError("it has no symbols")
    values = []
    for number, symbol in enumerate(table.iter_symbols()):
        section = symbol["st_shndx"]
        value = symbol["st_value"] + (addresses[section] if isinstance(section, int) else 0)
        values.append(value)
        struct.pack_into("<Q", result, table["sh_offset"] + number * _SYMBOL_BYTES + 8, value)
    widths = _WIDTHS[file["e_machine"]]
    for section in placed:
        if not isinstance(section, RelocationSection) or not section.is_RELA():
            continue
        target = placed[section["sh_info"]]
        if not target.name.startswith(".debug_"):
            continue
        if target["sh_flags"] & _SHF_COMPRESSED:
            raise ValueError("its debug information is compressed")
        for one in section.iter_relocations():
            width = widths.get(one["r_info_type"])
            if width is not None:
                value = values[one["r_info_sym"]] + one["r_addend"]
                at = target["sh_offset"] + one["r_offset"]
                result[at : at + width] = (value % (1 << 8 * width)).to_bytes(width, "little")
    return bytes(result)
