"""Damages files as disks, programs and people with bad intentions do: single bytes, whole arrays, archives, claims."""

import io
import json
import random
import struct
import zipfile
from typing import Any

import numpy as np

_TYPES = ("u8", "i8", "i4", "u4", "u1", "f8", "b1", "U1", "U9", "S3", ">i4", ">u8", "<U40")
_NUMBERS = (0, 1, -1, 2, 127, 255, 2**16, 2**31 - 1, -(2**31), 2**32, 2**53, 2**62, 2**63 - 1, -(2**63), 2**64 - 1)
_NAMES = (
    *("", "/", "/dev/zero", "/dev/zero/x.py", "/dev/stdin", "/proc/kmsg", "/proc/self/mem", "/proc/kcore", "/sys"),
    *("../../etc/passwd", "/etc/passwd", "a\0b", "\ud800", "\U0010ffff", "x" * 5000, "/tmp/" + "y/" * 2000, "\x1b[2J"),
    *("<string>", "a\nb", "[red]x[/red]", "%s%n", "{0}", "C:\\x", "__main__", "unique", "cmp", "cmp-bytes", "pc"),
)


def damaged_bytes(content: bytes, random: random.Random) -> bytes:
    """Change, cut, repeat or insert some bytes."""
    damaged = bytearray(content)
    for _ in range(random.choice((1, 1, 2, 5, 30))):
        at = random.randrange(len(damaged) + 1)
        length = random.choice((1, 1, 2, 4, 8, 100))
        match random.randrange(6):
            case 0:
                damaged[at : at + length] = random.randbytes(length)
            case 1:
                del damaged[at : at + length]
            case 2:
                damaged[at:at] = random.randbytes(length)
            case 3:
                damaged[at : at + length] = bytes([random.choice((0, 255))]) * length
            case 4:
                damaged[at:at] = damaged[at : at + length]
            case 5 if random.random() < 0.2:
                del damaged[at:]
    return bytes(damaged)


def damaged_arrays(content: bytes, random: random.Random) -> bytes:
    """Change some arrays of an .npz file; it is a sound archive afterwards."""
    with np.load(io.BytesIO(content)) as archive:
        arrays = {name: archive[name] for name in archive.files}
    for _ in range(random.choice((1, 1, 1, 2, 4))):
        name = random.choice(list(arrays))
        arrays[name] = _damaged(arrays[name], random)
        if random.random() < 0.1:
            del arrays[name]
    file = io.BytesIO()
    random.choice((np.savez, np.savez_compressed))(file, **arrays)
    return file.getvalue()


def _damaged(array: Any, random: random.Random) -> Any:
    match random.randrange(9):
        case 0 if array.size:
            changed = array.copy().reshape(-1)
            for _ in range(random.choice((1, 2, 5))):
                changed[random.randrange(changed.size)] = _value(array.dtype, random)
            return changed.reshape(array.shape)
        case 1:
            return np.full_like(array, _value(array.dtype, random))
        case 2:
            return array.reshape(-1)[: random.randrange(array.size + 1)]
        case 3:
            return np.concatenate([array.reshape(-1)] * random.choice((2, 3, 100)))
        case 4:
            return np.zeros(
                random.choice(((), (0,), (3,), (5, 4), (0, 4), (2, 2, 2), (1 << 20,))), random.choice(_TYPES)
            )
        case 5 if array.dtype.kind != "U" or array.dtype.itemsize < 4:
            return array.astype(random.choice(_TYPES[:8]))
        case 6:
            return array.reshape(-1)[::-1]
        case 7:
            return array.reshape(-1, 1)
    return np.array([{}, _value], object)


def _value(type: Any, random: random.Random) -> Any:
    if type.kind == "U":
        return random.choice(_NAMES)
    number = random.choice((*_NUMBERS, random.getrandbits(64), random.randrange(100)))
    if type.kind in "iu":
        bits = 8 * type.itemsize
        number &= (1 << bits) - 1
        return number - (1 << bits) if type.kind == "i" and number >> bits - 1 else number
    return bool(number)


def damaged_archive(content: bytes, random: random.Random) -> bytes:
    """Claim what is not there: terabytes, pickles, other compressions, other names, other zip archives."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    name = random.choice(list(members))
    compression = zipfile.ZIP_DEFLATED
    match random.randrange(8):
        case 0:
            members[name] = _header("<u8", (random.choice((2**40, 2**62, 10**30, 2**25)),)) + members[name][-50:]
        case 1:
            members[name] = _header(f"<U{random.choice((2**20, 2**31, 0))}", (random.choice((1, 2**20)),))
        case 2:
            members[name] = _header(random.choice(("|O", "<M8[s]", "V8", "<c16", ">f2", "U", "")), (3,)) + bytes(24)
        case 3:
            members[name] = _header("<u8", ()) + b"\x80\x04cos\nsystem\n(S'false'\ntR."
        case 4:
            members[name] += bytes(random.choice((1, 10**6, 3 * 10**7)))
        case 5:
            members[random.choice((".npy", "../x.npy", "/etc/x.npy", "x" * 9999 + ".npy", "new.npy"))] = members[name]
        case 6:
            compression = random.choice((zipfile.ZIP_STORED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA))
        case 7:
            members[name] = members[random.choice(list(members))]
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", compression) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return file.getvalue()


def _header(description: str, shape: tuple[int, ...]) -> bytes:
    text = f"{{'descr': '{description}', 'fortran_order': False, 'shape': {shape}, }}\n".encode()
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text


def damaged_json(value: Any, random: random.Random) -> bytes:
    """Put something else in some place of what JSON holds."""
    odd = (None, True, -1, 2**70, 1e308, "", "x\0", [], {}, [[]], "zz", {"a": 1}, "/dev/zero", "f" * 10000, [1, "2"])

    def change(value: Any) -> Any:
        if not isinstance(value, (dict, list)) or not value or random.random() < 0.3:
            return random.choice(odd)
        if isinstance(value, dict):
            key = random.choice(list(value))
            return {**value, key: change(value[key])} if random.random() < 0.8 else {**value, "new": 1, key: None}
        at = random.randrange(len(value))
        return [*value[:at], change(value[at]), *value[at + 1 :]]

    return json.dumps(change(value)).encode()
