"""What tasks, callbacks and the like of event loops do belongs to the trace that caused it, on loops of any making."""

import asyncio
import signal
from collections.abc import Callable
from importlib import import_module
from importlib.util import find_spec
from types import ModuleType
from typing import Any

import anyio
import pytest
import trio
import trio.testing
from following import EXPECTED, TRACES, ran
from trio._core._thread_cache import ThreadCache

from pykcov import Tracer, trace

needs_uvloop = pytest.mark.skipif(find_spec("uvloop") is None, reason="uvloop is not installed")


async def with_tasks(job: Callable[[], Any]) -> None:
    async def later() -> None:
        await asyncio.sleep(0.001)
        job()

    await asyncio.gather(later(), asyncio.create_task(later()))


async def with_callbacks(job: Callable[[], Any]) -> None:
    loop = asyncio.get_running_loop()
    loop.call_soon(job)
    loop.call_later(0.001, job)
    loop.call_at(loop.time() + 0.001, job)
    await asyncio.sleep(0.01)


async def with_threads(job: Callable[[], Any]) -> None:
    await asyncio.to_thread(job)
    await asyncio.get_running_loop().run_in_executor(None, job)


async def with_a_call_from_a_thread(job: Callable[[], Any]) -> None:
    loop = asyncio.get_running_loop()
    done = asyncio.Event()
    await asyncio.to_thread(loop.call_soon_threadsafe, lambda: (job(), done.set()))
    await done.wait()


async def with_streams(job: Callable[[], Any]) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readline()
        job()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
    writer.write(b"hello\n")
    await reader.read()
    writer.close()
    server.close()


async def with_an_async_generator(job: Callable[[], Any]) -> None:
    async def generate() -> Any:
        for _ in range(2):
            await asyncio.sleep(0)
            yield job()

    assert [value async for value in generate()]


async def with_cancellation(job: Callable[[], Any]) -> None:
    async def wait() -> None:
        try:
            await asyncio.sleep(60)
        finally:
            job()

    task = asyncio.create_task(wait())
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.wait([task])


async def with_subprocess_transports(job: Callable[[], Any]) -> None:
    class Protocol(asyncio.SubprocessProtocol):
        def __init__(self) -> None:
            self.done = asyncio.get_running_loop().create_future()

        def pipe_data_received(self, fd: int, data: bytes) -> None:
            job()

        def process_exited(self) -> None:
            job()
            self.done.set_result(None)

    transport, protocol = await asyncio.get_running_loop().subprocess_exec(Protocol, "/bin/echo", "hello", stdin=None)
    await protocol.done
    transport.close()


async def with_a_signal_handler_of_the_loop(job: Callable[[], Any]) -> None:
    """Not an interrupt: the loop calls it as one of its callbacks."""
    loop = asyncio.get_running_loop()
    done = asyncio.Event()
    async with _signals.setdefault(loop, asyncio.Lock()):
        loop.add_signal_handler(signal.SIGUSR1, lambda: (job(), done.set()))
        signal.raise_signal(signal.SIGUSR1)
        await done.wait()
        loop.remove_signal_handler(signal.SIGUSR1)


_signals: dict[asyncio.AbstractEventLoop, asyncio.Lock] = {}

WAYS = [
    with_tasks,
    with_callbacks,
    with_threads,
    with_a_call_from_a_thread,
    with_streams,
    with_an_async_generator,
    with_cancellation,
    with_subprocess_transports,
    with_a_signal_handler_of_the_loop,
]


@pytest.mark.parametrize("loops", ["asyncio", pytest.param("uvloop", marks=needs_uvloop)])
@pytest.mark.parametrize("way", WAYS)
def test_what_50_concurrent_traces_of_one_event_loop_cause_is_each_ones_own(
    way: Callable[..., Any],
    loops: str,
    functions: ModuleType,
    tracer: Tracer,
) -> None:
    async def one(n: int) -> set[str]:
        async with tracer.trace() as trace:
            await way(getattr(functions, f"own{n}"))
        return ran(trace)

    async def main() -> list[set[str]]:
        return await asyncio.gather(*map(one, range(TRACES)))

    with asyncio.Runner(loop_factory=import_module(loops).new_event_loop) as runner:
        assert runner.run(main()) == list(EXPECTED.values())


async def trio_with_tasks(job: Callable[[], Any]) -> None:
    async def later() -> None:
        await trio.sleep(0.001)
        job()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(later)
        nursery.start_soon(later)


async def trio_with_threads(job: Callable[[], Any]) -> None:
    await trio.to_thread.run_sync(job)


async def trio_with_a_job_of_its_threads(job: Callable[[], Any]) -> None:
    done, token = trio.Event(), trio.lowlevel.current_trio_token()
    trio.lowlevel.start_thread_soon(job, lambda _: token.run_sync_soon(done.set))
    await done.wait()


async def trio_with_what_takes_the_result_of_a_job(job: Callable[[], Any]) -> None:
    done, token = trio.Event(), trio.lowlevel.current_trio_token()

    def deliver(_: object) -> None:
        job()
        token.run_sync_soon(done.set)

    trio.lowlevel.start_thread_soon(lambda: None, deliver)
    await done.wait()


async def trio_with_a_call_from_a_thread(job: Callable[[], Any]) -> None:
    await trio.to_thread.run_sync(trio.from_thread.run_sync, job)


async def trio_with_a_call_from_elsewhere(job: Callable[[], Any]) -> None:
    done = trio.Event()
    trio.lowlevel.current_trio_token().run_sync_soon(lambda: (job(), done.set()))
    await done.wait()


async def trio_with_cancellation(job: Callable[[], Any]) -> None:
    async def wait() -> None:
        try:
            await trio.sleep_forever()
        finally:
            job()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(wait)
        await trio.sleep(0.001)
        nursery.cancel_scope.cancel()


TRIO_WAYS = [
    trio_with_tasks,
    trio_with_threads,
    trio_with_a_job_of_its_threads,
    trio_with_what_takes_the_result_of_a_job,
    trio_with_a_call_from_a_thread,
    trio_with_a_call_from_elsewhere,
    trio_with_cancellation,
]


@pytest.mark.parametrize("way", TRIO_WAYS)
def test_what_50_concurrent_traces_of_trio_cause_is_each_ones_own(
    way: Callable[..., Any], functions: ModuleType, tracer: Tracer
) -> None:
    found: dict[int, set[str]] = {}

    async def one(n: int) -> None:
        async with tracer.trace() as trace:
            await way(getattr(functions, f"own{n}"))
        found[n] = ran(trace)
        assert trace.cut_off == 0

    async def main() -> None:
        async with trio.open_nursery() as nursery:
            for n in range(TRACES):
                nursery.start_soon(one, n)

    trio.run(main)
    assert found == EXPECTED


def test_trio_has_its_own_functions_back_when_nobody_follows(functions: ModuleType) -> None:
    original = vars(ThreadCache)["start_thread_soon"]
    with trace(follow=True, include=[functions.__name__]):
        assert vars(ThreadCache)["start_thread_soon"] is not original
    assert vars(ThreadCache)["start_thread_soon"] is original


async def anyio_with_tasks(job: Callable[[], Any]) -> None:
    async def later() -> None:
        await anyio.sleep(0.001)
        job()

    async with anyio.create_task_group() as group:
        group.start_soon(later)


async def anyio_with_threads(job: Callable[[], Any]) -> None:
    await anyio.to_thread.run_sync(job)


async def anyio_with_a_call_from_a_thread(job: Callable[[], Any]) -> None:
    await anyio.to_thread.run_sync(anyio.from_thread.run_sync, job)


ANYIO_WAYS = [anyio_with_tasks, anyio_with_threads, anyio_with_a_call_from_a_thread]


@pytest.mark.parametrize(
    "backend",
    [("asyncio", {}), pytest.param(("asyncio", {"use_uvloop": True}), marks=needs_uvloop), ("trio", {})],
    ids=str,
)
@pytest.mark.parametrize("way", ANYIO_WAYS)
def test_what_50_concurrent_traces_of_anyio_cause_is_each_ones_own(
    way: Callable[..., Any], backend: tuple[str, dict[str, bool]], functions: ModuleType, tracer: Tracer
) -> None:
    found: dict[int, set[str]] = {}

    async def one(n: int) -> None:
        async with tracer.trace() as trace:
            await way(getattr(functions, f"own{n}"))
        found[n] = ran(trace)
        assert trace.cut_off == 0

    async def main() -> None:
        async with anyio.create_task_group() as group:
            for n in range(TRACES):
                group.start_soon(one, n)

    anyio.run(main, backend=backend[0], backend_options=backend[1])
    assert found == EXPECTED


def test_trio_runs_an_idempotent_call_once_also_where_a_trace_begins_between(functions: ModuleType) -> None:
    called: list[int] = []

    async def main() -> None:
        token = trio.lowlevel.current_trio_token()
        token.run_sync_soon(called.append, 1, idempotent=True)
        with trace(follow=True, include=[functions.__name__]):
            for _ in range(2):
                token.run_sync_soon(called.append, 1, idempotent=True)
            await trio.testing.wait_all_tasks_blocked()

    trio.run(main)
    assert called == [1]
