"""Entries of a buffer as numpy arrays and as records.

`words` is the whole buffer: word 0 counts the entries and may hold anything, as it is in the user's hands; what does
not fit into the buffer is not there.
"""

from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

COMPARISON_WORDS: Final = 4
COMPARISON: Final = np.dtype([("type", np.uint64), ("a", np.uint64), ("b", np.uint64), ("pc", np.uint64)])
"""One entry of TRACE_CMP, as it stands in the buffer."""


class Comparison(NamedTuple):
    """One entry of TRACE_CMP, decoded."""

    size: int
    """Bytes of an operand: 1, 2, 4 or 8."""
    const: bool
    """Whether `a` is a constant of the code."""
    a: int
    """The first operand, cut to `size` bytes, without sign."""
    b: int
    """The second one."""
    pc: int
    """Where it was compared."""


def array(words: memoryview) -> NDArray[np.uint64]:
    """Return the words of a buffer as an array, without a copy."""
    return np.frombuffer(words, dtype=np.uint64)


def pcs(words: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Return the entries of a mode that records pcs: a copy."""
    return words[1 : 1 + _entries(words, 1)].copy()


def comparison_array(words: NDArray[np.uint64]) -> NDArray[np.void]:
    """Return the entries of TRACE_CMP as an array of COMPARISON: a copy."""
    length = COMPARISON_WORDS * _entries(words, COMPARISON_WORDS)
    return words[1 : 1 + length].copy().view(COMPARISON)


def comparisons(words: NDArray[np.uint64]) -> list[Comparison]:
    """Return the entries of TRACE_CMP, decoded."""
    return [
        Comparison(size=1 << (kind >> 1 & 3), const=bool(kind & 1), a=a, b=b, pc=pc)
        for kind, a, b, pc in comparison_array(words).tolist()
    ]


def _entries(words: NDArray[np.uint64], width: int) -> int:
    """How many entries of `width` words there are."""
    return min(int(words[0]), (len(words) - 1) // width)
