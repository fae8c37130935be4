"""What is known of the places where something is compared."""

from pykcov.contrib.hypothesis.proposals import ORDERS, SELECTIONS
from pykcov.traces.records import Comparison

_MOST_OPERANDS = 64
_EXAMPLES = 8
_MOST_MET = 4
"""So many first meetings of one place count, except where it selects: a loop may compare anything with anything."""

_TRIES_OPEN, _TRIES_CLOSED, _TRIES_OTHER = 32, 12, 8
"""In so many examples is looked at what a place wants: until it came out that way, and then. The last is for examples
that reached nothing new: the others are left for what will."""


class Place:
    """Where something is compared: what the operands were so far, on either side, and how it came out."""

    def __init__(self) -> None:
        """Know nothing."""
        self._operands: tuple[set[object], set[object]] = (set(), set())
        self._grown = [0, 0]
        self.examples = 0
        """How many examples came here."""
        self.example = 0
        """The last one, by its number."""
        self._orders: set[bool] = set()
        self._unmet: set[object] = set()
        self._met: set[object] = set()
        self._tries: dict[object, tuple[int, int]] = {}
        self.looks = 0
        """In how many examples was looked at what it wants."""

    def meet(self, comparison: Comparison) -> bool:
        """Note what the example that came here last compared; return whether it met what others had missed."""
        for side, operand in enumerate((comparison.operand1, comparison.operand2)):
            operands = self._operands[side]
            if operand not in operands:
                self._grown[side] = self.examples
                if len(operands) < _MOST_OPERANDS:
                    operands.add(operand)
        if comparison.op in ORDERS:
            self._orders.add(_is_less(comparison))
            return False
        if comparison.operand1 != comparison.operand2:
            if len(self._unmet) < _MOST_OPERANDS:
                self._unmet.update((comparison.operand1, comparison.operand2))
            return False
        operand = comparison.operand1
        is_first = operand in self._unmet and operand not in self._met
        most = _MOST_OPERANDS if comparison.op in SELECTIONS else _MOST_MET
        if len(self._met) < _MOST_OPERANDS:
            self._met.add(operand)
        return is_first and len(self._met) <= most

    def is_open(self, wanted: object, example: int, is_new: bool = True) -> bool:
        """Return whether to look at what this place wants once more."""
        tries, last = self._tries.get(wanted, (0, 0))
        if last == example:
            return True
        self.looks += 1
        most = _TRIES_CLOSED if wanted in self._met or len(self._orders) > 1 else _TRIES_OPEN
        if tries >= (most if is_new else min(most, _TRIES_OTHER)):
            return False
        self._tries[wanted] = tries + 1, example
        return True

    def varies(self, side: int) -> bool:
        """Return whether operand1 (0) or operand2 (1) had another value in a later example than the first."""
        return self._grown[side] > 1

    def fixed(self) -> int:
        """Return which operand has been one of the same few for some examples, while the other one has not: -1: none.

        0: operand1, 1: operand2.
        """
        settled, other = self._grown
        before = self.examples - _EXAMPLES
        return -1 if (settled <= before) is (other <= before) else int(other <= before)


def _is_less(comparison: Comparison) -> bool:
    try:
        return comparison.operand1 < comparison.operand2  # type: ignore[operator]
    except TypeError:  # the program's own, too
        return False
