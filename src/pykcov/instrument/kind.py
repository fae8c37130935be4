"""Which probes code has."""

from typing import NamedTuple

from pykcov.instrument.sites import Granularity


class Kind(NamedTuple):
    """Which probes a code object has."""

    granularity: Granularity
    compare: bool

    def with_(self, other: "Kind") -> "Kind":
        """Return the kind that has the probes of both."""
        granularity: Granularity = "line" if "line" in (self.granularity, other.granularity) else "block"
        return Kind(granularity, self.compare or other.compare)

    def __str__(self) -> str:
        """Return it as a part of a file's name."""
        return self.granularity + "-compare" * self.compare
