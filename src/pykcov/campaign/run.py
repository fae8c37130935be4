"""Runs a campaign: gives slices to workers, and takes what comes of them."""

import os
import random
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import NamedTuple

from sqlalchemy.exc import SQLAlchemyError

from pykcov.campaign.allocation import Turns, duration, weights
from pykcov.campaign.cluster import Cluster, Done
from pykcov.campaign.keeping import Keeping, Report
from pykcov.campaign.progress import Progress
from pykcov.campaign.slices import Result, Slice, Target
from pykcov.campaign.store.store import Recorded, Store
from pykcov.campaign.store.summary import spent
from pykcov.counted import counted

_TICK = 0.5
_REFRESH_SECONDS = 60.0
_LATE_SECONDS = 120.0
"""By which a slice may be late before it is given up."""
_MEASURE_SECONDS = 60.0
"""For inputs of which it is not known at the end what they reach."""
_LINES_SAID = 3
"""Of what a harness writes when it cannot be loaded."""
_WRITE_SECONDS = 60.0
"""For what is not written to the store at the end."""


class Plan(NamedTuple):
    """What a campaign is asked to do."""

    targets: Sequence[Target]
    seconds: float
    """0: until it is interrupted."""
    slice_seconds: float = 30
    slices: int = 0
    """End after so many slices that fuzz; 0: any number."""
    seed: int = 0
    """0: another one each time."""
    workers: int = 1
    revision: str = ""
    minimize: float = 5
    whole_corpus: bool = True
    """Measure for new code all inputs that there are; else only those that reached something in older code."""
    by_estimate: bool = True
    """Time goes where most is expected; else all targets have the same."""


class Outcome(NamedTuple):
    """How a campaign ended."""

    executions: int
    new_inputs: int
    new_places: int
    new_findings: list[tuple[str, str]]
    """Harness and token."""
    set_aside: dict[str, str]
    """Targets that could not be run, and why."""
    seen: set[tuple[str, str]]
    """The same of all findings, known ones, too."""
    seconds: float
    slices: int
    lost: int
    """Slices of which nothing came."""
    not_written: int
    """Results that the store would not take."""
    interrupted: bool


class _Running(NamedTuple):
    work: Slice
    progress: Progress
    deadline: float


class Campaign:
    """One `pykcov campaign run`."""

    def __init__(self, plan: Plan, store: Store, cluster: Cluster, say: Callable[[str], object]) -> None:
        """Begin it in the store.

        say: takes a line for the user.
        """
        self._plan, self._store, self._cluster, self._say = plan, store, cluster, say
        self._word = os.urandom(8).hex()
        self._random = random.Random(plan.seed or self._word)
        self._progress = [Progress(target) for target in plan.targets]
        self._turns = Turns(len(self._progress))
        self._running: dict[str, _Running] = {}
        self._has: dict[str, set[str]] = {}  # inputs that workers are known to have
        self._interrupts = 0
        self._number = store.begin_campaign(self._word, plan.revision, plan.workers)
        self._keeping = Keeping(store, self._number, plan.revision, say, self._recorded)
        self._executions = self._slices = self._fuzzing = self._lost = self._new_inputs = self._new_places = 0
        self._findings: list[tuple[str, str]] = []
        self._seen: set[tuple[str, str]] = set()
        self._began = time.monotonic()
        self._refreshed = time.monotonic()

    def run(self) -> Outcome:
        """Run it to its end."""
        try:
            self._give_and_take()
        except BaseException:
            self._keeping.finish(_WRITE_SECONDS)  # what was reported is kept, and the thread that writes ends
            raise
        return self._finish()

    def _give_and_take(self) -> None:
        end = time.monotonic() + self._plan.seconds if self._plan.seconds else float("inf")
        with _interrupts(self._interrupted):
            self._cluster.begin_slices()
            told = False
            while True:
                left = end - time.monotonic()
                if self._interrupts and not told:
                    told = True
                    self._say("interrupted: slices end; once more, and what they have is lost")
                    self._cluster.end_slices()
                left = left if not self._plan.slices or self._fuzzing < self._plan.slices else min(left, 0)
                over = left <= 0 or self._interrupts or all(each.set_aside for each in self._progress)
                measuring = not self._interrupts and left > -_MEASURE_SECONDS and self._has_to_measure()
                if self._interrupts > 1 or (over and not self._running and not measuring):
                    break
                if not over or measuring:
                    self._give_to_idle(left)
                for done in self._cluster.wait(_TICK):
                    self._take(done)
                self._give_up_late()
                self._refresh()

    def _has_to_measure(self) -> bool:
        return any(each.has_to_measure for each in self._progress)

    def _interrupted(self) -> None:
        self._interrupts += 1

    def _give_to_idle(self, left: float) -> None:
        """Give each worker that has nothing to do a slice."""
        there = self._cluster.workers()
        for address in [each for each in there if each not in self._cluster.busy()]:
            allowed = [
                not each.set_aside
                and not each.loading
                and each.rests_until < time.monotonic()
                and (left > 0 or each.has_to_measure)
                and address not in each.refused
                for each in self._progress
            ]
            records = [each.record() for each in self._progress]
            shares = weights(records) if self._plan.by_estimate else [1 / len(records)] * len(records)
            if self._plan.slices and self._fuzzing >= self._plan.slices:
                allowed = [may and each.has_to_measure for may, each in zip(allowed, self._progress, strict=True)]
            turn = self._turns.next(shares, allowed)
            if turn is not None:
                self._give(address, self._progress[turn], left)
        for each in self._progress:
            if not each.set_aside and there and each.refused.issuperset(there):
                each.set_aside = "no worker can run it"
                self._say(f"{each.harness}: no worker can run it, it is set aside")

    def _give(self, address: str, progress: Progress, left: float) -> None:
        measure = progress.next_to_measure() if progress.version else ()
        replays = progress.next_to_replay() if progress.version else ()
        seconds = 0.0 if measure or replays or not progress.version else min(self._plan.slice_seconds, max(left, 1))
        progress.loading = not progress.version
        corpus = progress.corpus() if seconds else ()
        has = self._has.setdefault(address, set())
        try:
            wanted = {*corpus, *measure, *(digest for _, digest in replays)}
            inputs = self._keeping.inputs(digest for digest in wanted if digest not in has)
        except SQLAlchemyError:
            progress.measure_again(measure)
            return  # said by who writes to the store
        has.update(inputs)
        work = Slice(
            campaign=self._word,
            target=progress.target,
            version=progress.version,
            seconds=seconds,
            seed=self._random.randrange(1, 1 << 31),
            corpus=corpus,
            measure=measure,
            replays=replays,
            inputs=inputs,
            known=progress.known,
            minimize=self._plan.minimize,
        )
        self._submit(address, progress, work)

    def _submit(self, address: str, progress: Progress, work: Slice) -> None:
        word = f"{self._word}-{self._slices}-{os.urandom(4).hex()}"
        self._slices += 1
        late = max(work.seconds, len(work.measure) * 10.0) + _LATE_SECONDS
        self._fuzzing += bool(work.seconds)
        self._running[word] = _Running(work, progress, time.monotonic() + late)
        self._cluster.give(address, word, work)

    def _take(self, done: Done) -> None:
        """Take what came of a slice."""
        running = self._running.pop(done.word)
        work, progress = running.work, running.progress
        progress.loading = False
        if done.result is None:
            self._lost += 1
            self._has.pop(done.worker, None)
            progress.measure_again(work.measure)
            progress.to_replay += work.replays
            if not self._interrupts:
                self._say(f"{progress.harness}: a slice was lost: {done.problem}")
                self._failed(progress)
            return
        result = done.result
        if result.missing:
            self._has[done.worker] = set()
            inputs = self._keeping.inputs({*work.corpus, *work.measure, *(digest for _, digest in work.replays)})
            self._submit(done.worker, progress, work._replace(inputs=inputs))
        elif result.problem and not result.new and not result.findings:
            self._take_problem(done, progress, work, result)
        elif not progress.version and not self._begin_target(progress, result):
            return
        else:
            self._take_result(done, progress, work, result)

    def _take_result(self, done: Done, progress: Progress, work: Slice, result: Result) -> None:
        result = progress.without_unmeasured(result)
        seen = progress.worth_telling(result.seen)
        self._keeping.take(Report(done.word, progress.harness, result, seen))
        sizes = {digest: len(data) for digest, data in result.new.items()}
        sizes |= {digest: len(data) for digest, data in work.inputs.items()}
        missing = [digest for digest in result.reach if digest not in sizes]
        if missing:
            sizes |= {digest: len(data) for digest, data in self._keeping.inputs(missing).items()}
        progress.took(result, sizes)
        self._seen |= {(progress.harness, finding.token) for finding in result.findings}
        progress.known |= {finding.name for finding in result.findings}
        self._has.setdefault(done.worker, set()).update(result.new)
        self._executions += result.executions

    def _take_problem(self, done: Done, progress: Progress, work: Slice, result: Result) -> None:
        progress.measure_again(work.measure)
        progress.to_replay += work.replays
        if result.killed:
            self._lost += 1
            self._say(f"{progress.harness}: a slice was lost: {result.problem}")
            self._failed(progress)
            return
        progress.refused.add(done.worker)
        self._keeping.take(Report(done.word, progress.harness, result._replace(version=""), {}))
        self._say(f"{progress.harness} cannot be run by {result.worker}: {_end_of(result.problem)}")

    def _begin_target(self, progress: Progress, result: Result) -> bool:
        """Take which code a target has, and what the store knows of that. Return whether the store could be asked."""
        try:
            number = self._store.add_target(progress.harness, result.version, result.python, result.places)
            progress.begin_with(self._store.cover(number), self._store.seen(number), spent(self._store, number))
            waiting = self._store.not_measured(number, progress.harness, all_of_them=self._plan.whole_corpus)
            progress.merge({}, waiting)
            progress.to_replay = self._store.to_replay(progress.harness, result.version)
            progress.known = self._store.finding_names(progress.harness)
        except SQLAlchemyError as error:
            self._say(f"{progress.harness} waits for the store: {str(error).splitlines()[0]}")
            return False
        progress.number, progress.version = number, result.version
        return True

    def _failed(self, progress: Progress) -> None:
        seconds = progress.failed(self._plan.slice_seconds)
        if seconds:
            self._say(f"{progress.harness} goes on to end its processes: it rests for {duration(seconds)}")

    def _give_up_late(self) -> None:
        for word in [word for word, each in self._running.items() if time.monotonic() > each.deadline]:
            self._take(self._cluster.give_up(word, "its worker does not come back"))

    def _refresh(self) -> None:
        """Say in the store that we are there, and take what other campaigns have added."""
        if time.monotonic() - self._refreshed < _REFRESH_SECONDS:
            return
        self._refreshed = time.monotonic()
        try:
            self._store.keep_campaign(self._number)
            for each in self._progress:
                if each.number is not None:
                    each.merge(self._store.cover(each.number), ())
        except SQLAlchemyError:
            return  # said by who writes to the store

    def _recorded(self, report: Report, recorded: Recorded) -> None:
        """Count what is in the store now. In the thread that writes."""
        self._new_inputs += recorded.new_inputs
        self._new_places += recorded.new_places
        for token in report.result.fixed:
            self._say(f"{report.harness}: fixed: {token}")
        for token in recorded.new_findings:
            self._findings.append((report.harness, token))
            self._say(f"{report.harness}: found {token}")

    def _finish(self) -> Outcome:
        not_written = self._keeping.finish(_WRITE_SECONDS)
        if self._interrupts < 2:
            self._cluster.forget()
        try:
            self._store.keep_campaign(self._number, ended=True)
        except SQLAlchemyError as error:
            self._say(f"the end of the campaign is not in the store: {str(error).splitlines()[0]}")
        if self._lost:
            self._say(f"{counted(self._lost, 'slice')} of {self._slices} lost")
        return Outcome(
            self._executions,
            self._new_inputs,
            self._new_places,
            self._findings,
            {each.harness: each.set_aside for each in self._progress if each.set_aside},
            self._seen,
            time.monotonic() - self._began,
            self._slices,
            self._lost,
            not_written,
            bool(self._interrupts),
        )


def _end_of(problem: str) -> str:
    """Return what is said of a problem; all of it is in the store."""
    lines = [line for line in problem.splitlines() if line.strip()]
    return "\n".join([*(["..."] if len(lines) > _LINES_SAID else []), *lines[-_LINES_SAID:]])


@contextmanager
def _interrupts(interrupted: Callable[[], object]) -> Iterator[None]:
    """Have SIGINT and SIGTERM call a function."""
    old = {number: signal.signal(number, lambda *_: interrupted()) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in old.items():
            signal.signal(number, handler)
