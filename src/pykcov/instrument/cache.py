"""The cache of probed code: a file beside the .pyc file that it was made of.

`__pycache__/decoder.cpython-311.pyc` has `__pycache__/decoder.cpython-311.pykcov-line`, for each kind of probes one.
The file belongs to the very bytes of the .pyc file, not to a time: importlib says whether these are those of the
source, and a clock that jumps changes nothing. What it was made for, and a checksum over all of it, stand in front. A
file that does not fit is none: the module is rewritten, and the file is written anew.

Functions that were found alive have a file for those of a module, `decoder.cpython-311.pykcov-line-functions`, which
belongs to their code. In a program that PyInstaller has put together, where there are no .pyc files, so has the code of
a module.

A file is written under another name and moved: readers see the old one or the new one. Where `__pycache__` cannot be
written, it goes to the user's folder for caches. PYKCOV_CACHE names another folder for all files, or is "off".
"""

import marshal
import os
import sys
from _blake2 import blake2b
from _imp import _fix_co_filename, source_hash  # type: ignore[attr-defined]
from _thread import get_ident
from collections.abc import Iterator, Sequence
from contextlib import suppress
from types import CodeType
from typing import Any

from pykcov.instrument import stored
from pykcov.instrument.kind import Kind

VARIABLE = "PYKCOV_CACHE"
_SUFFIX = ".pykcov-"
# The header: magic, checksum of all behind it, digest of what the file was made for.
_MAGIC = b"pykcov\x00\x02"
_CHECKED = len(_MAGIC) + 8
_DIGEST = 16
_HEADER = _CHECKED + _DIGEST
_SEED = int.from_bytes(_MAGIC, "little")
_PYC_HEADER = 16
# No module has so much code: what is longer is read into no program's memory.
_SIZE_MAX = 1 << 28
FUNCTIONS = "-functions"
"""What ends the name of a file that has the functions of a module which were found alive."""
# The last version of marshal's format that has none.
_NO_REFERENCES = 2


def load(data: memoryview, module: str, bytecode_path: str, source_path: str, kind: Kind) -> CodeType | None:
    """Return the probed code of a module from the cache, given what its .pyc file holds behind the header.

    None if there is none, or it does not fit.
    """
    for path in _paths(bytecode_path, kind):
        content = _read(path)
        if content is None or not _fits(content, _digest(data, module, source_path, kind)):
            continue

        def originals() -> list[CodeType]:
            code = marshal.loads(data)
            _fix_co_filename(code, source_path)
            return [code]

        loaded = _load(content, kind, module, source_path, originals)
        return loaded[0] if loaded is not None else None
    return None


def load_codes(
    codes: Sequence[CodeType], module: str, bytecode_path: str, kind: Kind, what: str = FUNCTIONS
) -> Sequence[CodeType | None] | None:
    """Return the probed code of each of `codes`, which are of one file, None for those that the cache does not have.

    bytecode_path: of their module. what: a part of the file's name. None if it has none of them.
    """
    for path in _paths(bytecode_path, kind, what):
        content = _read(path)
        if content is None or (digest := _digest_of_codes(codes, module, kind)) is None or not _fits(content, digest):
            continue
        # Who is asked for them later needs all of them.
        return _load(content, kind, module, codes[0].co_filename, lambda: codes)
    return None


def store(original: CodeType, probed: CodeType, module: str, bytecode_path: str, kind: Kind) -> None:
    """Keep the probed code of a module. Nothing happens if that is not possible, or its .pyc file holds other code."""
    paths = [] if sys.dont_write_bytecode else list(_paths(bytecode_path, kind))
    if not paths:
        return
    content = _read(bytecode_path)
    if content is None or not _holds(content, original):
        return
    dumped = stored.dump([(original, probed)])
    if dumped is not None:
        digest = _digest(memoryview(content)[_PYC_HEADER:], module, original.co_filename, kind)
        _write_first(paths, digest + dumped, _mode(bytecode_path))


def store_codes(
    pairs: Sequence[tuple[CodeType, CodeType]], module: str, bytecode_path: str, kind: Kind, what: str = FUNCTIONS
) -> None:
    """Keep probed code of a module: pairs of code before and after. Nothing happens if that is not possible."""
    paths = [] if sys.dont_write_bytecode else list(_paths(bytecode_path, kind, what))
    digest = _digest_of_codes([original for original, _ in pairs], module, kind) if paths else None
    dumped = stored.dump(pairs) if digest is not None else None
    if digest is not None and dumped is not None:
        _write_first(paths, digest + dumped, _mode(bytecode_path))


def _load(
    content: bytes, kind: Kind, module: str, file: str, originals: stored.Originals
) -> Sequence[CodeType | None] | None:
    try:
        return stored.load(memoryview(content)[_HEADER:], kind, module, file, originals)
    except (ValueError, TypeError, EOFError):
        return None


def _write_first(paths: Sequence[str], checked: bytes, mode: int) -> None:
    """Write to the first of the paths that can be written."""
    for path in paths:
        if _write(path, _MAGIC + _checksum(checked) + checked, mode):
            break


def folder() -> str | None:
    """Return the folder for what cannot stand beside its .pyc file; None if there is no cache."""
    value = os.environ.get(VARIABLE, "")
    if value == "off":
        return None
    if value:
        return os.path.abspath(value)
    base = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
    return os.path.join(base, "pykcov")


def files_below(top: str) -> Iterator[str]:
    """Yield the cache's files below a folder, unfinished ones too."""
    for path, folders, names in os.walk(top):
        folders.sort()
        yield from (os.path.join(path, name) for name in sorted(names) if _SUFFIX in name)


def _paths(bytecode_path: str, kind: Kind, what: str = "") -> Iterator[str]:
    """Yield where the file may be, the first choice first; nothing if there is no cache."""
    value = os.environ.get(VARIABLE, "")
    if value == "off" or _fingerprint() is None or (not value and _is_unpacked_each_time()):
        return
    if not value:
        yield f"{bytecode_path.removesuffix('.pyc')}{_SUFFIX}{kind}{what}"
    elsewhere = folder()
    if elsewhere is not None:
        name = blake2b(os.fsencode(os.path.abspath(bytecode_path)), digest_size=_DIGEST).hexdigest()
        yield os.path.join(elsewhere, f"{name}{_SUFFIX}{kind}{what}")


def _digest(data: memoryview, module: str, source_path: str, kind: Kind) -> bytes:
    """Name all that probed code depends on."""
    words = f"{module}\0{source_path}\0{kind}\0{len(data)}\0".encode("utf-8", "surrogatepass")
    return blake2b(words + source_hash(_SEED, data) + (_fingerprint() or b""), digest_size=_DIGEST).digest()


def _digest_of_codes(codes: Sequence[CodeType], module: str, kind: Kind) -> bytes | None:
    """Name all that the probed code of functions depends on; None: it has something that cannot be named."""
    try:
        data = b"".join(map(_bytes_of, codes))
    except ValueError:
        return None
    return _digest(memoryview(data), module, codes[0].co_filename, kind)


def _bytes_of(code: CodeType) -> bytes:
    """Return the same for equal code. Newer formats depend on who else has the same constants."""
    try:
        return marshal.dumps(code, _NO_REFERENCES)
    except ValueError:  # since 3.14 slices are constants
        return marshal.dumps(_plain(code), _NO_REFERENCES)


def _plain(constant: Any) -> Any:
    if type(constant) is slice:
        return "slice", constant.start, constant.stop, constant.step
    if type(constant) is tuple:
        return tuple(map(_plain, constant))
    if type(constant) is CodeType:
        return constant.replace(co_consts=tuple(map(_plain, constant.co_consts)))
    return constant


def _checksum(checked: bytes | memoryview) -> bytes:
    checksum: bytes = source_hash(_SEED, checked)
    return checksum


def _fits(content: bytes, digest: bytes) -> bool:
    return (
        content[_CHECKED:_HEADER] == digest
        and content.startswith(_MAGIC)
        and content[len(_MAGIC) : _CHECKED] == _checksum(memoryview(content)[_CHECKED:])
    )


# Of this Python and of the files that say which probes code gets; not known yet, or None: there can be no cache.
_known_fingerprint: bytes | bool | None = False


def _fingerprint() -> bytes | None:
    global _known_fingerprint
    if _known_fingerprint is False:
        _known_fingerprint = _make_fingerprint()
    return _known_fingerprint  # type: ignore[return-value]


def _make_fingerprint() -> bytes | None:
    ours = os.path.dirname(__file__)
    hasher = blake2b(f"{sys.implementation.name}\0{sys.hexversion}\0{sys.version}\0{sys.byteorder}".encode())
    try:
        names = sorted(name for name in os.listdir(ours) if name.endswith(".py"))
        for path in [*(os.path.join(ours, name) for name in names), os.path.join(ours, "..", "traces", "locations.py")]:
            with open(path, "rb") as file:
                hasher.update(file.read())
    except OSError:
        return None
    return hasher.digest()


def _is_unpacked_each_time() -> bool:
    """Whether this program is one file of PyInstaller's, which makes a new folder each time that it starts."""
    own = getattr(sys, "_MEIPASS", "")
    return bool(own) and not os.path.realpath(own).startswith(os.path.dirname(os.path.realpath(sys.executable)))


def _read(path: str) -> bytes | None:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except (OSError, ValueError):
        return None
    try:
        size = os.fstat(descriptor).st_size
        if size > _SIZE_MAX:
            return None
        content = os.read(descriptor, size + 1)
        return content if len(content) == size else None
    except OSError:
        return None
    finally:
        os.close(descriptor)


def _holds(content: bytes, code: CodeType) -> bool:
    """Return whether a .pyc file holds this code."""
    try:
        return bool(marshal.loads(memoryview(content)[_PYC_HEADER:]) == code)
    except (ValueError, TypeError, EOFError):
        return False


def _mode(path: str) -> int:
    try:
        return os.stat(path).st_mode & 0o666
    except OSError:
        return 0o600


def _write(path: str, content: bytes, mode: int) -> bool:
    folder = os.path.dirname(path)
    temporary = f"{path}.{os.getpid()}.{get_ident()}"
    try:
        if folder and not os.path.isdir(folder):
            os.makedirs(folder, mode=0o700, exist_ok=True)
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
    except (OSError, ValueError):
        return False
    try:
        with open(descriptor, "wb") as file:
            file.write(content)
        os.replace(temporary, path)
    except OSError:
        _remove(temporary)
        return False
    except BaseException:
        _remove(temporary)
        raise
    return True


def _remove(path: str) -> None:
    with suppress(OSError):
        os.unlink(path)


__all__ = ["FUNCTIONS", "VARIABLE", "files_below", "folder", "load", "load_codes", "store", "store_codes"]
