"""A trace that follows holds what its block causes, wherever that runs, and nothing else."""

import _thread
import asyncio
import gc
import inspect
import os
import queue
import signal
import sys
import threading
import time
import traceback
import weakref
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from multiprocessing.pool import ThreadPool as Pool
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from following import EXPECTED, in_threads, ran

import pykcov
from pykcov import FollowedTrace, Tracer, _core


def in_threads_of_its_own(job: Callable[[], Any], pool: ThreadPoolExecutor) -> None:
    threads = [threading.Thread(target=job), threading.Timer(0.001, job)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def in_a_bare_thread(job: Callable[[], Any], pool: ThreadPoolExecutor) -> None:
    done = threading.Event()
    _thread.start_new_thread(lambda: (job(), done.set()), ())
    assert done.wait(60)


def in_a_shared_pool(job: Callable[[], Any], pool: ThreadPoolExecutor) -> None:
    assert pool.submit(job).result() is not None
    assert len(list(pool.map(lambda _: job(), range(3)))) == 3


def in_a_pool_of_multiprocessing(job: Callable[[], Any], pool: Pool) -> None:
    assert pool.apply(job) is not None
    assert len(pool.map(lambda _: job(), range(3))) == 3


def through_a_followed_queue(job: Callable[[], Any], pool: ThreadPoolExecutor) -> None:
    _followed_jobs.put(job)
    _followed_jobs.join()


def through_a_queue(job: Callable[[], Any], pool: ThreadPoolExecutor) -> None:
    _jobs.put(pykcov.remote.carry(job))
    _jobs.join()


class _Jobs:
    """A queue with a worker of its own, which was there before any trace."""

    def __init__(self) -> None:
        self._queue: queue.Queue[Any] = queue.Queue()
        threading.Thread(target=self._work, daemon=True).start()

    def _work(self) -> None:
        while True:
            with pykcov.remote.carry(self._queue.get()) as job:
                job()
            del job
            self._queue.task_done()

    def put(self, job: object) -> None:
        self._queue.put(job)

    def join(self) -> None:
        self._queue.join()


_jobs = _Jobs()


def _work_by_followed_queue() -> None:
    while True:
        job = _followed_jobs.get()
        job()
        del job
        _followed_jobs.task_done()


_followed_jobs = pykcov.remote.FollowedQueue(queue.Queue())
threading.Thread(target=_work_by_followed_queue, daemon=True).start()


WAYS_OF_THREADS = [
    in_threads_of_its_own,
    in_a_bare_thread,
    in_a_shared_pool,
    in_a_pool_of_multiprocessing,
    through_a_queue,
    through_a_followed_queue,
]


@pytest.mark.parametrize("way", WAYS_OF_THREADS)
def test_what_50_concurrent_traces_hand_to_threads_is_each_ones_own(
    way: Callable[..., None], functions: ModuleType, tracer: Tracer
) -> None:
    with ThreadPoolExecutor(3) as pool, Pool(2) as other:
        found = in_threads(
            tracer, functions, lambda job: way(job, other if way is in_a_pool_of_multiprocessing else pool)
        )
    assert found == EXPECTED


def test_work_that_is_not_done_is_counted_or_waited_for(functions: ModuleType, tracer: Tracer) -> None:
    async def late() -> None:
        await asyncio.sleep(0.02)
        functions.own1()

    async def main() -> tuple[FollowedTrace, FollowedTrace]:
        async with tracer.trace() as cut:
            cut_task = asyncio.create_task(late())
        async with tracer.trace(drain=60) as drained:
            drained_task = asyncio.create_task(late())
        await asyncio.wait([cut_task, drained_task])
        return cut, drained

    cut, drained = asyncio.run(main())
    assert (cut.cut_off, ran(cut)) == (1, set())
    assert (drained.cut_off, ran(drained)) == (0, {"own1"})


def test_threads_that_are_not_done_are_counted_or_waited_for(functions: ModuleType, tracer: Tracer) -> None:
    go = threading.Event()

    def late() -> None:
        go.wait(60)
        functions.own2()

    with tracer.trace() as cut:
        threading.Thread(target=late).start()
    assert cut.cut_off == 1
    with tracer.trace(drain=60) as drained:
        threading.Thread(target=late).start()
        go.set()
    assert (drained.cut_off, ran(drained), ran(cut)) == (0, {"own2"}, set())


def test_an_inner_trace_takes_its_work_and_the_outer_one_goes_on(functions: ModuleType, tracer: Tracer) -> None:
    with tracer.trace() as outer:
        functions.own1()
        with tracer.trace() as inner:
            functions.own2()
        functions.own3()
    assert (ran(outer), ran(inner)) == ({"own1", "own3"}, {"own2"})


def test_decorated_functions_are_traced_call_by_call(functions: ModuleType, tracer: Tracer) -> None:
    seen = []

    @tracer.trace(done=lambda trace: seen.append(ran(trace)))
    def call(n: int) -> Any:
        return getattr(functions, f"own{n}")(1)

    @tracer.trace(done=lambda trace: seen.append(ran(trace)))
    async def await_(n: int) -> Any:
        return await asyncio.to_thread(getattr(functions, f"own{n}"), 1)

    assert (call(4), call(5), asyncio.run(await_(6))) == (5, 6, 7)
    assert seen == [{"own4"}, {"own5"}, {"own6"}]
    tracer.stop()  # a decorated function keeps its tracer going
    tracer.stop()


def test_the_handler_of_a_signal_to_oneself_is_in_the_trace(functions: ModuleType, tracer: Tracer) -> None:
    hits = []

    def handler(number: int, frame: object) -> None:
        hits.append(functions.own7())

    before = signal.getsignal(signal.SIGUSR1)
    with tracer.trace() as trace:
        assert signal.signal(signal.SIGUSR1, handler) is before
        assert signal.getsignal(signal.SIGUSR1) is handler
        signal.raise_signal(signal.SIGUSR1)
        functions.own8()
        assert signal.signal(signal.SIGUSR1, before) is handler
    assert (len(hits), ran(trace)) == (1, {"own7", "own8"})


def test_what_a_collection_runs_that_the_block_asks_for_is_in_the_trace(functions: ModuleType, tracer: Tracer) -> None:
    class Cycle:
        def __init__(self) -> None:
            self.me = self

    hits = []
    with tracer.trace() as trace:
        weakref.finalize(Cycle(), lambda: hits.append(functions.own9()))
        gc.collect()
        functions.own10()
    assert (len(hits), ran(trace)) == (1, {"own9", "own10"})


def test_a_forked_child_leaves_the_trace_to_its_parent(functions: ModuleType, tracer: Tracer) -> None:
    with tracer.trace() as trace:
        child = os.fork()
        if child == 0:
            functions.own11()
            os._exit(0)
        assert os.waitpid(child, 0)[1] == 0
        functions.own12()
    assert ran(trace) == {"own11", "own12"}


def test_a_trace_left_in_another_context_ends_all_the_same(functions: ModuleType, tracer: Tracer) -> None:
    def generate(trace: FollowedTrace) -> Iterator[int]:
        with trace:
            functions.own13()
            yield 1

    import contextvars

    trace = tracer.trace()
    generator = generate(trace)
    contextvars.copy_context().run(next, generator)
    functions.own14()
    assert list(generator) == []
    functions.own15()
    assert ran(trace) == {"own13"}


def test_a_trace_of_one_thread_goes_on_beside_traces_that_follow(functions: ModuleType, tmp_path: Path) -> None:
    with pykcov.trace(source=[tmp_path]) as own:
        functions.own16()
        with pykcov.trace(source=[tmp_path], follow=True) as following:
            functions.own17()
        functions.own18()
    assert {location.function for location in own.locations()} == {"own16", "own18"}
    assert ran(following) == {"own17"}


def test_what_takes_the_place_of_a_function_answers_as_it_does(functions: ModuleType, tmp_path: Path) -> None:
    def frames_of_a_failure() -> list[str]:
        with ThreadPoolExecutor(1) as pool:
            error = pool.submit(fn_that_raises).exception()
        assert error is not None
        return [entry.name for entry in traceback.extract_tb(error.__traceback__)]

    original = ThreadPoolExecutor.submit
    frames = frames_of_a_failure()
    with Tracer(source=[tmp_path]):
        assert ThreadPoolExecutor.submit is not original
        assert inspect.signature(ThreadPoolExecutor.submit) == inspect.signature(original)
        assert (ThreadPoolExecutor.submit.__name__, ThreadPoolExecutor.submit.__doc__) == (
            original.__name__,
            original.__doc__,
        )
        assert frames_of_a_failure() == frames
    assert ThreadPoolExecutor.submit is original


def test_a_thread_that_is_given_a_context_works_for_whom_that_names(functions: ModuleType, tracer: Tracer) -> None:
    import contextvars

    if sys.version_info < (3, 14):
        pytest.skip("threads take a context from 3.14 on")
    with tracer.trace() as first:
        named = contextvars.copy_context()
        with tracer.trace() as second:
            threads = [
                threading.Thread(target=functions.own1, context=named),  # type: ignore[call-arg, unused-ignore]
                threading.Thread(target=functions.own2, context=contextvars.Context()),  # type: ignore[call-arg, unused-ignore]
            ]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
    assert (ran(first), ran(second)) == ({"own1"}, {"own2"})


def fn_that_raises() -> None:
    raise ValueError


def test_what_takes_the_place_of_a_function_is_pickled_by_its_name(functions: ModuleType, tmp_path: Path) -> None:
    import pickle

    with Tracer(source=[tmp_path]):
        for function in (ThreadPoolExecutor.submit, signal.signal, _thread.start_new_thread):
            assert pickle.loads(pickle.dumps(function)) is function


def test_work_given_by_name_or_among_many_arguments_is_carried_too() -> None:
    import inspect

    class Calls:
        def take(self, *args: object, **named: object) -> tuple[tuple[object, ...], dict[str, object]]:
            return args, named

    take = _core.carrier("carry", Calls().take, 1, "job")
    with pykcov.group() as group:
        (first, job, *rest), _ = take(0, len, *range(40))
        assert (first, job.job, job.group, rest) == (0, len, group, list(range(40)))
        _, named = take(0, other=1, job=max)
        assert (named["other"], named["job"].job, named["job"].group) == (1, max, group)
        assert take(0, other=1) == ((0,), {"other": 1})
        assert group.pending == 2
    assert inspect.signature(take) == inspect.signature(Calls().take)


def test_a_finaliser_may_end_the_last_trace_that_follows(functions: ModuleType, tmp_path: Path) -> None:
    class Cycle:
        def __init__(self) -> None:
            self.me = self

    callbacks = list(gc.callbacks)
    traced = pykcov.trace(source=[tmp_path], follow=True)
    traced.__enter__()
    weakref.finalize(Cycle(), traced.end)
    gc.collect()
    assert gc.callbacks == callbacks
    with pykcov.trace(source=[tmp_path], follow=True) as trace:
        functions.own19()
    assert (ran(trace), gc.callbacks) == ({"own19"}, callbacks)


def test_jobs_know_their_group_and_count_until_they_are_done() -> None:
    with pykcov.group() as group:
        job = pykcov.remote.carry(len)
        other = pykcov.remote.carry(len)
    assert (job.job, job.group, group.pending) == (len, group, 2)
    assert job([1, 2]) == 2
    assert group.pending == 1
    with other as function:
        assert pykcov.current_group() == group
        with pytest.raises(RuntimeError, match="already"):
            other.__enter__()
        assert function is len
    assert group.pending == 0
    assert pykcov.current_group() != group
    assert pykcov.remote.carry(job) is job
    with pytest.raises(ValueError, match="carrier"):
        _core.carrier("nonsense", len)  # type: ignore[arg-type]
    with pykcov.open() as device:
        device.set_buffer_size(10)
        with pytest.raises(pykcov.InvalidValueError):
            device.remote_attach(3, 4, follow=True)


def test_what_is_set_on_a_function_stays_when_its_stand_in_is_gone(tracer: Tracer) -> None:
    """As trio sets the names of its functions when it is imported."""
    function = ThreadPoolExecutor.submit
    try:
        function.__module__, function.mark = "elsewhere", 1  # type: ignore[attr-defined]
        assert (function.__module__, function.mark) == ("elsewhere", 1)  # type: ignore[attr-defined]
        assert inspect.unwrap(function).__module__ == "elsewhere"
        del function.mark  # type: ignore[attr-defined]
        assert not hasattr(function, "mark")
    finally:
        function.__module__ = "concurrent.futures.thread"


def test_a_thread_that_raises_counts_until_python_has_told_of_it(
    functions: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever waits for what a group has started learns how it ended; without a GIL both go on at once."""
    telling, go_on = threading.Event(), threading.Event()

    def tell(_: object) -> None:
        telling.set()
        go_on.wait(60)

    monkeypatch.setattr(sys, "unraisablehook", tell)
    with pykcov.trace(source=[tmp_path], follow=True), pykcov.group() as group:
        _thread.start_new_thread(int, ("x",))
        assert telling.wait(60)
        pending = group.pending
        go_on.set()
        deadline = time.monotonic() + 60
        while group.pending and time.monotonic() < deadline:
            time.sleep(0.001)
    assert (pending, group.pending) == (1, 0)
