"""Does the store keep up with 200 workers? A real campaign and scheduler, and workers that only sleep and answer.

    python benchmarks/campaign_store.py STORE [--seconds 600] [--workers 200] [--inputs 20]

STORE is a file or a URL. After each slice of 30 s a worker returns new inputs of 20 to 2,000 bytes, each of which
reaches 500 of the 5,000 places of one of 20 targets. The workers are threads of this process, so what they and the
scheduler take is in the processor time. At the end it is checked that nothing is missing.
"""

import argparse
import logging
import random
import statistics
import threading
import time
from collections.abc import Callable
from resource import RUSAGE_SELF, getrusage
from typing import Any

import dask.config
from distributed import Client, LocalCluster

from pykcov.campaign import worker
from pykcov.campaign.cluster import Cluster
from pykcov.campaign.run import Campaign, Plan
from pykcov.campaign.slices import Result, Slice, Target, digest_of
from pykcov.campaign.store.store import Recorded, Store

_PLACES = 5000
_REACHED = 500
_TARGETS = 20
_SLICE_SECONDS = 30
# What a worker does on a machine of its own, 200 would do in this process.
_NOT_SIMULATED = {
    "distributed.admin.system-monitor.interval": "1h",
    "distributed.worker.profile.enabled": False,
}


class Workers:
    """What the simulated workers share."""

    def __init__(self, inputs: int) -> None:
        self._inputs = inputs
        self._chance = random.Random(1)
        self._turns = 0
        self._lock = threading.Lock()
        self._over = threading.Event()
        self._returned: dict[str, float] = {}
        self.waits: list[float] = []
        self.reported: dict[str, set[str]] = {}
        self.making = 0.0
        """Seconds of processor time that it took to make the results."""

    def run(self, work: Slice) -> Result:
        """Take the place of worker.run()."""
        if not work.version:
            places = [[(1 << 63) + place, "file.py", place, place, f"f{place // 50}"] for place in range(_PLACES)]
            return Result("worker", "3.13", "1", places=places)
        # All workers begin at once: the first slices are of different length, so that later ones end evenly.
        self._over.wait(work.seconds if work.corpus else work.seconds * random.random())
        with self._lock:
            began = time.thread_time()
            result = self._result(work)
            self.making += time.thread_time() - began
            self._returned[min(result.new)] = time.monotonic()
            return result

    def begin(self) -> None:
        """Take the place of worker.begin()."""

    def close(self) -> None:
        """Take the place of worker.close()."""

    def end(self) -> None:
        """Take the place of worker.end()."""
        self._over.set()

    def has_arrived(self, result: Result) -> None:
        """Take that a result is in the store."""
        if result.new:
            self.waits.append(time.monotonic() - self._returned.pop(min(result.new)))

    def _result(self, work: Slice) -> Result:
        self._turns += 1
        new, reach = {}, {}
        frontier = min(_REACHED + self._turns, _PLACES)  # new places come one by one
        for _ in range(self._inputs):
            data = self._chance.randbytes(self._chance.randrange(20, 2000))
            first = self._chance.randrange(max(frontier - _REACHED, 1))
            places = range(first, first + _REACHED)
            new[digest_of(data)] = data
            reach[digest_of(data)] = [((1 << 63) + place, self._chance.randrange(8)) for place in places]
        self.reported.setdefault(work.target.harness, set()).update(new)
        seen = {(1 << 63) + place: 1 for place in range(100)}
        result = Result("worker", "3.13", "1", new=new, reach=reach, seen=seen)
        return result._replace(executions=100_000, processor=30.0, fuzzing=29.0, seconds=31.0)


def replace(name: str, method: Callable[..., Any]) -> None:
    """Put a method in the place of a function of worker.py, and have it pickled by that name."""

    def function(*args: Any) -> Any:
        return method(*args)

    function.__module__, function.__name__, function.__qualname__ = worker.__name__, name, name
    setattr(worker, name, function)


class NotingStore(Store):
    """Notes how long each result takes from its worker into the store."""

    workers: Workers

    def record(self, *args: Any, **options: Any) -> Recorded:
        recorded = super().record(*args, **options)
        self.workers.has_arrived(next(arg for arg in args if isinstance(arg, Result)))
        return recorded


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("store")
    parser.add_argument("--seconds", type=float, default=600)
    parser.add_argument("--workers", type=int, default=200)
    parser.add_argument("--inputs", type=int, default=20, help="new ones of a slice")
    given = parser.parse_args()
    workers = Workers(given.inputs)
    for name in ("run", "begin", "end", "close"):
        replace(name, getattr(workers, name))
    logging.getLogger("distributed").setLevel(logging.CRITICAL)
    targets = [Target(f"target{number}.py", ".") for number in range(_TARGETS)]
    plan = Plan(targets, given.seconds, _SLICE_SECONDS, seed=1, workers=given.workers)
    with (
        dask.config.set(_NOT_SIMULATED),
        NotingStore(given.store) as store,
        LocalCluster(
            n_workers=given.workers, threads_per_worker=1, processes=False, memory_limit=0, dashboard_address=None
        ) as local,
        Client(local, set_as_default=False) as client,
    ):
        store.workers = workers
        before = sum(getrusage(RUSAGE_SELF)[:2])
        outcome = Campaign(plan, store, Cluster(client), print).run()
        spent = sum(getrusage(RUSAGE_SELF)[:2]) - before - workers.making
        missing = sum(len(digests - set(store.corpus(harness))) for harness, digests in workers.reported.items())
    waits = workers.waits
    print(
        f"{len(waits)} results in {outcome.seconds:.0f} s, {sum(map(len, workers.reported.values()))} inputs; in the "
        f"store after {statistics.median(waits) * 1000:.0f} ms (median; {max(waits) * 1000:.0f} ms at most); "
        f"{outcome.lost} slices lost, {outcome.not_written} results not written, {missing} inputs missing; "
        f"{100 * spent / outcome.seconds:.0f} % of a processor for scheduler, workers, campaign and store"
    )


if __name__ == "__main__":
    main()
