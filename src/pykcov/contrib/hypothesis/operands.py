"""From what an example compared to examples in which that comes out the other way."""

from collections.abc import Generator
from functools import partial
from operator import attrgetter

from pykcov.contrib.hypothesis import climbing
from pykcov.contrib.hypothesis.example import Example, Values, fingerprint, resized
from pykcov.contrib.hypothesis.meetings import Meeting
from pykcov.contrib.hypothesis.places import Place
from pykcov.contrib.hypothesis.pool import Pool
from pykcov.contrib.hypothesis.proposals import ORDERS, SELECTIONS, Sought, proposals
from pykcov.contrib.hypothesis.waiting import Plan, Rank, Waiting

_MOST_CHOICES = 64
"""So many choices of an example are matched."""
_MOST_MATCHED, _MOST_MATCHED_OTHER = 24, 12
"""So many comparisons of an example are looked at, and of one that reached nothing new: first those of places that were
looked at least."""
_MOST_EXAMPLES = 64
"""What a place compares is read in so many examples."""
_MOST_TRIES = 4
"""Of examples that reached new code and compared the same, so many are looked at."""
_LONGEST = 64
"""Nothing is given more elements."""
_MOST_CLIMBS = 2
"""How often numbers are made up for one operand of a place."""

_LOOKS = attrgetter("place.looks")
_NONE: frozenset[int] = frozenset()


class Operands:
    """Matches operands with choices."""

    def __init__(self, waiting: Waiting, pool: Pool) -> None:
        """Put plans into `waiting`, and the operands that were met into `pool`."""
        self._pool = pool
        self._waiting = waiting
        self.closed: set[int] = set()
        """Pcs of the places that many examples came to: what they compare is not read any more."""
        self._climbs: dict[tuple[int, int], int] = {}

    def note(self, number: int, met: list[Meeting]) -> bool:
        """Note what the example of this number met; return whether that is what others had missed."""
        is_first = False
        for one in met:
            place = one.place
            if place.example != number:
                place.example = number
                place.examples += 1
                if place.examples > _MOST_EXAMPLES:
                    self.closed.add(one.pc)
            if not one.is_noted:
                one.is_noted = True
                is_first |= place.meet(one.comparison)
        return is_first

    def match(self, plan: Plan, example: Example, number: int, is_new: bool, met: list[Meeting], rank: int) -> None:
        """Plan changes of an example, which has a number and came from `plan`, by what it met."""
        held = frozenset([one.pc for one in met if one.is_met])
        # What the change of one choice has broken, another one may mend, at once.
        broken = plan.held - held if plan.changed >= 0 else _NONE
        usual, mending = Plan((), "operand", held), Plan((), "operand", plan.held, plan.changed)
        tries, most = (_MOST_TRIES, _MOST_MATCHED) if is_new else (_MOST_TRIES - 1, _MOST_MATCHED_OTHER)
        for one in sorted([one for one in met if one.tries < tries], key=_LOOKS)[:most]:
            one.tries += 1
            place = one.place
            is_broken = one.pc in broken
            changed, first = (mending, int(Rank.FIRST)) if is_broken else (usual, rank)
            fixed = place.fixed()
            for sought in one.sought:
                if sought.side == fixed:
                    continue
                self._pool.add(sought.want)
                # Of the keys of a dictionary each is tried.
                wanted = sought.want if sought.op in SELECTIONS or sought.side == 1 - fixed else None
                if place.is_open(wanted, number, is_new) or is_broken:
                    kind = one.pc, wanted
                    self._waiting.add_work(
                        kind, partial(self._change, example, place, sought, kind, changed, first), first
                    )

    def go_on(self, climb: Generator[Values, climbing.Met, None], met: climbing.Met | None) -> None:
        """Plan the next step of a climb; met: what the last one compared, None before the first."""
        try:
            values = next(climb) if met is None else climb.send(met)
        except StopIteration:
            return
        self._waiting.add(object(), fingerprint(values), Plan(values, "climb", climb=climb), Rank.FIRST)

    def _change(
        self, example: Example, place: Place, one: Sought, kind: tuple[int, object], plan: Plan, rank: int
    ) -> None:
        """Plan changes of each choice but one (plan.changed), and where it is about numbers, of several at once."""
        for index, choice in enumerate(example.choices[:_MOST_CHOICES]):
            for how, value in proposals(one, choice.value) if index != plan.changed else ():
                self._waiting.add_change(example, index, value, (kind, index, how), plan, rank)
        if isinstance(one.have, int) and isinstance(one.want, int):
            self._resize(example, one, kind, plan, rank)
            if place.varies(one.side) and one.have not in example.values:
                self._climb(example, kind[0], one.side, one.have, one.want)

    def _resize(self, example: Example, one: Sought, kind: object, plan: Plan, rank: int) -> None:
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
