"""What probed code was before, so that it can get finer probes later.

The originals of the whole standard library take 13 MB, a fifth of what its probes take.
"""

from _weakref import ref
from types import CodeType
from typing import NamedTuple

from pykcov.instrument.rewrite import Granularity


class Kind(NamedTuple):
    """Which probes a code object has."""

    granularity: Granularity
    compare: bool

    def with_(self, other: "Kind") -> "Kind":
        """Return the kind that has the probes of both."""
        granularity: Granularity = "line" if "line" in (self.granularity, other.granularity) else "block"
        return Kind(granularity, self.compare or other.compare)


class _Probed(ref[CodeType]):
    """A code object with probes, weakly, and what it was before."""

    __slots__ = ("key", "kind", "original")

    key: int
    kind: Kind
    original: CodeType


# By the id of the probed code: code objects compare by value, and slowly.
_probed: dict[int, _Probed] = {}


def remember(original: CodeType, probed: CodeType, kind: Kind) -> None:
    """Note what a code object, and those nested in it, were before they got probes."""
    entry = _Probed(probed, _forget)
    entry.key, entry.original, entry.kind = id(probed), original, kind
    _probed[entry.key] = entry
    # The probes stand behind the constants of the code.
    for before, after in zip(original.co_consts, probed.co_consts, strict=False):
        if type(before) is CodeType:
            remember(before, after, kind)


def original_of(probed: CodeType) -> tuple[CodeType, Kind] | None:
    """Return what a probed code object was before, and its kind; None if it came from elsewhere, as in a pickle."""
    entry = _probed.get(id(probed))
    return None if entry is None else (entry.original, entry.kind)


def _forget(entry: _Probed, probed: dict[int, _Probed] = _probed) -> None:
    # The dictionary is an argument because this is called at the end of the interpreter too.
    probed.pop(entry.key, None)
