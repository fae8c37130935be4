"""Handles, sections, groups and interrupts; waiting for sections, and what ends it."""

import contextvars
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from in_threads import hit, in_thread

import pykcov
from pykcov import _core, remote

HANDLE = (7, 8)


@pytest.fixture
def traced(device: pykcov.Device) -> Iterator[pykcov.Device]:
    """A device that traces for HANDLE."""
    remote.register(*HANDLE)
    device.remote_attach(*HANDLE)
    device.enable()
    yield device
    remote.unregister(*HANDLE, wait=False)


class Inside:
    """A thread that is in a section until it is let go."""

    def __init__(self, *handle: Any) -> None:
        self._entered = threading.Event()
        self._go = threading.Event()
        self._handle = handle
        self.thread = threading.Thread(target=self._run)
        self.thread.start()
        self._entered.wait()

    def _run(self) -> None:
        with remote.section(*self._handle):
            _core.record_pc(1)
            self._entered.set()
            self._go.wait()

    def let_go(self) -> None:
        self._go.set()
        self.thread.join()


def asleep(operation: Callable[[], Any]) -> threading.Thread:
    """Start `operation` in a thread and come back when it sleeps."""
    before = _core.sleepers()
    thread = threading.Thread(target=operation)
    thread.start()
    while _core.sleepers() == before:
        time.sleep(0.001)
    return thread


def test_a_section_records_into_the_device_of_its_handle(traced: pykcov.Device) -> None:
    def work() -> int | None:
        _core.record_pc(1)
        with remote.section(*HANDLE):
            _core.record_pc(2)
            inside = _core.attached()
        _core.record_pc(3)
        return inside

    assert in_thread(work) == traced.serial
    assert traced.mmap().pcs().tolist() == [2]


def test_the_group_is_carried_by_the_context(device: pykcov.Device) -> None:
    with pykcov.group() as mine:
        device.remote_attach()
        context = contextvars.copy_context()
    assert device.handle == (pykcov.REMOTE_COMMON, mine.number, True)
    device.enable()

    def work() -> None:
        with remote.section():
            _core.record_pc(5)

    in_thread(work)
    in_thread(lambda: context.run(work))
    assert device.mmap().pcs().tolist() == [5]


def test_groups_are_values_that_are_never_used_again() -> None:
    groups = [pykcov.Group() for _ in range(100)]
    assert len({group.number for group in groups} | {pykcov.current_group().number}) == 101
    assert pykcov.current_group() == pykcov.current_group() != groups[0]
    assert len({pykcov.current_group(), pykcov.current_group()}) == 1
    with pykcov.group(groups[0]) as inner:
        assert inner is groups[0]
        assert pykcov.current_group() == groups[0]
    assert pykcov.current_group() not in groups


def test_a_group_is_never_a_plain_number(device: pykcov.Device) -> None:
    group = pykcov.Group()
    remote.register(7, group)
    with pytest.raises(pykcov.InvalidValueError, match="not registered"):
        device.remote_attach(7, group.number)
    device.remote_attach(7, group)
    assert device.handle == (7, group.number, True)
    remote.unregister(7, group)


def test_no_other_object_passes_for_a_group() -> None:
    token = _core.group_variable.set("mine")  # type: ignore[arg-type]
    try:
        with pytest.raises(TypeError, match="not a Group"):
            pykcov.current_group()
        with pytest.raises(TypeError, match="not a Group"):
            remote.enter()
    finally:
        _core.group_variable.reset(token)


@pytest.mark.parametrize("handle", [(-1, 1), (1, -1), (2**64, 1), (1, 2**64), (10**50, -(10**50))])
def test_numbers_that_no_handle_has(device: pykcov.Device, handle: tuple[int, int]) -> None:
    for operation in (remote.register, remote.unregister, remote.enter, remote.leave):
        with pytest.raises(pykcov.InvalidValueError, match=r"0..2\*\*64-1"):
            operation(*handle)
    with pytest.raises(pykcov.InvalidValueError, match="not registered"):
        device.remote_attach(*handle)


@pytest.mark.parametrize("handle", [("1", 1), (1, "1"), (1.0, 1), (None, 1), (1, None)])
def test_ids_that_are_no_ids(handle: Any) -> None:
    for operation in (remote.register, remote.unregister, remote.enter, remote.leave):
        with pytest.raises(TypeError):
            operation(*handle)


def test_what_was_not_begun_can_be_ended() -> None:
    remote.leave()
    remote.leave(1, 2)
    remote.unregister(1, 2)
    _core.interrupt_leave()
    _core.thread_exit()
    remote.enter(1, 2)
    remote.leave(1, 3)
    remote.leave(1, 2)


def test_an_interrupt_is_not_recorded_unless_it_has_a_section(traced: pykcov.Device) -> None:
    with pykcov.open() as own:
        own.set_buffer_size(8)
        own.enable()
        with remote.interrupt():
            _core.record_pc(1)
            with remote.section(*HANDLE):
                _core.record_pc(2)
                assert _core.in_interrupt_section()
                assert traced.mmap().count == 0  # all of it, when the section ends
            with remote.interrupt():
                _core.record_pc(3)
        _core.record_pc(4)
        assert own.mmap().pcs().tolist() == [4]
    assert traced.mmap().pcs().tolist() == [2]


def test_an_interrupt_under_unique_records_each_place_once(device: pykcov.Device) -> None:
    probe = _core.probes([1 << 63])[0]
    device.remote_attach()
    device.enable(pykcov.TRACE_UNIQUE_PC)
    for _ in range(3):
        with remote.section():
            hit(probe)
        with remote.interrupt(), remote.section():
            hit(probe)
    device.disable()
    assert device.mmap().count == 1


def test_halt_stops_everything_and_both_switches_must_be_off(device: pykcov.Device) -> None:
    device.enable()
    pykcov.halt(True)
    pykcov.halt(True, debugger=True)
    _core.record_pc(1)
    pykcov.halt(False)
    _core.record_pc(2)
    pykcov.halt(False, debugger=True)
    _core.record_pc(3)
    device.disable()
    assert (device.mmap().pcs().tolist(), device.dropped) == ([3], 0)


@pytest.mark.parametrize("operation", ["disable", "close", "unregister"])
def test_it_waits_for_open_sections_without_the_gil(traced: pykcov.Device, operation: str) -> None:
    inside = Inside(*HANDLE)
    calls = {"disable": traced.disable, "close": traced.close, "unregister": lambda: remote.unregister(*HANDLE)}
    sleeper = asleep(calls[operation])
    assert traced.state == {"disable": "stopping", "close": "closed", "unregister": "trace"}[operation]
    inside.let_go()
    sleeper.join()
    assert traced.state == {"disable": "ready", "close": "closed", "unregister": "ready"}[operation]
    assert _core.sleepers() == 0


@pytest.mark.parametrize("operation", ["disable", "close", "unregister"])
def test_it_need_not_wait_and_the_last_to_leave_does_the_rest(traced: pykcov.Device, operation: str) -> None:
    inside = Inside(*HANDLE)
    calls = {
        "disable": lambda: traced.disable(wait=False),
        "close": lambda: traced.close(wait=False),
        "unregister": lambda: remote.unregister(*HANDLE, wait=False),
    }
    calls[operation]()
    assert traced.state == {"disable": "stopping", "close": "closed", "unregister": "trace"}[operation]
    inside.let_go()
    assert traced.state == {"disable": "ready", "close": "closed", "unregister": "ready"}[operation]
    left = {"disable": ["ready"], "close": ["none"], "unregister": []}[operation]
    assert [state for subsystem, id, _, state, _, _ in _core.handles() if (subsystem, id) == HANDLE] == left


def test_a_device_that_somebody_waits_for_can_be_closed(traced: pykcov.Device) -> None:
    inside = Inside(*HANDLE)
    sleepers = [asleep(traced.disable), asleep(traced.close)]
    inside.let_go()
    for sleeper in sleepers:
        sleeper.join()
    assert traced.state == "closed"


@pytest.mark.parametrize("operation", ["disable", "close", "unregister", "register"])
def test_a_signal_ends_the_wait_but_not_the_operation(traced: pykcov.Device, operation: str) -> None:
    class Alarm(Exception):
        pass

    def ring(*_: object) -> None:
        raise Alarm

    inside = Inside(*HANDLE)
    if operation == "register":
        remote.unregister(*HANDLE, wait=False)
    calls: dict[str, Callable[[], None]] = {
        "disable": traced.disable,
        "close": traced.close,
        "unregister": lambda: remote.unregister(*HANDLE),
        "register": lambda: remote.register(*HANDLE),
    }
    before = signal.signal(signal.SIGALRM, ring)
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.05)
        with pytest.raises(Alarm):
            calls[operation]()
    finally:
        signal.signal(signal.SIGALRM, before)
    assert _core.sleepers() == 0
    inside.let_go()
    after = {"disable": "ready", "close": "closed", "unregister": "ready", "register": "ready"}
    assert traced.state == after[operation]


def test_a_signal_handler_that_does_not_raise_does_not_end_the_wait(traced: pykcov.Device) -> None:
    inside = Inside(*HANDLE)
    rung = []

    def ring(*_: object) -> None:
        rung.append(_core.sleepers())
        threading.Thread(target=inside.let_go).start()

    before = signal.signal(signal.SIGALRM, ring)
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.05)
        traced.disable()
    finally:
        signal.signal(signal.SIGALRM, before)
    assert rung == [1]
    assert traced.state == "ready"
    inside.thread.join()


def test_garbage_does_not_wait_for_its_sections() -> None:
    before = _core.live()
    device = pykcov.open()
    device.set_buffer_size(8)
    with pykcov.group() as group:
        device.remote_attach()
    device.enable()
    buffer = device.mmap()
    inside = Inside(pykcov.REMOTE_COMMON, group)
    with pytest.warns(ResourceWarning):
        del device
    assert _core.live() != before
    inside.let_go()
    assert _core.live() == before
    assert buffer.pcs().tolist() == [1]


def test_common_attach_waits_until_the_old_handle_is_gone(device: pykcov.Device) -> None:
    with pykcov.group() as group:
        first = pykcov.open()
        first.set_buffer_size(8)
        first.remote_attach()
        first.enable()
        inside = Inside(pykcov.REMOTE_COMMON, group)
        first.close(wait=False)
        context = contextvars.copy_context()
    sleeper = asleep(lambda: context.run(device.remote_attach))
    inside.let_go()
    sleeper.join()
    assert device.handle == (pykcov.REMOTE_COMMON, group.number, True)


def test_a_section_around_a_fork_goes_on_in_the_parent_alone(traced: pykcov.Device) -> None:
    buffer = traced.mmap()
    with remote.section(*HANDLE):
        child = os.fork()
        if child == 0:
            _core.record_pc(1)
            ended = _core.attached() is None and _core.handles()[0][4] == 0
            os._exit(0 if ended else 1)
        assert os.waitpid(child, 0)[1] == 0
        _core.record_pc(2)
    assert buffer.pcs().tolist() == [2]
