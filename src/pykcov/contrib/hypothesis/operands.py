"""From what an example compared to examples in which that comes out the other way."""

from collections.abc import Generator

from pykcov.contrib.hypothesis import climbing
from pykcov.contrib.hypothesis.example import Example, Values, fingerprint, resized
from pykcov.contrib.hypothesis.places import Place
from pykcov.contrib.hypothesis.pool import Pool
from pykcov.contrib.hypothesis.proposals import ORDERS, Sought, proposals, sought
from pykcov.contrib.hypothesis.waiting import Plan, Rank, Waiting
from pykcov.records import Comparison

_MOST_CHOICES = 64
"""So many choices of an example are matched."""
_MOST_PROPOSALS = 1000
"""So many ways of changing an example are looked at."""
_MOST_OF_A_PLACE = 2000
"""The same for what a place compares in examples that reach nothing new: it is always the same."""
_MOST_SEEN = 10000
_LONGEST = 64
"""Nothing is given more elements."""
_MOST_CLIMBS = 2
"""How often numbers are made up for one operand of a place."""


class Operands:
    """Matches operands with choices."""

    def __init__(self, waiting: Waiting, pool: Pool) -> None:
        """Put plans into `waiting`, and the operands that were met into `pool`."""
        self._pool = pool
        self._waiting = waiting
        self._places: dict[int, Place] = {}
        self._seen: set[tuple[int, object, object]] = set()
        self._climbs: dict[tuple[int, int], int] = {}

    def match(self, plan: Plan, example: Example, number: int, is_new: bool, met: list[Comparison]) -> None:
        """Plan changes of an example, which has a number and came from `plan`, by what it met."""
        left = _MOST_PROPOSALS
        held = frozenset([one.pc for one in met if one.operand1 == one.operand2])
        rank = Rank.NEW if is_new else Rank.OTHER
        if len(self._seen) > _MOST_SEEN or is_new:
            self._seen.clear()
        for comparison in met:
            key = (comparison.pc, comparison.operand1, comparison.operand2)
            if key in self._seen or left < 0:
                continue
            self._seen.add(key)
            place = self._places.setdefault(comparison.pc, Place())
            place.meet(comparison, number)
            if place.looked_at > _MOST_OF_A_PLACE and not is_new:
                continue
            # What the change of one choice has broken, another one may mend, at once.
            is_broken = plan.changed >= 0 and comparison.pc in plan.held and comparison.pc not in held
            changed = Plan((), "operand", held=plan.held if is_broken else held)
            left_out = plan.changed if is_broken else -1
            for one in sought(comparison):
                if place.is_fixed(one.side):
                    continue
                self._pool.add(one.want)
                kind = comparison.pc, _wanted(one, place)
                looked_at = self._change(example, one, kind, changed, Rank.FIRST if is_broken else rank, left_out)
                left -= looked_at
                place.looked_at += looked_at
                if isinstance(one.have, int) and isinstance(one.want, int):
                    self._resize(example, one, kind, changed, rank)
                    if place.varies(one.side) and one.have not in example.values:
                        self._climb(example, comparison.pc, one.side, one.have, one.want)

    def go_on(self, climb: Generator[Values, climbing.Met, None], met: list[Comparison] | None) -> None:
        """Plan the next step of a climb; met: what the last one compared, None before the first."""
        try:
            values = next(climb) if met is None else climb.send(met)
        except StopIteration:
            return
        self._waiting.add(object(), fingerprint(values), Plan(values, "climb", climb=climb), Rank.FIRST)

    def _change(self, example: Example, one: Sought, kind: object, plan: Plan, rank: Rank, left_out: int) -> int:
        """Plan changes of single choices but one; return how many were looked at."""
        looked_at = 0
        for index, choice in enumerate(example.choices[:_MOST_CHOICES]):
            for how, value in proposals(one, choice.value) if index != left_out else ():
                looked_at += 1
                self._waiting.add_change(example, index, value, (kind, index, how), plan, rank)
        return looked_at

    def _resize(self, example: Example, one: Sought, kind: object, plan: Plan, rank: Rank) -> None:
        """Where it may have been the number of elements of something, plan another number."""
        have, want = one.have, one.want
        if not isinstance(have, int) or not isinstance(want, int) or not 0 <= want <= _LONGEST or have < 1:
            return
        for number, run in enumerate(example.siblings):
            if len(run) != have:
                continue
            for size in (want, want + 1) if one.op in ORDERS else (want,):
                if not self._waiting.is_wanted((kind, number, size)):
                    continue
                values = resized(example.values, run, size)
                found = fingerprint(values)
                if self._waiting.is_wanted((kind, number, size), found):
                    self._waiting.add((kind, number, size), found, plan._replace(values=values), rank)

    def _climb(self, example: Example, pc: int, side: int, have: int, want: int) -> None:
        climbs = self._climbs.get((pc, side), 0)
        if climbs < _MOST_CLIMBS and have != want and 0 < len(climbing.numbers(example)) <= climbing.MOST_NUMBERS:
            self._climbs[pc, side] = climbs + 1
            self.go_on(climbing.climb(example, pc, want, have, side), None)


def _wanted(one: Sought, place: Place) -> object:
    """Return what tells apart what one place asks for: of the keys of a dictionary each is tried."""
    return one.want if one.op in ("get", "subscript", "in", "not in", "match") or place.is_fixed(1 - one.side) else None
