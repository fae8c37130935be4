"""Which probes code has."""

from collections.abc import Iterable
from typing import NamedTuple, get_args

from pykcov.instrument.sites import Granularity

GRANULARITIES: tuple[Granularity, ...] = get_args(Granularity)


def finest(granularities: Iterable[Granularity]) -> Granularity:
    """Return the one that has the probes of all."""
    return max(granularities, key=GRANULARITIES.index)


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
