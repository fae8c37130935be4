"""Plans that wait to be tried: of each kind the ones that were tried least come first."""

import heapq
from collections.abc import Callable, Generator
from enum import IntEnum
from itertools import count
from typing import NamedTuple

from pykcov.contrib.hypothesis.climbing import Met
from pykcov.contrib.hypothesis.example import Example, Value, Values, fits

_MOST_WAITING = 2000
_MOST_TRIES = 32
_MOST_WORK = 16
"""So much of what makes plans is done for one example."""


class Plan(NamedTuple):
    """An example to try."""

    values: Values
    origin: str
    """Why, for statistics."""
    held: frozenset[int] = frozenset()
    """Pcs of the places where the example that this one changes compared equal operands."""
    changed: int = -1
    """The choice that differs, if it is one."""
    climb: Generator[Values, Met, None] | None = None
    """Who wants to know what it compared."""


class Rank(IntEnum):
    """What comes before what. Each try of the same kind, and the size of an example, cost steps."""

    FIRST = -100
    """The next step of something that has begun."""
    NEW = 0
    """It changes an example that reached new code."""
    OTHER = 4


class Waiting:
    """A heap of plans, and of the work that makes plans: it is done when it is its turn, as much of it never is."""

    def __init__(self) -> None:
        """Begin with none."""
        self._heap: list[tuple[int, int, Plan | Callable[[], None]]] = []
        self._number = count()
        self._tries: dict[object, int] = {}
        self._known: set[int] = set()

    def __len__(self) -> int:
        """How many there are."""
        return len(self._heap)

    def is_wanted(self, kind: object, fingerprint: int | None = None) -> bool:
        """Return whether to add a plan of this kind (what changed, in which way), and of this fingerprint."""
        return self._tries.get(kind, 0) < _MOST_TRIES and fingerprint not in self._known

    def add(self, kind: object, fingerprint: int, plan: Plan, rank: int) -> None:
        """Add one."""
        self._known.add(fingerprint)
        self._push(kind, plan, rank)

    def add_work(self, kind: object, work: Callable[[], None], rank: int) -> None:
        """Add what will add plans, or find that there is nothing to add."""
        self._push(kind, work, rank)

    def _push(self, kind: object, item: Plan | Callable[[], None], rank: int) -> None:
        tries = self._tries.get(kind, 0)
        self._tries[kind] = tries + 1
        heapq.heappush(self._heap, (rank + tries, next(self._number), item))
        if len(self._heap) > _MOST_WAITING:
            self._heap.sort()  # which leaves it a heap
            del self._heap[_MOST_WAITING // 2 :]

    def add_change(self, example: Example, index: int, value: Value, kind: object, plan: Plan, rank: int) -> bool:
        """Add what differs from an example in one choice, if that is permitted and wanted; return whether it is.

        `plan` lacks the values.
        """
        fingerprint = example.fingerprint_with(index, value)
        if not self.is_wanted(kind, fingerprint) or not fits(value, example.choices[index]):
            return False
        values = (*example.values[:index], value, *example.values[index + 1 :])
        self.add(kind, fingerprint, plan._replace(values=values, changed=index), rank)
        return True

    def note(self, fingerprint: int) -> None:
        """Have nothing added that is the same as what was tried."""
        self._known.add(fingerprint)

    def take(self) -> Plan | None:
        """Return the one to try next; None if there is none, or if too much work has led to none."""
        for _ in range(_MOST_WORK):
            if not self._heap:
                break
            _, _, item = heapq.heappop(self._heap)
            if isinstance(item, Plan):
                return item
            item()
        return None
