"""Files of numpy's arrays (.npz) without numpy, whose import costs more than most runs and reports take.

The format is numpy's, documented and stable (numpy.lib.format): a zip archive with one .npy file for each array.
"""

import errno
import os
import re
import stat
import sys
from array import array
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from math import prod
from typing import IO, Any, Final, NamedTuple

from pykcov.traces import zipped

_MAGIC: Final = b"\x93NUMPY"
_ALIGNMENT: Final = 64
_SWAPPED: Final = ">" if sys.byteorder == "little" else "<"
_CHARACTER_BYTES: Final = 4
_HEADER: Final = re.compile(
    rb"\{'descr': '([<>|=]?)([A-Za-z]\d{0,9})', 'fortran_order': (True|False), 'shape': \(([\d, ]{0,99})\),? *\} *\n"
)
"""What numpy writes for arrays of plain types."""
_HEADER_MAX: Final = 1 << 12

# What a file may take in memory: what is behind that was not recorded, but made to fill it.
_BYTES_MAX: Final = 1 << 29
_RATIO_MAX: Final = 128

_CODES: Final[Mapping[str, Any]] = {
    "i1": "b",
    "i2": "h",
    "i4": "i",
    "i8": "q",
    "u1": "B",
    "u2": "H",
    "u4": "I",
    "u8": "Q",
    "b1": "?",
}
"""Of numpy's types of integers: what the modules array, memoryview and struct call them."""


class Array(NamedTuple):
    """An array as it is saved."""

    type: str
    """As numpy names it, without byte order and length: 'u8', 'i4', 'b1'; 'U' for texts."""
    shape: tuple[int, ...]
    """() for a single value."""
    values: Sequence[Any]
    """All of them, of several dimensions the last one fastest: a memoryview of integers, or a list of str.

    Of other types, bytes.
    """

    @property
    def kind(self) -> str:
        """The first letter of the type: 'u', 'i', 'b', 'U', ..."""
        return self.type[0]


def row(type: str, values: Sequence[Any]) -> Array:
    """Return an array of one dimension: of str (type 'U') or integers. OverflowError if one does not fit the type."""
    if type == "U":
        return Array(type, (len(values),), values)
    if type == "b1":
        return Array(type, (len(values),), memoryview(bytes(map(bool, values))).cast("?"))
    return Array(type, (len(values),), memoryview(array(_CODES[type], values)))


def single(value: str | int) -> Array:
    """Return an array of no dimension with a text or an integer of 64 bits."""
    if isinstance(value, str):
        return Array("U", (), [value])
    return Array("i8", (), memoryview(array("q", [value])))


def save(file: IO[bytes], arrays: Mapping[str, Array]) -> None:
    """Write arrays as numpy.savez_compressed() does. OSError if that fails."""
    zipped.write(file, ((f"{name}.npy", _parts(one)) for name, one in arrays.items()))


def load(path: str | os.PathLike[str], check: Callable[[str, str, tuple[int, ...]], None]) -> dict[str, Array]:
    """Read a file of arrays, those of Python objects excepted.

    check: called with the name, type and shape of each array before its values are read; what it raises comes out.
    KeyError: the array is not asked for, and not read. Raises OSError, zipfile.BadZipFile, ValueError, and what else
    zlib and zipfile raise for damaged archives. It takes no more memory than the arrays that it returns, and these
    not much more than half a GB, unless the file is some MB long itself.
    """
    # Not before: it takes time, which who only saves does not need to spend.
    from zipfile import ZIP_DEFLATED, ZIP_STORED, ZipFile

    found = {}
    # Not of a device or pipe, which may never end.
    status = os.stat(path)
    if stat.S_ISDIR(status.st_mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
    if not stat.S_ISREG(status.st_mode):
        raise OSError(errno.EINVAL, "not a regular file")
    left = max(_BYTES_MAX, _RATIO_MAX * status.st_size)
    with ZipFile(path) as archive:
        for member in {member.filename: member for member in archive.infolist()}.values():
            name = member.filename.removesuffix(".npy")
            if name == member.filename:
                continue
            if member.compress_type not in (ZIP_DEFLATED, ZIP_STORED):
                raise ValueError(f"{name!r} is compressed in a way that trace files are not")
            with archive.open(member) as file:
                order, type, shape = _read_header(file)
                with suppress(KeyError):
                    check(name, type, shape)
                    size = _size(type, shape)
                    left -= size
                    if left < 0:
                        raise ValueError(f"{name!r} has {size} bytes, which is too much")
                    data = file.read(size)
                    if len(data) != size or file.read(1):
                        raise ValueError(f"{name!r} has not the {size} bytes of its shape")
                    found[name] = _values(order, type, shape, memoryview(data))
    return found


def _parts(one: Array) -> list[Any]:
    if one.type == "U":
        # numpy has no texts without characters.
        width = max(map(len, one.values), default=0) or 1
        data = [text.ljust(width, "\0").encode("utf-32-le", "surrogatepass") for text in one.values]
        return [_header(f"<U{width}", one.shape), b"".join(data)]
    order = "|" if one.type[1] == "1" else "<" if sys.byteorder == "little" else ">"
    return [_header(order + one.type, one.shape), one.values]


def _header(description: str, shape: tuple[int, ...]) -> bytes:
    text = repr({"descr": description, "fortran_order": False, "shape": shape}).encode()
    before = len(_MAGIC) + 4
    padding = -(before + len(text) + 1) % _ALIGNMENT
    return _MAGIC + b"\1\0" + (len(text) + padding + 1).to_bytes(2, "little") + text + b" " * padding + b"\n"


def _read_header(file: IO[bytes]) -> tuple[str, str, tuple[int, ...]]:
    """Return byte order, type and shape of the array whose values follow in the file."""
    magic = file.read(len(_MAGIC) + 2)
    version = magic[len(_MAGIC) :]
    if not magic.startswith(_MAGIC) or len(version) < 2 or version[0] not in (1, 2, 3):
        raise ValueError("an array has no header")
    length = int.from_bytes(file.read(2 if version[0] == 1 else 4), "little")
    header = _HEADER.fullmatch(file.read(length)) if length <= _HEADER_MAX else None
    if header is None:
        raise ValueError("the header of an array cannot be read")
    order, type, fortran, numbers = header.groups()
    if type[:1] == b"O":
        raise ValueError("an array of Python objects, which are never loaded")
    shape = tuple(int(number) for number in numbers.split(b",") if number.strip())
    if fortran == b"True" and len(shape) > 1:
        raise ValueError("an array of several dimensions is in Fortran's order")
    return order.decode(), type.decode(), shape


def _size(type: str, shape: tuple[int, ...]) -> int:
    """Return how many bytes the values take."""
    return int(type[1:] or 1) * (_CHARACTER_BYTES if type[0] == "U" else 1) * prod(shape)


def _values(order: str, type: str, shape: tuple[int, ...], data: memoryview) -> Array:
    if type[0] == "U":
        width = int(type[1:]) * _CHARACTER_BYTES
        encoding = "utf-32-be" if order == ">" else "utf-32-le"
        texts = [
            str(data[at : at + width], encoding, "surrogatepass").rstrip("\0") for at in range(0, len(data), width or 1)
        ]
        return Array("U", shape, texts if width else [""] * prod(shape))
    if type not in _CODES:
        return Array(type, shape, bytes(data))
    if type == "b1" and not set(data) <= {0, 1}:
        raise ValueError("a truth value is neither 0 nor 1")
    if order == _SWAPPED and type[1] != "1":
        swapped = array(_CODES[type], data.tobytes())
        swapped.byteswap()
        return Array(type, shape, memoryview(swapped))
    return Array(type, shape, data.cast(_CODES[type]))
