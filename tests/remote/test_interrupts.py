"""Whose work code is that runs for other reasons than that somebody called it (roads.py)."""

import gc
import os
import signal
import subprocess
import sys
from operator import invert
from pathlib import Path
from types import ModuleType

import pytest
from following import ran
from roads import OWN, ROADS, Calls, allocate, cycle, handling

import pykcov
from pykcov import FollowedTrace, Tracer, _core
from pykcov.remote import carriers, interrupts


def barged_in(trace: FollowedTrace) -> dict[str, set[str]]:
    """Return the functions that barged in, by context."""
    return {name: {one.function for one in found.locations()} for name, found in trace.interrupts().items()}


@pytest.mark.parametrize("name", ROADS)
def test_each_road_leads_to_its_context(name: str, functions: ModuleType, tracer: Tracer) -> None:
    way, context = ROADS[name]
    with tracer.trace() as trace:
        way(functions.own1)
        functions.own2()
    found = {name: functions & {"own1", "own2"} for name, functions in barged_in(trace).items()}
    assert (ran(trace) if context == OWN else ran(trace) | {"own1"}) == {"own1", "own2"}
    assert ("own1" in ran(trace)) == (context == OWN)
    assert {name for name, functions in found.items() if functions} == ({context} - {OWN})
    assert found.get(context, {"own1"}) == {"own1"}


def test_what_is_told_apart_is_as_it_was(tracer: Tracer) -> None:
    functions = (gc.collect, os.kill, signal.raise_signal, signal.pthread_kill, signal.signal, signal.getsignal)

    def handler(number: int, frame: object) -> None: ...

    before = signal.getsignal(signal.SIGUSR1)
    with tracer.trace():
        assert functions == (
            gc.collect,
            os.kill,
            signal.raise_signal,
            signal.pthread_kill,
            signal.signal,
            signal.getsignal,
        )
        assert signal.signal(signal.SIGUSR1, handler) is before
        assert signal.getsignal(signal.SIGUSR1) is handler
    assert signal.getsignal(signal.SIGUSR1) is handler
    assert signal.signal(signal.SIGUSR1, before) is handler
    for call in (gc.collect, os.kill, signal.raise_signal, signal.pthread_kill, signal.getsignal):
        with pytest.raises((TypeError, ValueError)):
            call("no such thing")  # type: ignore[operator]
    assert gc.collect(generation=0) >= 0
    with pytest.raises(ProcessLookupError):
        os.kill(2**22 + 1, 0)


def test_an_error_of_a_handler_reaches_the_program(functions: ModuleType, tracer: Tracer) -> None:
    def fail() -> None:
        functions.own1()
        raise LookupError

    with tracer.trace() as trace:
        for way in ("raise_signal", "os_kill_by_another_thread"):
            with pytest.raises(LookupError):
                ROADS[way][0](fail)
        functions.own2()
    assert ran(trace) == {"own1", "own2"}


def test_a_device_of_a_threads_own_is_kept_clean_where_nobody_asks_what_barges_in(functions: ModuleType) -> None:
    pykcov.instrument(functions)
    carriers.install(record=False)
    try:
        with pykcov.open() as device:
            device.set_buffer_size(1000)
            device.enable(pykcov.TRACE_UNIQUE_PC)
            allocate(functions.own1, lambda calls: cycle(Calls(calls)))
            functions.own2()
            device.disable()
            pcs = list(device.mmap().pcs())
        carriers.install()  # from now on somebody asks
        allocate(functions.own1, lambda calls: cycle(Calls(calls)))
        barged = memoryview(interrupts.recorded()[interrupts.COLLECTOR]).cast("Q")
        carriers.remove()
    finally:
        carriers.remove()
    reached = [{location.function for location in pykcov.symbolize(each)} for each in (pcs, barged)]
    assert reached[0] & {"own1", "own2"} == {"own2"}
    assert "own1" in reached[1]


def test_a_signal_that_was_sent_for_another_trace_barges_in(functions: ModuleType, tracer: Tracer) -> None:
    with handling(signal.SIGUSR1, functions.own1):
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGUSR1})
        with tracer.trace():
            signal.raise_signal(signal.SIGUSR1)
        with tracer.trace() as trace:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGUSR1})
            functions.own2()
    assert ran(trace) == {"own2"}
    assert "own1" in barged_in(trace)["(signal)"]


def test_an_interrupt_leaves_the_context_as_the_program_has_it(functions: ModuleType, tracer: Tracer) -> None:
    from contextvars import ContextVar

    variable = ContextVar("variable", default=0)
    seen: list[int] = []

    def look() -> None:
        seen.append(variable.get())
        variable.set(variable.get() + 1)
        functions.own1()

    with tracer.trace() as trace:
        variable.set(5)
        ROADS["timer"][0](look)
        assert variable.get() == 6
        allocate(look, lambda calls: cycle(Calls(calls)))
        functions.own2()
    assert (seen, ran(trace)) == ([5, 6], {"own2"})


def test_collections_are_told_apart_whatever_the_program_does_to_the_list_of_callbacks(
    functions: ModuleType, tracer: Tracer
) -> None:
    def empty(phase: str, info: object) -> None:
        gc.callbacks.clear()

    group = pykcov.current_group()
    with tracer.trace() as trace:
        before = list(gc.callbacks)
        gc.callbacks.insert(1, empty)
        allocate(lambda: None, lambda calls: cycle(Calls(calls)))
        gc.callbacks[:] = before
        functions.own1()
    with tracer.trace() as after:
        gc.callbacks.clear()
        functions.own2()
    with tracer.trace() as last:
        functions.own3()
    assert (ran(after), ran(last)) == ({"own2"}, {"own3"})
    assert ran(trace) <= {"own1"}
    assert pykcov.current_group() == group


def test_events_look_for_nobody_once_no_trace_follows(functions: ModuleType, tmp_path: Path) -> None:
    before = _core.followed()
    with pykcov.trace(follow=True, source=[tmp_path]):
        functions.own1()
        during = _core.followed()
    assert during > before == _core.followed()


def test_what_does_not_fit_is_counted_over_all_traces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_core, "BUFFER_WORDS_MAX", 2)
    probes = _core.probes([1 << 63, 1 << 63 | 1, 1 << 63 | 2])
    context = interrupts.Context()
    for _ in range(2):
        context.begin()
        with pykcov.group(context.group):
            for probe in probes:
                invert(probe)
        context.end()
    dropped = context.dropped
    context.close()
    assert (dropped, context.dropped) == (4, 4)


PROGRAM = """
import signal, os, sys
import pykcov

def handler(number, frame):
    own()

def own():
    return 1

def handle():
    return 2

signal.signal(signal.SIGUSR1, handler)
signal.siginterrupt(signal.SIGUSR1, False)
with pykcov.trace(follow=True, source=["."]) as trace:
    handle()
    os.system(f"kill -USR1 {os.getpid()}")
print(sorted({one.function for one in trace.locations()}))
print({name: sorted({one.function for one in found.locations()}) for name, found in trace.interrupts().items()})
assert signal.getsignal(signal.SIGUSR1) is handler
"""


def test_handlers_that_were_set_before_barge_in_too(tmp_path: Path) -> None:
    (tmp_path / "program.py").write_text(PROGRAM)
    done = subprocess.run(
        [sys.executable, "program.py"], cwd=tmp_path, capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout.splitlines() == ["['handle']", "{'(signal)': ['handler', 'own']}"]
