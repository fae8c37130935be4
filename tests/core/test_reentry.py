"""Every public call, called again by a signal handler, at each point of itself: it works or says what is wrong.

The handler is called where a trace function of `sys.settrace` is: at each instruction of pykcov's that the call
executes, when it comes there for the first time. That is stricter than Python, whose handlers run at some instructions
only.
"""

import contextlib
import gc
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from types import CodeType, FrameType, ModuleType
from typing import Any, NamedTuple

import pytest

import pykcov
from pykcov import _core, remote

HERE = Path(__file__)
POINTS = 8
"""Of a call: about so many points, evenly spread."""

EXAMPLE = """
def example(x):
    if x:
        return 1
    return 2
"""


class Call(NamedTuple):
    """Something to be called, and what must hold afterwards."""

    call: Callable[[], object]
    again: Callable[[], object]
    check: Callable[[], object] = lambda: None
    end: Callable[[], object] = lambda: None


def example_module(name: str = "reentry_example") -> ModuleType:
    module = ModuleType(name)
    exec(compile(EXAMPLE, f"{name}.py", "exec"), vars(module))
    sys.modules[name] = module
    return module


def device_life() -> None:
    with pykcov.open() as device:
        device.set_buffer_size(100)
        buffer = device.mmap()
        device.remote_attach()
        device.enable()
        _core.enter()
        _core.record_pc(1)
        _core.leave()
        device.disable()
        assert buffer.pcs().tolist() == [1]


def handle_life() -> None:
    number = next(_numbers)
    remote.register(9, number)
    with remote.section(9, number):
        pass
    remote.unregister(9, number)


def group_life() -> None:
    with pykcov.group() as group:
        assert pykcov.current_group() == group
        assert remote.carry(pykcov.current_group)() == group


def follow_life() -> None:
    module = sys.modules["reentry_example"]
    with pykcov.trace(follow=True, include=["reentry_example"]) as trace:
        module.example(1)
    expected = {"reentry_example.py": [3, 4]}
    # A trace within an interrupt records nothing, as all interrupts: pykcov's own code is one.
    assert trace.lines() in (expected, {}), trace.lines()


def own_life() -> None:
    module = sys.modules["reentry_example"]
    with pykcov.trace(include=["reentry_example"]) as trace:
        module.example(1)
    assert trace.lines() in ({"reentry_example.py": [3, 4]}, {}), trace.lines()


def hook_life() -> None:
    with pykcov.instrument_imports(include=["reentry_imported_*"]):
        pass


def instrument_life() -> None:
    namespace: dict[str, Any] = {}
    exec(compile(EXAMPLE, "reentry_instrumented.py", "exec"), namespace)
    example = pykcov.instrument(namespace["example"])
    assert example(1) == 1


_numbers = iter(range(1 << 30))

REFUSED = (pykcov.DeviceBusyError, pykcov.DeviceNotReadyError)
"""What the program is told where two things cannot be at a time."""


def tracer_calls() -> Call:
    tracer = pykcov.Tracer(include=["reentry_example"])

    def once() -> None:
        tracer.start()
        with tracer.trace() as trace:
            sys.modules["reentry_example"].example(0)
        assert trace.lines() in ({"reentry_example.py": [3, 5]}, {})
        tracer.stop()

    def check() -> None:
        once()
        assert (tracer._starts, tracer._started, tracer._idle) == ([], {}, [])

    return Call(once, once, check)


def tracer_left_started() -> Call:
    """The handler starts a tracer, and nobody stops it before the end."""
    tracer = pykcov.Tracer(include=["reentry_example"])
    left = []

    def start() -> None:
        left.append(tracer.start())

    def check() -> None:
        assert len(tracer._starts) == len(left)
        assert bool(tracer._started) == bool(left)
        while left:
            left.pop()
            tracer.stop()
        assert (tracer._starts, tracer._started) == ([], {})

    def once() -> None:
        tracer.start()
        tracer.stop()

    return Call(once, start, check)


def trace_ended_by_the_handler() -> Call:
    """The handler ends the trace that the program is about to begin or to end."""
    open_traces: list[pykcov.FollowedTrace] = []

    def once() -> None:
        trace = pykcov.trace(follow=True, include=["reentry_example"])
        open_traces[:] = [trace]
        with trace:
            sys.modules["reentry_example"].example(1)

    return Call(once, lambda: [trace.end() for trace in open_traces])


def device_closed_by_the_handler() -> Call:
    devices: list[pykcov.Device] = []

    def once() -> None:
        with contextlib.suppress(pykcov.DeviceNotReadyError):
            device = pykcov.open()
            devices[:] = [device]
            device.set_buffer_size(100)
            device.enable()
            device.disable()
            device.close()

    return Call(once, lambda: [device.close() for device in devices], end=lambda: [d.close() for d in devices])


def same(call: Callable[[], None]) -> Callable[[], Call]:
    return lambda: Call(call, call)


def others(call: Callable[[], None], *again: Callable[[], None]) -> Callable[[], Call]:
    def handler() -> None:
        for other in again:
            with contextlib.suppress(*REFUSED):
                other()

    return lambda: Call(call, handler)


CALLS: dict[str, Callable[[], Call]] = {
    "device": same(device_life),
    "handle": same(handle_life),
    "group": same(group_life),
    "follow": same(follow_life),
    "trace": same(own_life),
    "hook": same(hook_life),
    "instrument": same(instrument_life),
    "skipped": lambda: Call(pykcov.skipped, pykcov.skipped),
    "tracer": tracer_calls,
    "tracer left started": tracer_left_started,
    "trace ended by the handler": trace_ended_by_the_handler,
    "device closed by the handler": device_closed_by_the_handler,
    "follow in others": others(device_life, follow_life, group_life),
    "others in follow": others(follow_life, hook_life, instrument_life, device_life, handle_life),
}


Point = tuple[CodeType, int]


def calling_at(point: Point | None, call: Callable[[], object], handler: Callable[[], object]) -> list[Point]:
    """Call `call`, and `handler` when it comes to a point; return all points before that."""
    passed: dict[Point, None] = {}
    calls: Counter[CodeType] = Counter()

    def enter(frame: FrameType, event: str, _: object) -> Any:
        calls[frame.f_code] += 1
        # Functions that are called for each function there is are not followed each time.
        if calls[frame.f_code] > 5 or not frame.f_globals.get("__name__", "").startswith("pykcov"):
            return None
        frame.f_trace = step  # before: 3.13 asks for events of instructions only of a frame that is traced
        frame.f_trace_opcodes = True
        return step

    def step(frame: FrameType, event: str, _: object) -> Any:
        if event == "opcode":
            here = frame.f_code, frame.f_lasti
            calls[frame.f_code] += here in passed
            if calls[frame.f_code] > 1000:
                frame.f_trace_opcodes = False  # in a loop
            passed[here] = None
            if here == point:
                sys.settrace(None)
                handler()
        return step

    # 3.12 has events of instructions only if some frame has asked for them by then.
    sys._getframe().f_trace_opcodes = True
    sys.settrace(enter)
    try:
        call()
    finally:
        sys.settrace(None)
    return list(passed)


@contextlib.contextmanager
def nothing_left() -> Iterator[None]:
    before = _core.live()
    yield
    gc.collect()
    assert _core.live() == before
    assert _core.attached() is None
    assert _core.sleepers() == 0


def main(name: str, many: int) -> None:
    example_module()
    call = CALLS[name]()
    call.call()
    call.again()
    call.check()
    points = calling_at(None, call.call, call.again)
    done = refused = 0
    with nothing_left():
        for point in points[:: max(1, len(points) // many)]:
            try:
                calling_at(point, call.call, call.again)
            except REFUSED:
                refused += 1
            call.check()
            done += 1
        call.end()
    print(done, refused)


@pytest.mark.parametrize("name", CALLS)
@pytest.mark.parametrize("many", [POINTS, pytest.param(1 << 30, marks=[pytest.mark.slow, pytest.mark.timeout(3600)])])
def test_a_call_may_come_at_each_instruction_of_another_one(name: str, many: int) -> None:
    command = [sys.executable, "-W", "ignore", str(HERE), name, str(many)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120 if many == POINTS else 3600)
    assert (done.returncode, done.stderr) == (0, "")
    points, refused = map(int, done.stdout.split())
    assert points > 3
    assert refused < points


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
