"""What probed code was before, so that it can get finer probes later.

The originals of the whole standard library take 13 MB, a fifth of what its probes take.
"""

from _weakref import ref
from types import CodeType
from typing import NamedTuple

from pykcov._core import CompareProbe, Probe
from pykcov._view import constants
from pykcov.instrument.kind import Kind
from pykcov.instrument.stored import StoredCode
from pykcov.traces.locations import stored_with


class _Probed(NamedTuple):
    """A code object with probes, weakly, and what it was before."""

    reference: "ref[CodeType]"
    original: CodeType
    kind: Kind
    left_out: frozenset[int] = frozenset()
    """Which of its probes, in order, are constants that nothing loads (vanish.py)."""


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
    for before, after in zip(original.co_consts, constants(probed), strict=False):
        if type(before) is CodeType:
            remember(before, after, kind)


def remember_thinned(original: CodeType, thinned: CodeType, kind: Kind, left_out: frozenset[int]) -> None:
    """Note the same of one code object that has lost some of its probes."""
    _probed[id(thinned)] = _Probed(ref(thinned), original, kind, left_out)


def left_out_of(probed: CodeType) -> frozenset[int]:
    """Return which of its probes a code object has lost."""
    entry = _entry(probed)
    return entry.left_out if entry is not None else frozenset()


def kind_of(probed: CodeType) -> Kind | None:
    """Return which probes a code object has; None if it came from elsewhere, as in a pickle."""
    entry = _entry(probed)
    if entry is not None:
        return entry.kind
    stored = _stored(probed)
    return stored.kind if stored is not None else None


def original_of(probed: CodeType) -> CodeType | None:
    """Return what a probed code object was before; None if it came from elsewhere, as in a pickle."""
    entry = _entry(probed)
    if entry is not None:
        return entry.original
    stored = _stored(probed)
    original = stored.original(_probe(probed).pc) if stored is not None else None
    # A changed copy of what was loaded has the same probes.
    return original if original is not None and _alike(original, probed) else None


def twin_of(copy: CodeType) -> CodeType | None:
    """Return code whose original is known and of which this is a copy, as pickles make them here. It takes long."""
    pc = _probe(copy).pc
    for entry in list(_probed.values()):
        probed = entry.reference()
        if probed is not None and _probe(probed).pc == pc and _alike(probed, copy):
            return probed
    return None


def _entry(probed: CodeType) -> _Probed | None:
    entry = _probed.get(id(probed))
    return entry if entry is not None and entry.reference() is probed else None


def _stored(probed: CodeType) -> StoredCode | None:
    stored = stored_with(_probe(probed).pc)
    return stored if type(stored) is StoredCode else None


def _probe(probed: CodeType) -> Probe | CompareProbe:
    probe = constants(probed)[-1]
    assert isinstance(probe, Probe | CompareProbe)
    return probe


def _alike(original: CodeType, probed: CodeType) -> bool:
    return all(
        getattr(original, name) == getattr(probed, name)
        for name in (
            *("co_name", "co_qualname", "co_filename", "co_firstlineno", "co_flags", "co_names", "co_varnames"),
            *("co_cellvars", "co_freevars", "co_argcount", "co_kwonlyargcount", "co_posonlyargcount"),
        )
    )


def _sweep() -> None:
    global _sweep_at
    for key, entry in list(_probed.items()):
        if entry.reference() is None:
            _probed.pop(key, None)
    _sweep_at = max(_SWEEP_MIN, 2 * len(_probed))
