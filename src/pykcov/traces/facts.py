"""What was seen of conditions: the operands of `and`, `or` and `not` (decisions.py says what they are)."""

from collections.abc import Iterator, Sequence

Fact = tuple[int, int, int, int, int]
"""Where the condition begins and ends (line, column, last line, column behind it), and one of the following."""

FALSE, TRUE, FALSE_DECIDED, TRUE_DECIDED = range(4)
"""It was false, or true; and so decided: the outcome would have been another one otherwise."""


def facts_in(numbers: Sequence[int]) -> Iterator[Fact]:
    """Return what an array of numbers says, five of them a fact."""
    return zip(*(numbers[at::5] for at in range(5)), strict=True)


def span_of(fact: Fact) -> tuple[int, int, int, int]:
    """Return where the condition of a fact begins and ends."""
    return fact[0], fact[1], fact[2], fact[3]


class ConditionsError(ValueError):
    """Conditions were asked for where no code was to record them."""

    def __init__(self, granularity: str) -> None:
        """Say what to do."""
        super().__init__(f"conditions are recorded with granularity 'condition', not with {granularity!r}")
