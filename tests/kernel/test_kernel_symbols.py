"""What kernel pcs stand for."""

import ctypes
import os
import subprocess
import sys
from pathlib import Path

import pytest

import pykcov

LIBC = ctypes.CDLL(None, use_errno=True)


def traced(call: object, mode: int = pykcov.TRACE_PC) -> "pykcov.Buffer":
    with pykcov.open("linux") as device:
        device.set_buffer_size(1 << 16)
        buffer = device.mmap()
        for _ in range(2):  # the first time there are page faults
            buffer.reset()
            device.enable(mode)
            call()  # type: ignore[operator]
            device.disable()
    return buffer


def test_reading_from_no_file_runs_what_the_source_says(vmlinux: str) -> None:
    places = pykcov.symbolize(traced(lambda: LIBC.read(-1, None, 0)).pcs())
    functions = {place.function for place in places}
    assert {"ksys_read", "__fdget_pos"} <= functions
    assert {place.file.rpartition("/")[2] for place in places if place.function == "ksys_read"} == {"read_write.c"}
    assert all(place.known and place.line for place in places)


def test_the_kernel_compares_the_descriptor_that_is_none(vmlinux: str) -> None:
    found = traced(lambda: LIBC.read(-1, None, 0), pykcov.TRACE_CMP).comparisons()
    assert any(0xFFFFFFFF in (one.operand1, one.operand2) and one.size == 4 for one in found)


def test_modules_have_files_and_lines(mailbox: str) -> None:
    places = pykcov.symbolize(traced(lambda: os.close(os.open(mailbox, os.O_RDWR))).pcs())
    found = {place.function: place for place in places if place.module == "pykcov_mailbox"}
    assert {"mailbox_open", "mailbox_release"} <= set(found)
    assert found["mailbox_open"].file.endswith("pykcov_mailbox.c")
    source = (Path(__file__).parent / "guest/module/pykcov_mailbox.c").read_text().splitlines()
    start = source.index("static int mailbox_release(struct inode *inode, struct file *file)") + 1
    assert start <= found["mailbox_release"].line <= start + 4


@pytest.mark.parametrize(
    ("vmlinux_is", "sentence"),
    [
        ("/nonexistent/vmlinux", "No such file or directory"),
        (sys.executable, "of another build"),
        ("/etc/hostname", "Magic number does not match"),
    ],
)
def test_a_vmlinux_that_will_not_do_is_said_and_functions_are_known_all_the_same(
    vmlinux: str, vmlinux_is: str, sentence: str
) -> None:
    program = f"""
import os, pykcov
from pykcov.kernel.locations import running
with pykcov.open("linux") as device:
    device.set_buffer_size(8192)
    buffer = device.mmap()
    device.enable()
    os.getppid()
    device.disable()
assert any(place.function.endswith("sys_getppid") for place in pykcov.symbolize(buffer.pcs()))
[remark] = running().remarks
assert {sentence!r} in remark, remark
assert {vmlinux_is!r} in remark and "PYKCOV_VMLINUX" in remark, remark
"""
    environment = {**os.environ, "PYKCOV_VMLINUX": vmlinux_is}
    subprocess.run([sys.executable, "-c", program], env=environment, check=True)
