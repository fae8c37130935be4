"""Which operands of a place are the program's, and which come from what was drawn."""

from pykcov.records import Comparison

_MOST_OPERANDS = 64
_EXAMPLES = 8


class Place:
    """Where something is compared: what the operands were so far, on either side."""

    def __init__(self) -> None:
        """Know nothing."""
        self.looked_at = 0
        """How many changes were looked at for what was compared here."""
        self._operands: tuple[set[object], set[object]] = (set(), set())
        self._grown = [0, 0]
        self._examples = 0
        self._example = 0

    def meet(self, comparison: Comparison, example: int) -> None:
        """Note what an example, by its number, compared here."""
        if example != self._example:
            self._example = example
            self._examples += 1
        for side, operand in enumerate((comparison.operand1, comparison.operand2)):
            operands = self._operands[side]
            if operand not in operands:
                self._grown[side] = self._examples
                if len(operands) < _MOST_OPERANDS:
                    operands.add(operand)

    def varies(self, side: int) -> bool:
        """Return whether operand1 (0) or operand2 (1) had another value in a later example than the first."""
        return self._grown[side] > 1

    def is_fixed(self, side: int) -> bool:
        """Return whether this operand has been one of the same few for some examples, while the other one has not."""
        return self._is_settled(side) and not self._is_settled(1 - side)

    def _is_settled(self, side: int) -> bool:
        return self._examples - self._grown[side] >= _EXAMPLES
