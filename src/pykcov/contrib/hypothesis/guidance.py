"""What is tried next, from what the examples before have run and compared."""

from random import Random

from pykcov.contrib.hypothesis.example import Choice, Example, Value, Values, fingerprint
from pykcov.contrib.hypothesis.mutations import mutated
from pykcov.contrib.hypothesis.operands import Operands
from pykcov.contrib.hypothesis.pool import Pool
from pykcov.contrib.hypothesis.waiting import Plan, Rank, Waiting
from pykcov.records import Comparison

_RANDOM_SHARE = 0.2
"""Of all examples so many are Hypothesis's own, whatever there is to try: what it finds is not to be lost."""

_COMPARED_FIRST = 50
_COMPARED = 8
"""Of the first examples all comparisons are looked at, later of one of so many that were not planned for it."""

_MOST_KEPT = 500
_MOST_TURNS = 12
_FEW = 5
"""A number that has so many values is tried with each."""


class _Kept:
    """An example that reached something new."""

    def __init__(self, example: Example) -> None:
        self.example = example
        self.chosen = 0


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

    def plan(self, random: Random) -> Plan:
        """Return what to try now."""
        self._examples += 1
        compare = self._examples <= _COMPARED_FIRST or self._examples % _COMPARED == 0
        if self._next:
            return self._next.pop()
        if random.random() >= _RANDOM_SHARE:
            if self._waiting and random.random() < 0.85:
                return self._waiting.take()
            for _ in range(3 if self._kept else 0):
                values = self._mutated(random)
                if self._waiting.is_wanted("mutation", fingerprint(values)):
                    return Plan(values, "mutation", compare)
        return Plan((), "random", compare)

    def replay(self, values: Values) -> None:
        """Have values tried next."""
        self._next.append(Plan(values, "replay"))

    def learn(self, plan: Plan, example: Example, is_new: bool, met: list[Comparison]) -> None:
        """Take what an example has led to; `met` is empty unless the plan had comparisons recorded."""
        if is_new and example.choices:
            self._kept.append(_Kept(example))
            if len(self._kept) > _MOST_KEPT:
                self._kept.remove(max(self._kept, key=lambda kept: kept.chosen))
            self._turn(example)
            if not plan.compare:
                # It goes ahead of all else: what it compares is what stands behind the new code.
                self._next.append(Plan(example.values, "again, to see what it compares"))
        self._waiting.note(example.fingerprint)
        if plan.climb is not None:
            self._operands.go_on(plan.climb, met)
        self._operands.match(plan, example, self._examples, is_new, met)

    def _mutated(self, random: Random) -> Values:
        one = min(random.sample(self._kept, min(3, len(self._kept))), key=lambda kept: kept.chosen)
        one.chosen += 1
        return mutated(random, one.example, random.choice(self._kept).example, self.pool)

    def _turn(self, example: Example) -> None:
        """Try each choice of few alternatives the other way: nothing that is compared need depend on it."""
        turns = 0
        for index, choice in enumerate(example.choices):
            for value in _alternatives(choice):
                turns += self._waiting.add_change(example, index, value, (index, value), Plan((), "turn"), Rank.NEW)
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
