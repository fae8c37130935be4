"""Files of numpy's arrays (.npz) without numpy, whose import costs more than most runs and reports take.

The format is numpy's, documented and stable (numpy.lib.format): a zip archive with one .npy file for each array.
"""

import os
import sys
from array import array
from ast import literal_eval
from collections.abc import Mapping, Sequence
from math import prod
from typing import IO, Any, Final, NamedTuple
from zipfile import ZIP_DEFLATED, ZipFile

_MAGIC: Final = b"\x93NUMPY"
_ALIGNMENT: Final = 64
_SWAPPED: Final = ">" if sys.byteorder == "little" else "<"
_CHARACTER_BYTES: Final = 4

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
    with ZipFile(file, "w", ZIP_DEFLATED) as archive:
        for name, one in arrays.items():
            with archive.open(f"{name}.npy", "w", force_zip64=True) as member:
                for part in _parts(one):
                    member.write(part)


def load(path: str | os.PathLike[str]) -> dict[str, Array]:
    """Read a file of arrays, those of Python objects excepted.

    Raises OSError, zipfile.BadZipFile, ValueError, and what else zlib and zipfile raise for damaged archives.
    """
    found = {}
    with ZipFile(path) as archive:
        for name in archive.namelist():
            if name.endswith(".npy"):
                found[name.removesuffix(".npy")] = _parse(archive.read(name))
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


def _parse(data: bytes) -> Array:
    if data[: len(_MAGIC)] != _MAGIC or len(data) < len(_MAGIC) + 4:
        raise ValueError("an array has no header")
    length_bytes = 2 if data[len(_MAGIC)] == 1 else 4
    begin = len(_MAGIC) + 2 + length_bytes
    end = begin + int.from_bytes(data[begin - length_bytes : begin], "little")
    try:
        header = literal_eval(data[begin:end].decode("latin-1").strip())
        description, shape, fortran = header["descr"], header["shape"], header["fortran_order"]
    except (SyntaxError, ValueError, TypeError, KeyError, MemoryError, RecursionError) as error:
        raise ValueError(f"the header of an array cannot be read: {error}") from error
    sizes = isinstance(shape, tuple) and all(type(size) is int and size >= 0 for size in shape)
    if not isinstance(description, str) or len(description) < 2 or not sizes:
        raise ValueError(f"an array of type {description!r} and shape {shape!r} cannot be read")
    if fortran and len(shape) > 1:
        raise ValueError("an array of several dimensions is in Fortran's order")
    return _values(description, shape, memoryview(data)[end:])


def _values(description: str, shape: tuple[int, ...], data: memoryview) -> Array:
    order, type = description[0], description[1:]
    if type[0] == "O":
        raise ValueError("an array of Python objects, which are never loaded")
    if type[0] == "U":
        width = int(type[1:]) * _CHARACTER_BYTES
        if width * prod(shape) != len(data):
            raise ValueError(f"an array of shape {shape} and type {description} has {len(data)} bytes")
        encoding = "utf-32-be" if order == ">" else "utf-32-le"
        texts = [bytes(data[at : at + width]).decode(encoding, "surrogatepass") for at in range(0, len(data), width)]
        return Array("U", shape, [text.rstrip("\0") for text in texts])
    if type not in _CODES:
        return Array(type, shape, bytes(data))
    if int(type[1:]) * prod(shape) != len(data):
        raise ValueError(f"an array of shape {shape} and type {description} has {len(data)} bytes")
    if order == _SWAPPED and type[1] != "1":
        swapped = array(_CODES[type], data.tobytes())
        swapped.byteswap()
        return Array(type, shape, memoryview(swapped))
    return Array(type, shape, data.cast(_CODES[type]))
