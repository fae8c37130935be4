"""Two processes append to one buffer: nothing is lost, or the second one is refused."""

import contextlib
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator

import pytest

import pykcov
from pykcov import _core

BORROWER = """
import sys, time
from pykcov import _core
from pykcov.device import Device
device = Device.borrow({})
device.enable()
print("ready", flush=True)
for line in sys.stdin:
    while time.monotonic() < float(line):
        pass
    _core.record_pc(2, {})
    print("done", flush=True)
"""
MANY = 80_000


class Borrower:
    """Another process that has borrowed the buffer of a device, and appends to it."""

    def __init__(self, fd: int) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-c", BORROWER.format(fd, MANY)],
            pass_fds=[fd],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._answer() == "ready\n"

    def _answer(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline()

    def begin(self, time: float) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(f"{time}\n")
        self._process.stdin.flush()

    def await_end(self) -> None:
        assert self._answer() == "done\n"

    def end(self) -> None:
        self._process.communicate()


@contextlib.contextmanager
def borrowing(device: pykcov.Device) -> Iterator[Borrower]:
    os.set_inheritable(device.fileno(), True)
    borrower = Borrower(device.fileno())
    try:
        yield borrower
    finally:
        borrower.end()


@pytest.fixture
def large() -> Iterator[pykcov.Device]:
    with pykcov.open() as device:
        device.set_buffer_size(pykcov.BUFFER_WORDS_MAX)
        yield device


def record_at_once(device: pykcov.Device, *borrowers: Borrower) -> None:
    """Check that all of what owner and borrowers record at the same time is there."""
    buffer = device.mmap()
    for _ in range(20):
        buffer.reset()
        begin = time.monotonic() + 0.01
        for borrower in borrowers:
            borrower.begin(begin)
        while time.monotonic() < begin:
            pass
        _core.record_pc(1, MANY)
        for borrower in borrowers:
            borrower.await_end()
        found = buffer.pcs().tolist()
        assert (len(found), found.count(1), device.dropped) == (MANY * (1 + len(borrowers)), MANY, 0)


def test_an_owner_that_was_enabled_afterwards_counts_with_the_borrower(large: pykcov.Device) -> None:
    with borrowing(large) as borrower:
        large.enable()
        record_at_once(large, borrower)
        large.disable()


def test_two_borrowers(large: pykcov.Device) -> None:
    with borrowing(large) as first, borrowing(large) as second:
        large.enable()
        record_at_once(large, first, second)
        large.disable()


def test_an_owner_that_counts_alone_is_not_lent_before_it_was_enabled_anew(large: pykcov.Device) -> None:
    large.enable()
    for _ in range(2):
        with pytest.raises(pykcov.DeviceBusyError, match="enable the device anew"):
            pykcov.Device.borrow(large.fileno())
    large.disable()
    large.enable()
    with borrowing(large) as borrower:
        record_at_once(large, borrower)
    large.disable()


def test_a_remote_device_is_lent_at_any_time(large: pykcov.Device) -> None:
    with pykcov.group():
        large.remote_attach()
        large.enable()
        with borrowing(large) as borrower:
            _core.enter()
            record_at_once(large, borrower)
            _core.leave()
        large.disable()


def test_an_owner_that_closed_while_it_traced_is_not_alone_for_ever(large: pykcov.Device) -> None:
    fd = os.dup(large.fileno())
    large.enable()
    closer = threading.Thread(target=large.close)
    closer.start()
    closer.join()
    assert large.state == "closed"
    pykcov.open().close()  # gives up what others have closed
    with pykcov.Device.borrow(fd) as borrowed:
        assert borrowed.nmemb == pykcov.BUFFER_WORDS_MAX
    os.close(fd)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_what_forked_counts_with_its_child_and_can_be_lent(large: pykcov.Device) -> None:
    large.enable()
    child = os.fork()
    if child == 0:
        with pykcov.Device.borrow(large.fileno()) as borrowed:
            borrowed.enable()
            _core.record_pc(2, MANY)
        os._exit(0)
    for _ in range(MANY // 100):
        _core.record_pc(1, 100)
    assert os.waitpid(child, 0)[1] == 0
    found = large.mmap().pcs().tolist()
    assert (found.count(1), found.count(2)) == (MANY, MANY)
    large.disable()


def test_what_cannot_be_borrowed_is_named(large: pykcov.Device) -> None:
    with open(os.devnull) as file, pytest.raises(pykcov.InvalidValueError, match="is not that of a device"):
        pykcov.Device.borrow(file.fileno())
    with pytest.raises(pykcov.KcovError, match="Bad file descriptor"):
        pykcov.Device.borrow(-1)
    with pykcov.open() as empty, pytest.raises(pykcov.InvalidValueError):
        pykcov.Device.borrow(empty.fileno())
