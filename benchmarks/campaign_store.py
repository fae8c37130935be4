"""Does the store keep up with 200 workers? Results come at the rate of slices of 30 s; what waits is measured.

    python benchmarks/campaign_store.py STORE [--seconds 600] [--workers 200] [--inputs 20]

STORE is a file or a URL. A result has new inputs of 20 to 2,000 bytes, each of which reaches 500 of the 5,000 places of
one of 20 targets. At the end it is checked that nothing is missing.
"""

import argparse
import random
import statistics
import time
from resource import RUSAGE_SELF, getrusage

from pykcov.campaign.keeping import Keeping, Report
from pykcov.campaign.slices import Result, digest_of
from pykcov.campaign.store.store import Recorded, Store

_PLACES = 5000
_REACHED = 500
_TARGETS = 20
_SLICE_SECONDS = 30


def result_of(chance: random.Random, inputs: int, turn: int) -> Result:
    new, reach = {}, {}
    frontier = min(_REACHED + turn, _PLACES)  # new places come one by one
    for _ in range(inputs):
        data = chance.randbytes(chance.randrange(20, 2000))
        first = chance.randrange(max(frontier - _REACHED, 1))
        new[digest_of(data)] = data
        reach[digest_of(data)] = [((1 << 63) + place, chance.randrange(8)) for place in range(first, first + _REACHED)]
    places = [[(1 << 63) + place, "file.py", place, place, f"f{place // 50}"] for place in range(_PLACES)]
    result = Result("worker", "3.13", "1", places=places if turn < _TARGETS else [], new=new, reach=reach)
    return result._replace(executions=100_000, processor=30.0, fuzzing=29.0, seconds=31.0)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("store")
    parser.add_argument("--seconds", type=float, default=600)
    parser.add_argument("--workers", type=int, default=200)
    parser.add_argument("--inputs", type=int, default=20, help="new ones of a slice")
    given = parser.parse_args()
    chance = random.Random(1)
    waits: list[float] = []
    taken: dict[str, float] = {}
    reported: dict[str, set[str]] = {}

    def recorded(report: Report, _: Recorded) -> None:
        waits.append(time.monotonic() - taken.pop(report.word))

    with Store(given.store) as store:
        keeping = Keeping(store, store.begin_campaign(f"bench-{time.time()}", "", given.workers), "", print, recorded)
        began, count = time.monotonic(), 0
        before = sum(getrusage(RUSAGE_SELF)[:2])
        making = 0.0
        while (now := time.monotonic()) - began < given.seconds:
            due = began + count * _SLICE_SECONDS / given.workers
            if now < due:
                time.sleep(due - now)
            start = time.thread_time()
            harness = f"target{count % _TARGETS}.py"
            result = result_of(chance, given.inputs, count)
            making += time.thread_time() - start
            word = f"{began}-{count}"
            taken[word] = time.monotonic()
            reported.setdefault(harness, set()).update(result.new)
            keeping.take(Report(word, harness, result, {(1 << 63) + place: 1 for place in range(100)}))
            count += 1
        waiting = len(taken)
        assert keeping.finish(600) == 0
        spent = sum(getrusage(RUSAGE_SELF)[:2]) - before - making
        missing = sum(len(digests - set(store.corpus(harness))) for harness, digests in reported.items())
    print(
        f"{count} results in {given.seconds:.0f} s ({count / given.seconds:.1f} a second), "
        f"{sum(map(len, reported.values()))} inputs; "
        f"in the store after {statistics.median(waits) * 1000:.0f} ms (median), {max(waits) * 1000:.0f} ms (the last "
        f"one that waited longest); {waiting} waited at the end; {100 * spent / given.seconds:.0f} % of a processor "
        f"here; {missing} inputs missing"
    )


if __name__ == "__main__":
    main()
