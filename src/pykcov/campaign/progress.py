"""What a campaign knows of one target while it runs: what is reached, by which inputs, and what is to be done next."""

import time
from collections import Counter, deque
from collections.abc import Iterable, Mapping

from pykcov.campaign.allocation import Record, record_of
from pykcov.campaign.slices import Reach, Result, Target
from pykcov.campaign.store.store import SEEN_MAX, Feature, Holder
from pykcov.campaign.store.summary import Spent

_MEASURED_AT_ONCE = 500
_FAILURES_MAX = 3
"""In a row, after which a target rests, each time twice as long."""
_REST_SECONDS_MAX = 3600.0


class Progress:
    """A target of a campaign."""

    def __init__(self, target: Target) -> None:
        """Begin with nothing known."""
        self.target = target
        self.version = ""
        """The code of the campaign: that of the worker that has loaded the target first."""
        self.number: int | None = None
        """In the store."""
        self.known: frozenset[str] = frozenset()
        """Names of its findings."""
        self.to_replay: list[tuple[str, str]] = []
        """Findings of another version: tokens, and the digests of inputs."""
        self.loading = False
        self.refused: set[str] = set()
        """Workers that cannot run it."""
        self.set_aside = ""
        """Why it is not run any more."""
        self.rests_until = 0.0
        """When it is run again, as time.monotonic() tells it."""
        self._failures = 0
        self._cover: dict[Feature, Holder] = {}
        self._seen: dict[int, int] = {}
        self._places: set[int] = set()
        self._attempts: Counter[str] = Counter()
        self._to_measure: deque[str] = deque()
        self._executions = 0
        self._processor = 0.0
        self._barren = 0  # executions since a place was reached first

    @property
    def has_to_measure(self) -> bool:
        """Whether there are inputs of which it is not known what they reach."""
        return bool(self._to_measure) and not self.set_aside

    @property
    def harness(self) -> str:
        """How it is called."""
        return self.target.harness

    def corpus(self) -> tuple[str, ...]:
        """Return the inputs that reach all that is reached: of each range of hits of a place the smallest."""
        return tuple(sorted({holder.digest for holder in self._cover.values()}))

    def record(self) -> Record:
        """Return what estimates are made of."""
        return record_of(self._seen, len(self._places), self._executions, self._processor, self._barren)

    def begin_with(self, cover: Mapping[Feature, Holder], seen: Mapping[int, int], spent: Spent) -> None:
        """Take what the store knows of this version."""
        self._cover |= cover
        self._seen |= seen
        self._places |= {place for place, _ in cover}
        self._executions, self._processor, self._barren = spent

    def merge(self, cover: Mapping[Feature, Holder], to_measure: Iterable[str]) -> None:
        """Take what other campaigns have added to the store."""
        for feature, holder in cover.items():
            self._offer(feature, holder)
        waiting = set(self._to_measure)
        self._to_measure.extend(digest for digest in to_measure if digest not in waiting)

    def next_to_measure(self) -> tuple[str, ...]:
        """Return inputs of which it is not known what they reach; they are no longer waited for."""
        return tuple(self._to_measure.popleft() for _ in range(min(len(self._to_measure), _MEASURED_AT_ONCE)))

    def next_to_replay(self) -> tuple[tuple[str, str], ...]:
        """Return findings of which it is not known whether they are there yet; they are no longer waited for."""
        replays, self.to_replay = tuple(self.to_replay), []
        return replays

    def measure_again(self, digests: Iterable[str]) -> None:
        """Take back what next_to_measure() has returned: the slice was lost."""
        self._to_measure.extend(digests)

    def without_unmeasured(self, result: Result) -> Result:
        """Take back what could not be measured; an input that brings that about again and again reaches nothing."""
        if not result.unmeasured:
            return result
        first = result.unmeasured[0]
        self._attempts[first] += 1
        hopeless = {first} if self._attempts[first] >= _FAILURES_MAX else set()
        self.measure_again(digest for digest in result.unmeasured if digest not in hopeless)
        return result._replace(reach=result.reach | {digest: [] for digest in hopeless}, unmeasured=())

    def took(self, result: Result, sizes: Mapping[str, int]) -> None:
        """Take what came of a slice. sizes: of its inputs."""
        self._failures = 0
        before = len(self._places)
        for digest, rows in result.reach.items():
            self._take_reach(digest, sizes.get(digest, 0), rows)
        for place, times in result.seen.items():
            self._seen[place] = min(self._seen.get(place, 0) + times, SEEN_MAX)
        self._executions += result.executions
        self._barren = 0 if len(self._places) > before else self._barren + result.executions
        self._processor += result.processor

    def worth_telling(self, seen: Mapping[int, int]) -> dict[int, int]:
        """Return of what executions reached what is not known to be reached often."""
        return {place: times for place, times in seen.items() if self._seen.get(place, 0) < SEEN_MAX}

    def failed(self, slice_seconds: float) -> float:
        """Take that nothing came of a slice, as its processes ended; return for how many seconds the target rests."""
        self._failures += 1
        if self._failures < _FAILURES_MAX:
            return 0.0
        seconds = min(slice_seconds * 2.0 ** (self._failures - _FAILURES_MAX), _REST_SECONDS_MAX)
        self.rests_until = time.monotonic() + seconds
        return seconds

    def _take_reach(self, digest: str, size: int, rows: Reach) -> None:
        for feature in rows:
            self._offer(feature, Holder(digest, size))

    def _offer(self, feature: Feature, holder: Holder) -> None:
        self._places.add(feature[0])
        other = self._cover.get(feature)
        if other is None or holder.size < other.size:
            self._cover[feature] = holder
