"""What may go wrong while work is followed neither harms the program nor mixes traces up."""

import asyncio
import os
import resource
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from types import ModuleType
from typing import Any

import pytest
from following import TRACES, ran

import pykcov
from pykcov import PykcovWarning, Tracer


@pytest.fixture
def many_descriptors() -> Iterator[None]:
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    if before[1] < 4096:
        pytest.skip("the system allows fewer than 4096 descriptors")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(before[0], 4096), before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, before)


@pytest.mark.usefixtures("many_descriptors")
def test_two_thousand_traces_may_be_open_at_once(functions: ModuleType, tracer: Tracer) -> None:
    async def one(n: int, all_open: asyncio.Barrier) -> set[str]:
        async with tracer.trace() as trace:
            await all_open.wait()
            await asyncio.sleep(0)
            getattr(functions, f"own{n % TRACES}")()
        return ran(trace)

    async def main() -> list[set[str]]:
        barrier = asyncio.Barrier(2000)
        return await asyncio.gather(*(one(n, barrier) for n in range(2000)))

    assert asyncio.run(main()) == [{f"own{n % TRACES}"} for n in range(2000)]


def test_where_no_descriptor_is_left_the_next_trace_says_so_and_the_others_go_on() -> None:
    program = """
import bisect, resource, sys, textwrap
import pykcov
resource.setrlimit(resource.RLIMIT_NOFILE, (40, 40))
traces = []
with pykcov.Tracer(include=["textwrap"]) as tracer:
    try:
        while True:
            traces.append(tracer.trace())
            traces[-1].__enter__()
    except OSError as error:
        assert "ulimit -n" in str(error), error
        traces.pop()
    textwrap.dedent("x")
    for trace in reversed(traces):
        trace.end()
assert 10 < len(traces) < 40
assert {place.function for place in traces[-1].locations()} == {"dedent"}
assert not any(len(trace.pcs) for trace in traces[:-1])
with pykcov.trace(include=["textwrap"], follow=True) as trace:
    textwrap.dedent("x")
assert len(trace.pcs)
"""
    subprocess.run([sys.executable, "-c", program], check=True, timeout=100)


def test_what_does_not_fit_into_a_small_buffer_is_counted_for_that_trace_alone(functions: ModuleType) -> None:
    folder = os.path.dirname(functions.__file__ or "")
    with Tracer(source=[folder], nmemb=4) as tracer:
        full = tracer.trace()
        with full:
            for n in range(TRACES):
                getattr(functions, f"own{n}")()
            with pytest.warns(PykcovWarning, match="the buffer of 4 words was full"):
                full.end()
        with tracer.trace() as other:
            functions.own1()
    assert (len(full.pcs), full.dropped > 0, other.dropped) == (3, True, 0)
    assert ran(other) == {"own1"}


def test_a_generator_works_for_whom_it_is_resumed_by(functions: ModuleType, tracer: Tracer) -> None:
    def generate() -> Iterator[Any]:
        for n in range(4):
            yield getattr(functions, f"own{n}")()

    with tracer.trace() as first:
        generator = generate()
        next(generator)
    with tracer.trace() as second:
        next(generator)
        thread = threading.Thread(target=next, args=(generator,))
        thread.start()
        thread.join()
    next(generator)
    assert (ran(first), ran(second)) == ({"own0"}, {"own1", "own2"})


def test_an_async_generator_works_for_the_task_that_resumes_it(functions: ModuleType, tracer: Tracer) -> None:
    async def generate() -> Any:
        for n in range(3):
            await asyncio.sleep(0)
            yield getattr(functions, f"own{n}")()

    async def main() -> None:
        async with tracer.trace() as first:
            generator = generate()
            await anext(generator)
        async with tracer.trace() as second:
            await asyncio.create_task(anext(generator))
        await anext(generator)
        assert (ran(first), ran(second)) == ({"own0"}, {"own1"})

    asyncio.run(main())


def test_exceptions_end_traces_and_jobs(functions: ModuleType, tracer: Tracer) -> None:
    def fail() -> None:
        functions.own1()
        raise ZeroDivisionError

    with ThreadPoolExecutor(1) as pool:
        with pytest.raises(ZeroDivisionError), tracer.trace() as failed:
            fail()
        with tracer.trace() as trace:
            job = pool.submit(fail)
            assert type(job.exception()) is ZeroDivisionError
            with pytest.raises(ZeroDivisionError), pykcov.remote.carry(fail) as carried:
                carried()
            with pytest.raises(ZeroDivisionError), pykcov.remote.section():
                fail()
            functions.own2()
        pool.submit(functions.own3).result()
    functions.own4()
    assert (ran(failed), ran(trace), trace.cut_off) == ({"own1"}, {"own1", "own2"}, 0)


def test_queued_jobs_of_threads_that_are_shut_down_are_not_waited_for(functions: ModuleType, tracer: Tracer) -> None:
    go = threading.Event()
    pool = ThreadPoolExecutor(1)
    with tracer.trace(drain=600) as trace:
        pool.submit(lambda: (go.wait(), functions.own1()))
        queued = [pool.submit(functions.own2) for _ in range(20)]
        pool.shutdown(wait=False, cancel_futures=True)
        go.set()
    assert all(job.cancelled() for job in queued)
    assert (ran(trace), trace.cut_off) == ({"own1"}, 0)


def test_a_fork_in_the_middle_of_a_section_leaves_the_section_to_the_parent(functions: ModuleType) -> None:
    pykcov.instrument(functions.own1)
    pykcov.instrument(functions.own2)
    with pykcov.open() as device, pykcov.group():
        device.set_buffer_size(100)
        device.remote_attach()
        device.enable()
        with pykcov.remote.section():
            functions.own1()
            child = os.fork()
            if child == 0:
                functions.own1()  # in no section: the child has a group of its own
                os._exit(0)
            assert os.waitpid(child, 0)[1] == 0
            functions.own2()
        device.disable()
        found = pykcov.symbolize(device.mmap().pcs())
    assert [place.function for place in found if place.file == functions.__file__] == ["own1", "own2"]


def test_threads_that_run_while_others_fork_lose_nothing(functions: ModuleType, tracer: Tracer) -> None:
    stop = threading.Event()

    def fork() -> None:
        while not stop.is_set():
            child = os.fork()
            if child == 0:
                os._exit(0)
            os.waitpid(child, 0)

    forking = threading.Thread(target=fork)
    forking.start()
    try:
        for n in range(TRACES):
            with tracer.trace() as trace:
                thread = threading.Thread(target=getattr(functions, f"own{n}"))
                thread.start()
                thread.join()
            assert ran(trace) == {f"own{n}"}
    finally:
        stop.set()
        forking.join()
