"""The words of a device: mapped here, mapped elsewhere, and in the hands of whoever maps them."""

import mmap
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from in_threads import hit

import pykcov
from pykcov import _core

READ_ALL = """
import os, socket, sys, pykcov
_, descriptors, _, _ = socket.recv_fds(socket.socket(fileno=int(sys.argv[1])), 1, 1)
buffer = pykcov.Buffer.from_fd(descriptors[0])
os.close(descriptors[0])
print(buffer.pcs().tolist(), buffer.dropped, buffer.mode, buffer.pid, buffer.nmemb, buffer.writable)
"""


# A try counts only if the look came so soon after the reset that new events cannot have made up for it.
RESET_OFTEN = """
import sys, time, pykcov
buffer = pykcov.Buffer.from_fd(int(sys.argv[1]), writable=True)
tries = lost = 0
while tries < 30:
    before = buffer.count
    start = time.perf_counter_ns()
    buffer.reset()
    after = buffer.count
    if 100_000 < before < 250_000 and time.perf_counter_ns() - start < 100_000:
        tries += 1
        lost += after >= before
    while buffer.count < 110_000:
        pass
print(lost)
"""


def test_words_are_a_view_of_the_memory(device: pykcov.Device) -> None:
    buffer = device.mmap()
    words = buffer.words
    assert (words.format, words.itemsize, len(words), words.readonly) == ("Q", 8, 64, False)
    device.enable()
    _core.record_pc(5)
    device.disable()
    assert words[:3].tolist() == [1, 5, 0]
    words[0] = 2**64 - 1
    assert buffer.count == 2**64 - 1
    buffer.reset()
    assert words[0] == 0


def test_a_view_outlives_buffer_and_device() -> None:
    with pykcov.open() as device:
        device.set_buffer_size(8)
        words = device.mmap().words
        device.enable()
        _core.record_pc(5)
    assert words.tolist() == [1, 5, 0, 0, 0, 0, 0, 0]


@pytest.mark.parametrize("poked", [63, 64, 2**31, 2**63 - 1, 2**63, 2**64 - 2, 2**64 - 1])
@pytest.mark.parametrize("mode", [pykcov.TRACE_PC, pykcov.TRACE_CMP, pykcov.TRACE_UNIQUE_PC])
def test_no_count_makes_it_write_outside(device: pykcov.Device, poked: int, mode: int) -> None:
    buffer = device.mmap()
    with mmap.mmap(device.fileno(), 0) as whole:
        device.enable(mode)
        before = whole[:]
        buffer.words[0] = poked
        _core.record_pc(5)
        _core.record_cmp(8, False, 1, 2, 3)
        hit(_core.probes([1 << 63])[0])
        device.disable()
        assert whole[8:4096] == before[8:4096]
    assert buffer.count == poked
    assert buffer.dropped == {pykcov.TRACE_PC: 2, pykcov.TRACE_CMP: 1, pykcov.TRACE_UNIQUE_PC: 1}[mode]
    assert len(buffer.pcs()) == 63  # what a poked count says is not trusted by readers either


def test_the_memfd_cannot_be_cut_off_under_our_feet(device: pykcov.Device) -> None:
    for size in (0, 4096, 1 << 20):
        with pytest.raises(PermissionError):
            os.ftruncate(device.fileno(), size)
    assert not os.get_inheritable(device.fileno())


def test_another_process_reads_a_descriptor_that_it_was_sent(device: pykcov.Device) -> None:
    device.enable()
    _core.record_pc(7, 65)
    device.disable()
    ours, theirs = socket.socketpair()
    with ours, theirs:
        socket.send_fds(ours, [b"x"], [device.fileno()])
        answer = subprocess.run(
            [sys.executable, "-c", READ_ALL, str(theirs.fileno())],
            pass_fds=[theirs.fileno()],
            capture_output=True,
            text=True,
            check=True,
        )
    assert answer.stdout == f"{[7] * 63} 2 1 {os.getpid()} 64 False\n"


def test_every_entry_is_there_after_sigkill(device: pykcov.Device) -> None:
    buffer = device.mmap()
    child = os.fork()
    if child == 0:
        device.enable()
        for pc in range(10):
            _core.record_pc(pc)
        os.kill(os.getpid(), signal.SIGKILL)
    os.waitpid(child, 0)
    with pykcov.Buffer.from_fd(device.fileno()).words as words:
        assert words[:11].tolist() == [10, *range(10)]
    assert (buffer.pid, buffer.tid) == (child, child)
    assert device.state == "ready"


def test_read_only_is_read_only(device: pykcov.Device) -> None:
    buffer = pykcov.Buffer.from_fd(device.fileno())
    assert not buffer.writable
    assert buffer.words.readonly
    with pytest.raises(pykcov.NotOwnerError, match="read-only"):
        buffer.reset()
    with pytest.raises(TypeError):
        buffer.words[0] = 1
    assert not np.frombuffer(buffer.words, np.uint64).flags.writeable


def test_writable_from_a_descriptor_is_the_same_memory(device: pykcov.Device) -> None:
    there = pykcov.Buffer.from_fd(device.fileno(), writable=True)
    device.mmap().words[3] = 99
    assert there.words[3] == 99
    there.words[0] = 5
    there.reset()
    assert device.mmap().count == 0


def test_what_is_no_buffer_of_a_device_is_refused(tmp_path: Path) -> None:
    unsealed = os.memfd_create("kcov", os.MFD_ALLOW_SEALING)
    os.ftruncate(unsealed, 8192)
    with (tmp_path / "file").open("w+b") as file, pykcov.open() as empty:
        file.truncate(8192)
        for descriptor in (unsealed, file.fileno(), empty.fileno()):
            with pytest.raises(pykcov.InvalidValueError, match=f"descriptor {descriptor} "):
                pykcov.Buffer.from_fd(descriptor)
    os.close(unsealed)
    with pytest.raises(pykcov.KcovError, match="Bad file descriptor"):
        pykcov.Buffer.from_fd(unsealed)


@pytest.mark.parametrize("nmemb", [0, 513, 2**63, 2**64 - 1])
def test_a_forged_information_page_is_refused(device: pykcov.Device, nmemb: int) -> None:
    with mmap.mmap(device.fileno(), 0) as whole:
        whole[4096 + 16 : 4096 + 24] = nmemb.to_bytes(8, "little")
        with pytest.raises(pykcov.InvalidValueError):
            pykcov.Buffer.from_fd(device.fileno())
        assert device.nmemb == device.mmap().nmemb == 64


def test_there_is_nothing_to_map_before_there_is_a_buffer() -> None:
    with pykcov.open() as device, pytest.raises(pykcov.InvalidValueError, match="set_buffer_size"):
        device.mmap()


def test_a_reset_by_another_process_holds_while_events_arrive() -> None:
    with pykcov.open() as device:
        device.set_buffer_size(pykcov.BUFFER_WORDS_MAX)
        resetter = subprocess.Popen(
            [sys.executable, "-c", RESET_OFTEN, str(device.fileno())],
            pass_fds=[device.fileno()],
            stdout=subprocess.PIPE,
        )
        device.enable()
        while resetter.poll() is None:
            _core.record_pc(1, 100_000)
        device.disable()
        assert resetter.communicate()[0] == b"0\n"
