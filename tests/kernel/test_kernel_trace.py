"""One trace of a program and of the kernel that works for it."""

import os

import pytest

import pykcov
from pykcov.kernel.results import KernelCall


def calls_by_line(calls: list[KernelCall]) -> dict[str, int]:
    """The line that made each system call; the last one, if several did."""
    return {call.name: call.caller.line for call in calls if call.caller is not None}


def test_each_call_into_the_kernel_has_the_place_that_made_it(vmlinux: str) -> None:
    def program() -> None:
        file = os.open("/etc/hostname", os.O_RDONLY)
        os.read(file, 100)
        os.close(file)

    with pykcov.trace(kernel=True, include=[__name__]) as trace:
        program()
    first = program.__code__.co_firstlineno
    found = calls_by_line(trace.kernel_calls())
    assert found["openat"] == first + 1
    assert found["read"] == first + 2
    assert found["close"] == first + 3
    [read] = [call for call in trace.kernel_calls() if call.name == "read"]
    functions = {location.function for location in read.locations}
    assert {"ksys_read", "vfs_read"} <= functions
    assert all(location.module == "kernel" for location in read.locations)


def test_python_and_kernel_stand_in_one_order(vmlinux: str) -> None:
    def program() -> int:
        return os.getppid()

    with pykcov.trace(kernel=True, include=[__name__]) as trace:
        program()
        program()
    lines = trace.lines()
    kernel = [file for file in lines if file.endswith("kernel/sys.c")]
    assert lines[__file__]
    assert kernel
    # Each Python place comes before what it called, both times.
    modules = [place.module for place in trace.locations()]
    changes = [module for module, before in zip(modules, ["", *modules], strict=False) if module != before]
    assert changes[-4:] == [__name__, "kernel"] * 2
    assert [call.name for call in trace.kernel_calls()].count("getppid") == 2
    assert trace.dropped == 0


def test_comparisons_of_both_are_recorded(vmlinux: str) -> None:
    def program(number: int) -> None:
        if number == 31337:
            raise AssertionError
        with pytest.raises(OSError, match="Bad file"):
            os.read(12345, 1)

    with pykcov.trace("cmp", kernel=True, include=[__name__]) as trace:
        program(4711)
    operands = {(one.operand1, one.operand2) for one in trace.comparisons()}
    assert (31337, 4711) in operands
    assert any(12345 in pair for pair in operands)


def test_a_full_buffer_is_said(vmlinux: str) -> None:
    def program() -> pykcov.Trace:
        with pykcov.trace(kernel=True, include=[__name__], nmemb=100) as trace:
            for _ in range(20):
                os.stat("/etc/hostname")
        return trace

    with pytest.warns(pykcov.PykcovWarning, match="the buffer of 512 words was full"):
        trace = program()
    assert trace.dropped
    assert len(trace.pcs) == 511


def test_a_thread_that_is_traced_by_the_kernel_already_is_refused(vmlinux: str) -> None:
    with pykcov.open("linux") as device:
        device.set_buffer_size(512)
        device.enable()
        with pytest.raises(pykcov.DeviceBusyError, match="traced already"), pykcov.trace(kernel=True):
            pass
    with pykcov.trace(kernel=True, include=[__name__]) as trace:
        os.getppid()
    assert trace.kernel_calls()


def test_it_does_not_go_with_follow() -> None:
    with pytest.raises(ValueError, match="kernel=True records the calling thread"):
        pykcov.trace(follow=True, kernel=True)  # type: ignore[call-overload]
