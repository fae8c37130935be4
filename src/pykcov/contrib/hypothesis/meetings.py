"""Operands that met, each pair of a place once, however often the examples compare it."""

from pykcov.contrib.hypothesis.proposals import Sought, sought
from pykcov.records import Comparison, comparison_of

_MOST_KNOWN = 20000


class Meeting:
    """What was compared at a place."""

    __slots__ = ("comparison", "is_met", "pc", "sought", "tries")

    def __init__(self, comparison: Comparison) -> None:
        """Take a comparison."""
        self.comparison = comparison
        self.pc = comparison.pc
        self.is_met = comparison.operand1 == comparison.operand2
        """Whether the operands were equal."""
        self.sought: tuple[Sought, ...] = tuple(sought(comparison))
        """What it asks for."""
        self.tries = 0
        """How many examples that compared this were looked at."""


class Meetings:
    """Those that are known, by the record: most of what an example compares, others have compared before."""

    def __init__(self) -> None:
        """Know none."""
        self._known: dict[bytes, Meeting] = {}

    def of(self, records: dict[bytes, None]) -> list[Meeting]:
        """Return the meeting of each record."""
        known = self._known
        if len(known) > _MOST_KNOWN:
            known.clear()
        found = []
        for record in records:
            meeting = known.get(record)
            if meeting is None:
                meeting = known[record] = Meeting(comparison_of(record))
            found.append(meeting)
        return found
