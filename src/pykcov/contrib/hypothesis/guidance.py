"""What is tried next, from what the examples before have run and compared."""

from collections.abc import Callable
from random import Random

from pykcov.contrib.hypothesis.example import Choice, Example, Value, Values, fingerprint
from pykcov.contrib.hypothesis.meetings import Meetings
from pykcov.contrib.hypothesis.mutations import mutated
from pykcov.contrib.hypothesis.operands import Operands
from pykcov.contrib.hypothesis.pool import Pool
from pykcov.contrib.hypothesis.waiting import Plan, Rank, Waiting

_RANDOM_SHARE = 0.2
"""Of all examples so many are Hypothesis's own at least, whatever there is to try: what it finds is not to be lost."""
_MOST_RANDOM = 0.5
_FOUND_BEFORE, _TRIED_BEFORE = {True: 1, False: 4}, 16
"""The share is that of what they find, as if they (True) and ours (False) had found so much before."""

_CREDIT = 10_000
_CREDIT_OF_EXAMPLE, _CREDIT_OF_CHOICE = 30, 10
"""How much may be looked at, in comparisons: at first, and more with each example and each of its choices. About what
makes up for that Hypothesis's own engine has work of its own with each."""

_USUAL_SIZE = 8
"""Of an example that is Hypothesis's own, until some have been drawn."""
_MOST_TIMES = 3
"""On average, examples may be so many times as large as Hypothesis's own: what reaches much code is large, and slow."""
_MOST_ROOM, _LEAST_ROOM = 100, -50
"""By how much, in usual sizes, all examples so far may exceed that; and what a huge one leaves at least."""

_MOST_COMPARISONS = 1000
"""Of an example are looked at."""

_MOST_KEPT = 500
_MOST_TURNS = 12
_FEW = 5
"""A number that has so many values is tried with each."""


Read = Callable[[int, set[int]], dict[bytes, None]]
"""Returns the records of at most so many comparisons, each once; none of the places of these pcs."""


class _Kept:
    """An example that reached something new."""

    def __init__(self, example: Example) -> None:
        self.example = example
        self.chosen = 0


class _Yields:
    """How many examples reached new code: of Hypothesis's own, and of ours."""

    def __init__(self) -> None:
        self._tries = {True: 0, False: 0}
        self._found = {True: 0, False: 0}

    def note(self, is_random: bool, is_new: bool) -> None:
        self._tries[is_random] += 1
        self._found[is_random] += is_new

    def share(self) -> float:
        """Return the share of examples that are to be Hypothesis's own."""
        random, ours = self._rate(True), self._rate(False)
        return min(_MOST_RANDOM, max(_RANDOM_SHARE, random / (random + ours)))

    def _rate(self, is_random: bool) -> float:
        return (self._found[is_random] + _FOUND_BEFORE[is_random]) / (self._tries[is_random] + _TRIED_BEFORE)


class Guidance:
    """Plans examples, and learns from them."""

    def __init__(self) -> None:
        """Know nothing."""
        self._examples = 0
        self._kept: list[_Kept] = []
        self._next: list[Plan] = []
        self._waiting = Waiting()
        self.pool = Pool()
        """Values worth drawing now and then where nothing is planned."""
        self._operands = Operands(self._waiting, self.pool)
        self._meetings = Meetings()
        self._credit = _CREDIT
        self._size = [_USUAL_SIZE * _TRIED_BEFORE, _TRIED_BEFORE]
        self._room: float = _MOST_ROOM
        self._yields = _Yields()

    def plan(self, random: Random) -> Plan:
        """Return what to try now."""
        self._examples += 1
        if self._next:
            return self._next.pop()
        if self._room > 0 and random.random() >= self._yields.share():
            if random.random() < 0.85 and (plan := self._waiting.take()):
                return plan
            for _ in range(3 if self._kept else 0):
                values = self._mutated(random)
                if self._waiting.is_wanted("mutation", fingerprint(values)):
                    return Plan(values, "mutation")
        return Plan((), "random")

    def is_known(self, values: Values) -> bool:
        """Return whether an example of these values was tried, or waits."""
        return not self._waiting.is_wanted(None, fingerprint(values))

    def replay(self, values: Values) -> None:
        """Have values tried next."""
        self._next.append(Plan(values, "replay"))

    def take(self, plan: Plan, example: Example, is_new: bool, read: Read) -> None:
        """Learn from what an example has led to, and from what it compared if that is worth looking at."""
        is_looked_at = self._looks_at(plan, example, is_new)
        self.learn(plan, example, is_new, read(_MOST_COMPARISONS, self._operands.closed) if is_looked_at else {})

    def _looks_at(self, plan: Plan, example: Example, is_new: bool) -> bool:
        self._credit = min(_CREDIT, self._credit + _CREDIT_OF_EXAMPLE + _CREDIT_OF_CHOICE * len(example.choices))
        return is_new or plan.climb is not None or self._credit > 0

    def learn(self, plan: Plan, example: Example, is_new: bool, records: dict[bytes, None]) -> None:
        """Take what an example has led to; records: of what it compared, none unless that is looked at."""
        met = self._meetings.of(records)
        if plan.origin == "random":
            self._size = [self._size[0] + example.size, self._size[1] + 1]
        times = example.size * self._size[1] / (self._size[0] + 1)
        self._room = min(_MOST_ROOM, max(_LEAST_ROOM, self._room + _MOST_TIMES - times))
        # One that is twice as large as usual counts as if it had been tried once more.
        effort = int(times / 2)
        if is_new and example.choices:
            self._turn(example, effort)
        # What stands behind a comparison need not be code of its own.
        is_new |= self._operands.note(self._examples, met)
        if is_new and example.choices:
            self._kept.append(_Kept(example))
            if len(self._kept) > _MOST_KEPT:
                self._kept.remove(max(self._kept, key=lambda kept: kept.chosen))
        self._yields.note(plan.origin == "random", is_new)
        self._waiting.note(example.fingerprint)
        if plan.climb is not None:
            self._operands.go_on(plan.climb, [one.comparison for one in met])
        self._credit -= len(met)
        rank = (Rank.NEW if is_new else Rank.OTHER) + effort
        self._operands.match(plan, example, self._examples, is_new, met, rank)

    def _mutated(self, random: Random) -> Values:
        sample = random.sample(self._kept, min(3, len(self._kept)))
        one = min(sample, key=lambda kept: (kept.chosen + 1) * kept.example.size)
        one.chosen += 1
        return mutated(random, one.example, random.choice(self._kept).example, self.pool)

    def _turn(self, example: Example, effort: int) -> None:
        """Try each choice of few alternatives the other way: nothing that is compared need depend on it."""
        turns = 0
        for index, choice in enumerate(example.choices):
            for value in _alternatives(choice):
                turns += self._waiting.add_change(
                    example, index, value, (index, value), Plan((), "turn"), Rank.NEW + effort
                )
                if turns >= _MOST_TURNS:
                    return


def _alternatives(choice: Choice) -> list[Value]:
    if isinstance(choice.value, bool):
        return [not choice.value]
    if not isinstance(choice.value, int):
        return []
    lowest, highest = choice.constraints["min_value"], choice.constraints["max_value"]
    if lowest is None or highest is None or highest - lowest >= _FEW:
        return []
    return [value for value in range(lowest, highest + 1) if value != choice.value]
