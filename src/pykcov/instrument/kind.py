"""Which probes code has."""

from collections.abc import Iterable
from typing import NamedTuple, get_args

from pykcov.instrument.sites import Granularity

GRANULARITIES: tuple[Granularity, ...] = get_args(Granularity)


def finest(granularities: Iterable[Granularity]) -> Granularity:
    """Return the one that has the probes of all."""
    asked = set(granularities)
    if "access" in asked and not asked.isdisjoint(("arc", "condition")):
        return "condition-access"
    return max(asked, key=GRANULARITIES.index)


def without_accesses(granularity: Granularity) -> Granularity:
    """Return the granularity of the other probes."""
    return _BESIDE_ACCESSES.get(granularity, granularity)


_BESIDE_ACCESSES: dict[Granularity, Granularity] = {"access": "line", "condition-access": "condition"}


class Kind(NamedTuple):
    """Which probes a code object has."""

    granularity: Granularity
    compare: bool

    def with_(self, other: "Kind") -> "Kind":
        """Return the kind that has the probes of both."""
        return Kind(finest((self.granularity, other.granularity)), self.compare or other.compare)

    def __str__(self) -> str:
        """Return it as a part of a file's name."""
        return self.granularity + "-compare" * self.compare
