"""What a native pc stands for: function, file and line, also of what was inlined there."""

import ctypes
import re
from functools import cache
from typing import NamedTuple

from symbolic.debuginfo import Archive
from symbolic.symcache import SymCache

from pykcov.native import elf
from pykcov.native.images import Place

# What gcc and clang append to the names of the pieces and copies that they make of a function.
_PIECE = re.compile(r"(\.(cold|part|isra|constprop|lto_priv|llvm)(\.\d+)?)+$")


class Frame(NamedTuple):
    """A function and a line of it."""

    function: str
    file: str
    """'' if not known."""
    line: int
    """0 if not known."""


class Symbol(NamedTuple):
    """What is known about a pc."""

    frames: tuple[Frame, ...]
    """The innermost first; those after it have inlined the one before. Empty if nothing is known."""
    distance: int = 0
    """Bytes from the beginning of the one function that is named, where no debug information says more."""
    note: str = ""
    """'' if all is known, else what is not and why."""


class Symbolizer:
    """Looks pcs up in the files of images, each of which it opens once."""

    def __init__(self) -> None:
        """Open nothing yet."""
        self._caches: dict[tuple[str, str], SymCache | str] = {}

    def symbolize(self, place: Place, *, is_return: bool = True) -> Symbol:
        """Return what a place stands for.

        `is_return`: its offset is a return address, as of all recorded pcs; the call is what is meant.
        """
        image, offset = place
        key = (image.path, image.build_id)
        if key not in self._caches:
            self._caches[key] = _open(place)
        cache = self._caches[key]
        if isinstance(cache, str):
            return Symbol((), note=cache)
        found = cache.lookup(offset - is_return)  # type: ignore[no-untyped-call]
        if not found:
            return Symbol((), note="it has no symbol near some places: it is stripped")
        if not found[0].full_path:
            frame = Frame(_function(found[0].symbol), "", 0)
            return Symbol((frame,), offset - found[0].sym_addr, "some places are named by the nearest symbol")
        return Symbol(tuple(Frame(_function(one.symbol), one.full_path, one.line) for one in found))


def _open(place: Place) -> SymCache | str:
    """Return the symbols of an image, or why there are none."""
    best = None
    try:
        for path in elf.debug_files(place.image):
            for candidate in Archive.open(str(path)).iter_objects():
                if best is None or ("debug" in candidate.features and "debug" not in best.features):
                    best = candidate
        if best is None:
            return f"{place.image.path}: not a file with symbols"
        return best.make_symcache()
    except elf.MissingError as error:
        return str(error)
    except Exception as error:  # the bytes may be anything, and a parser of them complains in many ways
        return f"{place.image.path}: {error}"


def _function(name: str) -> str:
    return _demangled(_PIECE.sub("", name))


def _demangled(name: str) -> str:
    if not name.startswith("_Z"):
        return name
    library = _cxx_library()
    if library is None:
        return name
    status = ctypes.c_int()
    library.__cxa_demangle.restype = ctypes.c_void_p
    result = library.__cxa_demangle(name.encode(), None, None, ctypes.byref(status))
    if not result:
        return name
    text = ctypes.string_at(result).decode(errors="replace")
    ctypes.CDLL(None).free(ctypes.c_void_p(result))
    return text


@cache
def _cxx_library() -> ctypes.CDLL | None:
    for name in ("libstdc++.so.6", "libc++abi.so.1"):
        try:
            return ctypes.CDLL(name)
        except OSError:
            continue
    return None
