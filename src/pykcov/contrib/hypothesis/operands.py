"""From what an example compared to examples in which that comes out the other way."""

from collections import defaultdict
from collections.abc import Generator

from pykcov.contrib.hypothesis import climbing
from pykcov.contrib.hypothesis.example import Example, Values, fingerprint, resized
from pykcov.contrib.hypothesis.meetings import Meeting
from pykcov.contrib.hypothesis.places import Place
from pykcov.contrib.hypothesis.pool import Pool
from pykcov.contrib.hypothesis.proposals import ORDERS, SELECTIONS, Sought, proposals
from pykcov.contrib.hypothesis.waiting import Plan, Rank, Waiting

_MOST_CHOICES = 64
"""So many choices of an example are matched."""
_MOST_PROPOSALS = 1000
"""So many ways of changing an example are looked at."""
_MOST_TRIES = 4
"""Of examples that reached new code and compared the same, so many are looked at."""
_COST = 8
"""What a change costs to look at, in comparisons."""
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
        self._places: defaultdict[int, Place] = defaultdict(Place)
        self._climbs: dict[tuple[int, int], int] = {}

    def note(self, number: int, met: list[Meeting]) -> bool:
        """Note what the example of this number met; return whether that is what others had missed."""
        is_first = False
        for one in met:
            is_first |= self._places[one.pc].meet(one, number)
        return is_first

    def match(self, plan: Plan, example: Example, number: int, is_new: bool, met: list[Meeting]) -> int:
        """Plan changes of an example, which has a number and came from `plan`, by what it met; return what it cost."""
        left = _MOST_PROPOSALS
        held = frozenset([one.pc for one in met if one.is_met])
        rank = Rank.NEW if is_new else Rank.OTHER
        most = _MOST_TRIES if is_new else _MOST_TRIES - 1
        for one in met:
            place = self._places[one.pc]
            if one.tries >= most or left < 0:
                continue
            one.tries += 1
            # What the change of one choice has broken, another one may mend, at once.
            is_broken = plan.changed >= 0 and one.pc in plan.held and one.pc not in held
            changed = Plan((), "operand", held=plan.held if is_broken else held)
            left_out = plan.changed if is_broken else -1
            for sought in one.sought:
                if place.is_fixed(sought.side):
                    continue
                self._pool.add(sought.want)
                wanted = _wanted(sought, place)
                if not place.is_open(wanted, number, is_new) and not is_broken:
                    continue
                kind = one.pc, wanted
                looked_at = self._change(example, sought, kind, changed, Rank.FIRST if is_broken else rank, left_out)
                left -= looked_at + 1
                if isinstance(sought.have, int) and isinstance(sought.want, int):
                    self._resize(example, sought, kind, changed, rank)
                    if place.varies(sought.side) and sought.have not in example.values:
                        self._climb(example, one.pc, sought.side, sought.have, sought.want)
        return len(met) + _COST * (_MOST_PROPOSALS - left)

    def go_on(self, climb: Generator[Values, climbing.Met, None], met: climbing.Met | None) -> None:
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
    return one.want if one.op in SELECTIONS or place.is_fixed(1 - one.side) else None
