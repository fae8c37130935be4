"""Run a threaded and an asyncio service for a long time, each request in a trace of its own.

Each request opens a trace that follows, hands work to threads, jobs or tasks, and must find exactly the functions that
it ran in it. Memory and descriptors are read at every report. The run fails (exit code 1) if a trace is wrong, if
descriptors grew, or if memory grew by more than --growth MiB after the first tenth of the time.
"""

from __future__ import annotations

import asyncio
import gc
import importlib
import os
import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any

import click

import pykcov

FUNCTIONS = 20
ROUNDS = 2_000
THREADS = 4
TASKS = 50
# Small, so that a request fills it: entries that are dropped are counted, and cost as much.
NMEMB = 4096


def handlers(folder: Path) -> ModuleType:
    """Return a module of functions that make many events, each under a name of its own."""
    source = "".join(
        f"def own{n}():\n    found = 0\n    for i in range({ROUNDS}):\n        if i & {n + 1}:\n"
        f"            found += 1\n    return found\n\n"
        for n in range(FUNCTIONS)
    )
    (folder / "endured_handlers.py").write_text(source)
    sys.path.insert(0, str(folder))
    return importlib.import_module("endured_handlers")


@dataclass
class Counts:
    """What was done so far. [lock] guards all of it."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    traces: int = 0
    events: int = 0
    wrong: list[str] = field(default_factory=list)

    def add(self, trace: pykcov.FollowedTrace, number: int) -> None:
        """Count a trace that has ended, in which own{number} must have run, and nothing else."""
        events = len(trace.pcs) + trace.dropped
        ran = {location.function for location in trace.locations()}
        with self.lock:
            self.traces += 1
            self.events += events
            if ran != {f"own{number}"} or trace.cut_off:
                self.wrong.append(f"request of own{number} holds {sorted(ran)}, {trace.cut_off} cut off")


class Service:
    """Both services, over one pool of threads that was there before any trace."""

    def __init__(self, tracer: pykcov.Tracer, module: ModuleType, ends: float) -> None:
        """Prepare; `ends` is a time.monotonic()."""
        self.counts = Counts()
        self._tracer = tracer
        self._functions = [getattr(module, f"own{n}") for n in range(FUNCTIONS)]
        self._ends = ends
        self._pool = ThreadPoolExecutor(THREADS)

    def run(self) -> list[threading.Thread]:
        """Start everything and return the threads."""
        threads = [threading.Thread(target=self._serve_with_threads, args=(first,)) for first in range(THREADS)]
        threads.append(threading.Thread(target=lambda: asyncio.run(self._serve_with_tasks())))
        for thread in threads:
            thread.start()
        return threads

    def close(self) -> None:
        """End the pool."""
        self._pool.shutdown()

    def _goes_on(self) -> bool:
        return time.monotonic() < self._ends and not self.counts.wrong

    def _serve_with_threads(self, first: int) -> None:
        number = first
        while self._goes_on():
            number = (number + 1) % FUNCTIONS
            function = self._functions[number]
            with self._tracer.trace() as trace:
                jobs = [self._pool.submit(function) for _ in range(4)]
                thread = threading.Thread(target=function)
                thread.start()
                function()
                thread.join()
                for job in jobs:
                    job.result()
            self.counts.add(trace, number)

    async def _serve_with_tasks(self) -> None:
        async with asyncio.TaskGroup() as group:
            for first in range(TASKS):
                group.create_task(self._requests(first))

    async def _requests(self, first: int) -> None:
        number = first % FUNCTIONS
        while self._goes_on():
            number = (number + 1) % FUNCTIONS
            function = self._functions[number]
            async with self._tracer.trace() as trace:
                await asyncio.gather(*(self._in_a_task(function) for _ in range(3)), asyncio.to_thread(function))
            self.counts.add(trace, number)

    async def _in_a_task(self, function: Any) -> None:
        await asyncio.sleep(0)
        function()


def resident() -> float:
    """Return the memory of this process in MiB."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    raise RuntimeError("/proc/self/status has no VmRSS")


def descriptors() -> int:
    """Return how many are open."""
    return len(os.listdir("/proc/self/fd"))


@click.command(help=__doc__)
@click.option("--minutes", default=120.0, show_default=True, help="How long.")
@click.option("--every", default=60.0, show_default=True, help="Seconds between reports.")
@click.option("--growth", default=4.0, show_default=True, help="MiB that memory may grow by after the first tenth.")
def main(minutes: float, every: float, growth: float) -> None:
    """Run it."""
    begun = time.monotonic()
    seconds = minutes * 60
    with tempfile.TemporaryDirectory() as name, pykcov.Tracer("pc", source=[name], nmemb=NMEMB) as tracer:
        import warnings

        warnings.simplefilter("ignore", pykcov.PykcovWarning)  # of full buffers: here they are meant to be full
        service = Service(tracer, handlers(Path(name)), begun + seconds)
        threads = service.run()
        settled: tuple[float, int] | None = None
        while any(thread.is_alive() for thread in threads):
            threads[-1].join(min(every, max(begun + seconds - time.monotonic(), 0.5)))
            gc.collect()
            now, counts = (resident(), descriptors()), service.counts
            passed = time.monotonic() - begun
            if settled is None and passed >= seconds / 10:
                settled = now
            print(
                f"{passed:7.0f} s  {counts.traces:>10,} traces  {counts.events:>16,} events  {now[0]:8.1f} MiB  "
                f"{now[1]:>4} descriptors",
                flush=True,
            )
        service.close()
    gc.collect()
    assert settled is not None
    grown, more = resident() - settled[0], descriptors() - settled[1]
    problems = service.counts.wrong[:5]
    if grown > growth:
        problems.append(f"memory grew by {grown:.1f} MiB")
    if more > 0:
        problems.append(f"{more} descriptors more than after a tenth of the time")
    for problem in problems:
        print(f"endurance: {problem}", file=sys.stderr)
    print(
        f"traces={service.counts.traces} events={service.counts.events} memory={grown:+.1f} MiB descriptors={more:+d} "
        f"problems={len(problems)}"
    )
    raise SystemExit(1 if problems else 0)


if __name__ == "__main__":
    main()
