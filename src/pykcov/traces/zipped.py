"""Writes zip archives (PKWARE's APPNOTE.TXT) without the module zipfile, whose import takes more than the rest of it.

All sizes and positions are in the fields of zip64, so that none is too large.
"""

from collections.abc import Iterable
from struct import Struct
from typing import IO, Any
from zlib import DEFLATED, MAX_WBITS, Z_DEFAULT_COMPRESSION, compressobj, crc32

# Version needed, flags, method, time, date, checksum, size compressed and not, length of the name and of the rest.
_ENTRY = Struct("<HHHHHIIIHH")
# Length of the comment, disk, attributes, position.
_CENTRAL = Struct("<HHHII")
# Tag, length, size and size compressed; in the directory also the position.
_SIZES = Struct("<HHQQ")
_SIZES_AND_POSITION = Struct("<HHQQQ")
# Signature, length of the rest, versions, disks, entries twice, size and position of the directory.
_END = Struct("<4sQHHIIQQQQ")
_LOCATOR = Struct("<4sIQI")
_OLD_END = Struct("<4sHHHHIIH")
_IN_ZIP64 = 0xFFFFFFFF
_ZIP64_TAG = 1
_VERSION = 45
_MADE_BY = 3 << 8 | _VERSION  # on Unix
_FIRST_DATE = 1 << 5 | 1  # 1980-01-01: no time is told
_UTF8 = 1 << 11
_MODE = 0o600 << 16


def write(file: IO[bytes], members: Iterable[tuple[str, Iterable[Any]]]) -> None:
    """Write an archive of members, each a name and the buffers that it consists of. OSError if that fails."""
    directory = []
    position = 0
    for name, parts in members:
        path = name.encode()
        packer = compressobj(Z_DEFAULT_COMPRESSION, DEFLATED, -MAX_WBITS)
        checksum = size = 0
        packed = []
        for part in parts:
            checksum = crc32(part, checksum)
            size += memoryview(part).nbytes
            packed.append(packer.compress(part))
        packed.append(packer.flush())
        packed_size = sum(map(len, packed))
        local = b"PK\3\4" + _entry(path, checksum, _SIZES.size) + path + _SIZES.pack(_ZIP64_TAG, 16, size, packed_size)
        file.write(local)
        file.writelines(packed)
        directory.append(
            b"PK\1\2"
            + _MADE_BY.to_bytes(2, "little")
            + _entry(path, checksum, _SIZES_AND_POSITION.size)
            + _CENTRAL.pack(0, 0, 0, _MODE, _IN_ZIP64)
            + path
            + _SIZES_AND_POSITION.pack(_ZIP64_TAG, 24, size, packed_size, position)
        )
        position += len(local) + packed_size
    count, length = len(directory), sum(map(len, directory))
    file.writelines(directory)
    file.write(_END.pack(b"PK\6\6", _END.size - 12, _MADE_BY, _VERSION, 0, 0, count, count, length, position))
    file.write(_LOCATOR.pack(b"PK\6\7", 0, position + length, 1))
    file.write(_OLD_END.pack(b"PK\5\6", 0, 0, 0xFFFF, 0xFFFF, _IN_ZIP64, _IN_ZIP64, 0))


def _entry(path: bytes, checksum: int, extra: int) -> bytes:
    sizes = _IN_ZIP64, _IN_ZIP64
    return _ENTRY.pack(_VERSION, _UTF8, DEFLATED, 0, _FIRST_DATE, checksum, *sizes, len(path), extra)
