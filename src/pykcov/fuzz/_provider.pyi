"""Values from bytes: provider.c."""

from typing import TypeVar

T = TypeVar("T")

class FuzzedDataProvider:
    """Makes values of the bytes of an input, by the rules of Atheris, bit for bit.

    When the bytes are used up, numbers are 0 or the least that is allowed, and strings are empty. Raises TypeError for
    arguments of other types or negative counts, RuntimeError if min > max.
    """

    def __init__(self, data: bytes, /) -> None: ...
    def ConsumeBool(self) -> bool:
        """True or False, of one byte."""

    def ConsumeBytes(self, count: int, /) -> bytes:
        """At most so many bytes."""

    def ConsumeFloat(self) -> float:
        """Any float: also infinite ones, and NaN."""

    def ConsumeFloatInRange(self, min: float, max: float, /) -> float:
        """A float of min to max."""

    def ConsumeFloatList(self, count: int, /) -> list[float]:
        """So many of ConsumeFloat()."""

    def ConsumeFloatListInRange(self, count: int, min: float, max: float, /) -> list[float]:
        """So many of ConsumeFloatInRange()."""

    def ConsumeInt(self, size: int, /) -> int:
        """A signed integer of `size` bytes."""

    def ConsumeIntInRange(self, min: int, max: int, /) -> int:
        """An integer of min to max, from the end of the input if the range has no more than 64 bits."""

    def ConsumeIntList(self, count: int, size: int, /) -> list[int]:
        """So many of ConsumeInt()."""

    def ConsumeIntListInRange(self, count: int, min: int, max: int, /) -> list[int]:
        """So many of ConsumeIntInRange()."""

    def ConsumeProbability(self) -> float:
        """A float of 0 to 1."""

    def ConsumeProbabilityList(self, count: int, /) -> list[float]:
        """So many of ConsumeProbability()."""

    def ConsumeRegularFloat(self) -> float:
        """A float that is a number, and finite."""

    def ConsumeRegularFloatList(self, count: int, /) -> list[float]:
        """So many of ConsumeRegularFloat()."""

    def ConsumeString(self, count: int, /) -> str:
        """The same as ConsumeUnicode()."""

    def ConsumeUInt(self, size: int, /) -> int:
        """An unsigned integer of `size` bytes."""

    def ConsumeUnicode(self, count: int) -> str:
        """A str of at most so many characters, surrogates among them; half of all are ASCII."""

    def ConsumeUnicodeNoSurrogates(self, count: int, /) -> str:
        """A str of at most so many characters that can be encoded."""

    def PickValueInList(self, list: list[T], /) -> T:
        """One of the values of a list, chosen by bytes from the end. IndexError if it is empty."""

    def buffer(self) -> bytes:
        """The bytes that are left."""

    def remaining_bytes(self) -> int:
        """How many bytes are left."""
