"""Operands that met, each pair of a place once, however often the examples compare it."""

from collections import defaultdict

from pykcov.contrib.hypothesis.places import Place
from pykcov.contrib.hypothesis.proposals import Sought, sought
from pykcov.traces.records import Comparison, comparison_of

_MOST_KNOWN = 20000


class Meeting:
    """What was compared at a place."""

    def __init__(self, comparison: Comparison, place: Place) -> None:
        """Take a comparison, and what is known of its place."""
        self.comparison = comparison
        self.pc = comparison.pc
        self.place = place
        self.is_met = comparison.operand1 == comparison.operand2
        """Whether the operands were equal."""
        self.is_noted = False
        """Whether its place has taken note of it."""
        self.tries = 0
        """How many examples that compared this were looked at."""
        self._sought: tuple[Sought, ...] | None = None

    @property
    def sought(self) -> tuple[Sought, ...]:
        """What it asks for."""
        if self._sought is None:
            self._sought = tuple(sought(self.comparison))
        return self._sought


class Meetings:
    """Those that are known, by the record: most of what an example compares, others have compared before."""

    def __init__(self) -> None:
        """Know none."""
        self._known: dict[bytes, Meeting] = {}
        self._places: defaultdict[int, Place] = defaultdict(Place)

    def of(self, records: dict[bytes, None]) -> list[Meeting]:
        """Return the meeting of each record."""
        known = self._known
        if len(known) > _MOST_KNOWN:
            known.clear()
        found = []
        for record in records:
            meeting = known.get(record)
            if meeting is None:
                comparison = comparison_of(record)
                meeting = known[record] = Meeting(comparison, self._places[comparison.pc])
            found.append(meeting)
        return found
