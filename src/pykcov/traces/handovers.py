"""Work that one thread handed to another: where in the trace of each."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from pykcov.traces import npz


class Handover(NamedTuple):
    """What the giver did before it is earlier than what the taker did afterwards."""

    giver: int
    """Index of the thread that handed work over."""
    given: int
    """How many entries it had recorded by then."""
    taker: int
    """Index of the thread that did the work."""
    taken: int
    """How many entries that had recorded before it began."""


_TYPES = {"giver": "i4", "given": "i8", "taker": "i4", "taken": "i8"}


def columns(handovers: Sequence[Handover]) -> dict[str, npz.Array]:
    """Return the arrays that a trace file has of hand-overs."""
    return {name: npz.row(type, [getattr(one, name) for one in handovers]) for name, type in _TYPES.items()}


def from_columns(values: Mapping[str, Sequence[Any]]) -> list[Handover]:
    """Return what columns() was given. Older files have none."""
    return [Handover(*row) for row in zip(*(values.get(name, ()) for name in _TYPES), strict=True)]
