"""The typed face of coverage/_implied.c: what hits of places say of lines and arcs of files."""

from array import array
from collections.abc import Iterable, Sequence
from typing import final

Code = tuple[tuple[int, ...], array[int], int]
"""The bases and numbers of a traces.registered.RegisteredCode, and how many sites it has."""

@final
class Implied:
    """What hits of places say, in bits. What it returns of a file is its number, lines (bit n is line n) and arcs."""

    def __new__(cls, files: Iterable[Sequence[Code]], arcs: bool) -> Implied:
        """Learn of all places in the code objects of each file; `arcs`: also what they say of arcs."""

    def of(self, pcs: bytes, /) -> list[tuple[int, bytes, bytes]]:
        """Return what hits of some places, of 8 bytes each, say of each file with lines that ran.

        Arcs are those that ran: see traces.arcs.complete(). What is not known says nothing.
        """

    def everything(self) -> list[tuple[int, bytes, bytes]]:
        """Return what hits of all places would say."""

    def unknown(self, pcs: bytes, /) -> list[int]:
        """Return those of some pcs that it does not know."""

    def arcs(self, number: int, /) -> bytes:
        """Return the arcs of a file, two ints of 32 bits each, in the order of their bits.

        IndexError if there is no such file.
        """
