"""What a carrier puts in the place of a function that hands work to others."""

from typing import Any, Literal, NamedTuple

Kind = Literal["carry", "nobody", "interrupt", "unwrap"]


class Replacement(NamedTuple):
    """A function that takes work, and the stand-in that gives the work its group (core/carrier.c)."""

    owner: Any
    """The module or class that it is an attribute of."""
    name: str
    kind: Kind
    argument: int = 0
    """Which argument is the work: 0 the first, 1 the first of a method."""
    keyword: str | None = None
    """The name by which it may be given instead; None: by position only."""
