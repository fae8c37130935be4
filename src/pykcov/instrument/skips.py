"""What was to be instrumented and could not be."""

from typing import NamedTuple


class Skipped(NamedTuple):
    """Something that was to be instrumented and was not, or not completely."""

    name: str
    """Its dotted name, that of a module or of a function with its module."""
    reason: str
    """Why it has no probes."""


# In order, each once.
_skipped: dict[Skipped, None] = {}


def skip(name: str, reason: str) -> None:
    """Note that something was skipped."""
    _skipped[Skipped(name, reason)] = None


def noted() -> list[Skipped]:
    """Return what was skipped so far, each once, the oldest first."""
    return list(_skipped)
