"""The conformance kit: what a backend has to do, whoever's it is. Each test takes a Backend; it says what may differ.

A backend of your own is tested by a subclass of `Conformance` with a fixture `backend` (test_conformance.py).
"""

import os
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

import pykcov
from pykcov import (
    DeviceBusyError,
    DeviceNotReadyError,
    InvalidValueError,
    KcovError,
    NotOwnerError,
    UnknownRequestError,
)

Device = Any  # pykcov.Device or what is like it


@dataclass(frozen=True)
class Backend:
    """What is to be tested, and what is allowed to differ."""

    open: Callable[[], Device]
    run: Callable[[], object]
    """Does something that is recorded, in both modes: the same each time."""
    size: int
    """Words of a buffer that can be mapped, more than `run` needs."""
    largest: int
    unknown_size: int
    """A size that is refused, though it is no more than the largest."""
    exact_count: bool
    """Whether `run` records the same number of entries each time."""
    counts_losses: bool
    """Whether `dropped` is a number of entries; else 1 stands for some."""
    child_may_enable: bool
    """Whether a forked child may enable the device while the parent traces with it."""


def refused(call: Callable[[], object], kind: type[KcovError]) -> None:
    """The call is refused with this class, an errno, and a sentence that begins with the operation."""
    with pytest.raises(kind) as caught:
        call()
    assert type(caught.value) is kind
    assert caught.value.errno
    assert ": " in str(caught.value.strerror)


def in_thread(call: Callable[[], object]) -> object:
    """Call in another thread and return or raise what it did."""
    done: list[object] = []
    failed: list[BaseException] = []

    def body() -> None:
        try:
            done.append(call())
        except BaseException as error:
            failed.append(error)

    thread = threading.Thread(target=body)
    thread.start()
    thread.join()
    if failed:
        raise failed[0]
    return done[0]


class Conformance:
    """The tests."""

    @pytest.fixture
    def device(self, backend: Backend) -> Any:
        with backend.open() as device:
            yield device

    @pytest.fixture
    def ready(self, backend: Backend, device: Device) -> Device:
        device.set_buffer_size(backend.size)
        return device

    def test_state_and_size_say_where_the_device_is_in_its_life(self, backend: Backend) -> None:
        device = backend.open()
        assert (device.state, device.nmemb, device.mode) == ("none", 0, 0)
        device.set_buffer_size(backend.size)
        assert (device.state, device.nmemb, device.mode) == ("ready", backend.size, 0)
        device.enable(pykcov.TRACE_PC)
        state, mode = device.state, device.mode
        device.disable()
        assert (state, mode) == ("trace", pykcov.TRACE_PC)
        assert device.state == "ready"
        device.close()
        assert device.state == "closed"

    def test_pcs_are_recorded_between_enable_and_disable_only(self, backend: Backend, ready: Device) -> None:
        buffer = ready.mmap()
        backend.run()
        assert buffer.count == 0
        ready.enable(pykcov.TRACE_PC)
        backend.run()
        ready.disable()
        count = buffer.count
        assert 0 < count < backend.size
        ready.enable(pykcov.TRACE_PC)
        ready.disable()
        assert buffer.count == count
        backend.run()
        assert buffer.count == count
        assert len(buffer.pcs()) == count
        assert all(buffer.pcs())

    def test_the_same_work_records_the_same_places(self, backend: Backend, ready: Device) -> None:
        buffer = ready.mmap()
        seen = []
        for _ in range(4):
            buffer.reset()
            ready.enable(pykcov.TRACE_PC)
            backend.run()
            ready.disable()
            seen.append(buffer.pcs().tolist())
        if backend.exact_count:
            assert seen[1] == seen[2] == seen[3]
        else:
            assert set(seen[1]) & set(seen[2]) & set(seen[3])

    def test_comparisons_have_type_operands_and_pc(self, backend: Backend, ready: Device) -> None:
        buffer = ready.mmap()
        ready.enable(pykcov.TRACE_CMP)
        backend.run()
        ready.disable()
        entries = buffer.entries()
        assert len(entries) == buffer.count > 0
        assert all(kind < 8 and pc for kind, _, _, pc in entries.tolist())
        assert len(buffer.comparisons()) == len(entries)

    def test_the_count_is_in_the_users_hands(self, backend: Backend, ready: Device) -> None:
        buffer = ready.mmap()
        ready.enable(pykcov.TRACE_PC)
        backend.run()
        buffer.reset()
        ready.disable()
        after_reset = buffer.count
        ready.enable(pykcov.TRACE_PC)
        backend.run()
        ready.disable()
        assert buffer.count > after_reset
        buffer.words[0] = (1 << 64) - 1
        ready.enable(pykcov.TRACE_PC)
        ready.disable()

    def test_a_full_buffer_stops_the_count_and_is_said(self, backend: Backend, ready: Device) -> None:
        buffer = ready.mmap()
        assert buffer.dropped == ready.dropped == 0
        ready.enable(pykcov.TRACE_PC)
        for _ in range(backend.size):
            backend.run()
        ready.disable()
        assert buffer.count == backend.size - 1
        assert buffer.dropped == ready.dropped
        assert buffer.dropped > 1 if backend.counts_losses else buffer.dropped == 1

    def test_the_memory_outlives_the_device(self, backend: Backend) -> None:
        with backend.open() as device:
            device.set_buffer_size(backend.size)
            buffer = device.mmap()
            device.enable(pykcov.TRACE_PC)
            backend.run()
            device.disable()
            count = buffer.count
        assert buffer.count == count > 0
        words = buffer.words
        del buffer
        assert words[0] == count

    def test_sizes_that_cannot_be(self, backend: Backend, device: Device) -> None:
        for nmemb in (0, -1, backend.unknown_size, backend.largest + 1, 1 << 70):
            refused(lambda nmemb=nmemb: device.set_buffer_size(nmemb), InvalidValueError)
        assert device.state == "none"
        with pytest.raises(TypeError):
            device.set_buffer_size("512")
        device.set_buffer_size(backend.size)

    def test_a_second_size_is_refused(self, backend: Backend, ready: Device) -> None:
        refused(lambda: ready.set_buffer_size(backend.size), DeviceBusyError)
        assert ready.nmemb == backend.size

    def test_a_device_without_a_buffer_cannot_do_much(self, device: Device) -> None:
        refused(device.mmap, InvalidValueError)
        refused(device.enable, DeviceNotReadyError)
        refused(device.disable, NotOwnerError)
        refused(lambda: device.remote_attach(), DeviceNotReadyError)

    def test_modes_that_are_none(self, ready: Device) -> None:
        for mode in (0, 3, -1, 1 << 70):
            refused(lambda mode=mode: ready.enable(mode), InvalidValueError)
        assert ready.state == "ready"
        with pytest.raises(TypeError):
            ready.enable("pc")

    def test_a_thread_has_one_device(self, backend: Backend, ready: Device) -> None:
        with backend.open() as other:
            other.set_buffer_size(backend.size)
            ready.enable(pykcov.TRACE_PC)
            try:
                refused(lambda: other.enable(pykcov.TRACE_PC), DeviceBusyError)
                refused(lambda: ready.enable(pykcov.TRACE_PC), DeviceBusyError)
            finally:
                ready.disable()
            other.enable(pykcov.TRACE_PC)
            other.disable()

    def test_a_device_has_one_thread(self, ready: Device) -> None:
        ready.enable(pykcov.TRACE_PC)
        try:
            refused(lambda: in_thread(ready.enable), DeviceNotReadyError)
            refused(lambda: in_thread(ready.disable), NotOwnerError)
        finally:
            ready.disable()
        refused(ready.disable, NotOwnerError)

    def test_the_end_of_a_thread_frees_its_device(self, backend: Backend, ready: Device) -> None:
        buffer = ready.mmap()

        def body() -> None:
            ready.enable(pykcov.TRACE_PC)
            backend.run()

        in_thread(body)
        assert buffer.count > 0
        deadline = time.monotonic() + 60
        while ready.state != "ready" and time.monotonic() < deadline:
            time.sleep(0.01)  # join() returns before a thread is quite gone
        assert ready.state == "ready"
        ready.enable(pykcov.TRACE_PC)
        ready.disable()

    def test_two_threads_with_a_device_each_do_not_meet(self, backend: Backend) -> None:
        def body() -> list[int]:
            with backend.open() as device:
                device.set_buffer_size(backend.size)
                buffer = device.mmap()
                device.enable(pykcov.TRACE_PC)
                both.wait()
                backend.run()
                device.disable()
                pcs: list[int] = buffer.pcs().tolist()
                return pcs

        both = threading.Barrier(2)
        found: list[object] = []
        threads = [threading.Thread(target=lambda: found.append(body())) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert all(found)
        assert len(found) == 2

    def test_closing_ends_the_trace_of_the_calling_thread(self, backend: Backend, ready: Device) -> None:
        ready.enable(pykcov.TRACE_PC)
        ready.close()
        ready.close()
        with backend.open() as other:
            other.set_buffer_size(backend.size)
            other.enable(pykcov.TRACE_PC)
            other.disable()

    def test_a_closed_device_does_nothing(self, backend: Backend, device: Device) -> None:
        device.close()
        for call in (lambda: device.set_buffer_size(backend.size), device.mmap, device.enable, device.disable):
            refused(call, DeviceNotReadyError)
        refused(device.fileno, DeviceNotReadyError)
        refused(lambda: device.ioctl(1), DeviceNotReadyError)

    def test_an_unknown_request_is_enotty(self, device: Device) -> None:
        refused(lambda: device.ioctl(0x12345678), UnknownRequestError)

    def test_a_forked_child_is_not_traced(self, backend: Backend, ready: Device) -> None:
        buffer = ready.mmap()
        ready.enable(pykcov.TRACE_PC)
        child = os.fork()
        if child == 0:
            code = 1
            try:
                before = buffer.count
                backend.run()
                refused(ready.disable, NotOwnerError)
                code = 0 if buffer.count == before else 2
            finally:
                os._exit(code)
        status = os.waitpid(child, 0)[1]
        ready.disable()
        # The parent waited in a system call of its own; what ran meanwhile is the kernel's, or nothing.
        assert os.waitstatus_to_exitcode(status) in ((0, 2) if not backend.exact_count else (0,))

    def test_what_is_not_closed_is_closed_and_said(self, backend: Backend) -> None:
        device = backend.open()
        with pytest.warns(ResourceWarning, match="unclosed"):
            del device
