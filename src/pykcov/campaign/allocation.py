"""Where time goes: to the targets from which most is expected, and to each at least a floor.

What a target will show is estimated from what it has shown, as ecologists estimate how many species there are (STADS,
Böhme 2018). A species is a place. Of n executions, singletons are places that exactly one of them reached, doubletons
those that two did. Good and Turing: the next execution reaches a place that none did with probability singletons / n.
Chao: at least singletons^2 / (2 * doubletons) more places can be reached.

A fuzzer makes singletons rare, as it goes on from each input that reached something new, and so reaches that again. So
the probability is taken to be at least what the rule of succession says: 1 / (m + 2) after m executions without a new
place.
"""

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

FLOOR = 0.25
"""The part of the time that is shared alike."""


class Record(NamedTuple):
    """What is known of a target."""

    executions: int = 0
    processor: float = 0
    """Seconds of processor time."""
    singletons: int = 0
    doubletons: int = 0
    reached: int = 0
    """Places."""
    places: int = 0
    """All that have probes."""
    barren: int = 0
    """Executions since a place was reached first."""

    @property
    def discovery(self) -> float:
        """The probability that the next execution reaches a new place."""
        good_turing = self.singletons / self.executions if self.executions else 1.0
        return max(good_turing, 1 / (self.barren + 2)) if self.reached < self.places else 0.0

    @property
    def left(self) -> float:
        """How many more places can be reached, at least (Chao)."""
        ones, twos = self.singletons, self.doubletons
        return ones * ones / (2 * twos) if twos else ones * (ones - 1) / 2

    @property
    def rate(self) -> float:
        """Executions a second of one core."""
        return self.executions / self.processor if self.processor else 0.0

    @property
    def seconds_to_next(self) -> float:
        """Seconds of one core until the next new place is expected; infinite: none is in sight."""
        found = self.discovery * self.rate
        return 1 / found if found else math.inf


def record_of(seen: Mapping[int, int], reached: int, executions: int, processor: float, barren: int = 0) -> Record:
    """Return the record of a target from how many executions reached each of its places."""
    times = list(seen.values())
    return Record(executions, processor, times.count(1), times.count(2), reached, len(times), barren)


def weights(records: Sequence[Record]) -> list[float]:
    """Return the part of the time that each target is to have. Targets that have not run yet come first."""
    if not records:
        return []
    if any(not record.executions for record in records):
        fresh = sum(not record.executions for record in records)
        return [0.0 if record.executions else 1 / fresh for record in records]
    expected = [record.discovery * record.rate for record in records]
    total = sum(expected)
    if not total:
        return [1 / len(records)] * len(records)
    return [FLOOR / len(records) + (1 - FLOOR) * each / total for each in expected]


class Turns:
    """Gives turns by weights: each target has as many as it is to have, as evenly spread as can be."""

    def __init__(self, count: int) -> None:
        """Begin with nobody behind."""
        self._credits = [0.0] * count

    def next(self, shares: Sequence[float], allowed: Sequence[bool]) -> int | None:
        """Return whose turn it is, of those that are allowed; None if nobody is."""
        total = sum(share for share, may in zip(shares, allowed, strict=True) if may)
        candidates = [each for each, may in enumerate(allowed) if may]
        if not candidates:
            return None
        for each in candidates:
            self._credits[each] += shares[each] / total if total else 1 / len(candidates)
        chosen = max(candidates, key=lambda each: (self._credits[each], -each))
        self._credits[chosen] -= 1
        return chosen


def in_words(target: str, record: Record) -> str:
    """Say when the next new place is expected, as a sentence."""
    if not record.executions:
        return f"{target} has not run yet"
    if record.reached >= record.places:
        return f"{target}: all places are reached"
    return f"the next new place in {target} is expected after about {duration(record.seconds_to_next)} of one core"


def duration(seconds: float) -> str:
    """Return a time as people say it: '40 minutes'."""
    for limit, size, unit in (
        (90, 1, "second"),
        (5400, 60, "minute"),
        (48 * 3600, 3600, "hour"),
        (math.inf, 86400, "day"),
    ):
        if seconds < limit:
            number = max(round(seconds / size), 1)
            return f"{number:,} {unit}{'s' if number != 1 else ''}"
    return "for ever"
