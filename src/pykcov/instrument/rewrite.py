"""A code object in, a probed code object out."""

from collections.abc import Callable, Sequence
from types import CodeType
from typing import Literal, NamedTuple

Granularity = Literal["block", "line"]


class Site(NamedTuple):
    """A place in a code object that gets a probe."""

    offset: int
    """Offset of the original instruction that the probe precedes, in code units of 2 bytes."""
    line: int
    """First line of that instruction; 0 where the compiler gave it none."""
    end_line: int
    """Last line of that instruction; 0 where unknown."""
    column: int
    """First column, in UTF-8 bytes from 0; -1 where unknown."""
    end_column: int
    """Column after the last one; -1 where unknown."""
    lines: tuple[int, ...]
    """All source lines that a hit implies, ascending: those of the instructions from here to the next site."""


MakeProbes = Callable[[CodeType, Sequence[Site]], Sequence[object]]


def rewrite(code: CodeType, make_probes: MakeProbes, *, granularity: Granularity = "block") -> CodeType:
    """Put probes into a code object and into all code objects nested in it.

    `make_probes(code, sites)` is called once for each code object, the outer before those nested in it, with the
    original code object and its sites in ascending order of offset (never empty). It returns one object a site, to
    stand in `co_consts`: executing the site applies the unary operator `~` to it and drops the result.

    Raises UnsupportedPythonError on a Python whose bytecode is not known, ValueError for an unknown granularity.
    """
    raise NotImplementedError
