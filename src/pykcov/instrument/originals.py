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


class _Probed(NamedTuple):
    """A code object with probes, weakly, and what it was before."""

    reference: "ref[CodeType]"
    original: CodeType
    kind: Kind


# By the id of the probed code: code objects compare by value, and slowly. What belongs to code that has died is swept
# away when there are twice as many as after the last sweep: a callback would be a Python call that tracers see.
_probed: dict[int, _Probed] = {}
_SWEEP_MIN = 1000
_sweep_at = _SWEEP_MIN


def remember(original: CodeType, probed: CodeType, kind: Kind) -> None:
    """Note what a code object, and those nested in it, were before they got probes."""
    _probed[id(probed)] = _Probed(ref(probed), original, kind)
    if len(_probed) > _sweep_at:
        _sweep()
    # The probes stand behind the constants of the code.
    for before, after in zip(original.co_consts, probed.co_consts, strict=False):
        if type(before) is CodeType:
            remember(before, after, kind)


def original_of(probed: CodeType) -> tuple[CodeType, Kind] | None:
    """Return what a probed code object was before, and its kind; None if it came from elsewhere, as in a pickle."""
    entry = _probed.get(id(probed))
    if entry is None or entry.reference() is not probed:
        return None
    return entry.original, entry.kind


def _sweep() -> None:
    global _sweep_at
    for key, entry in list(_probed.items()):
        if entry.reference() is None:
            _probed.pop(key, None)
    _sweep_at = max(_SWEEP_MIN, 2 * len(_probed))
