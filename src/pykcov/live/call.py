"""Has a process run code where sys.remote_exec() is not there yet: two functions are called in its main thread.

A thread may be anywhere when it is stopped, in the middle of an allocation or of a change to an object. So no Python
runs there, nothing is allocated or loaded, and no symbols are looked for: mmap() gives a page for the code, and
Py_AddPendingCall() has the main thread run that later, between two bytecodes.
"""

import ctypes
import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple

from pykcov.kernel import ptrace

_PATIENCE = 5.0
"""Seconds for a stop, or a call, of microseconds."""
_PAGE = 4096
_READ_WRITE, _PRIVATE_ANONYMOUS = 3, 0x22
_BELOW = 1024
"""Bytes below the stack pointer that may be in use: 128, says the ABI."""
_DIRECTION_AND_TRAP = 0x500
"""Flags of the processor that a function expects to be 0, and that we want to be."""

# It runs among the names of the main module, which may be anything. An exception would be raised wherever the thread
# is; that of Ctrl-C, in the middle of this, is the program's.
_CODE = """\
try:
    __import__("builtins").exec(CODE, {})
except __import__("builtins").KeyboardInterrupt:
    __import__("_thread").interrupt_main()
except:
    pass
"""


class CallError(Exception):
    """A process could not be had to run code; says why. It goes on as before."""


class _Mapping(NamedTuple):
    start: int
    end: int
    offset: int
    file: tuple[str, str]
    """Device and inode."""


def run_in(pid: int, code: str) -> None:
    """Have the main thread of process `pid` run `code`, in a namespace of its own, when it runs Python code again.

    Only that thread stops, for less than a millisecond. Raises CallError, and OSError: PermissionError if the kernel
    forbids it.
    """
    ptrace.check_machine("a process with a Python before 3.14 can be attached to")
    os.close(os.open(f"/proc/{pid}/mem", os.O_RDWR))  # PermissionError before anything is touched
    theirs = _mappings(pid)
    mmap = _address(ctypes.CDLL(None).mmap, "another C library", theirs)
    other = "no Python, or another build than this"
    add = _address(ctypes.pythonapi.Py_AddPendingCall, other, theirs)
    run = _address(ctypes.pythonapi.PyRun_SimpleString, other, theirs)
    text = (_CODE.replace("CODE", ascii(code)) + "\0").encode()
    size = -(-len(text) // _PAGE) * _PAGE
    with _stopped(pid) as call:
        page = call(mmap, 0, size, _READ_WRITE, _PRIVATE_ANONYMOUS, -1, 0)
        if page % _PAGE:
            raise CallError("it has no memory left")
        _write(pid, page, text)
        if call(add, run, page) & 0xFFFFFFFF:
            raise CallError("it has too much to do between two bytecodes already: try again")


@contextmanager
def _stopped(tid: int) -> Iterator[Callable[..., int]]:
    """Stop a thread; gives what calls a function in it, by address. It then goes on as if nothing had been."""
    try:
        ptrace.seize_thread(tid)
    except PermissionError as error:
        raise CallError("a debugger, strace or the like traces it already") from error
    ptrace.interrupt(tid)
    _wait(tid, lambda status: status >> 16 == ptrace.EVENT_STOP)
    try:
        before, extended = ptrace.registers(tid), ptrace.extended_state(tid)
        # If these could not be written back, they must not be changed.
        ptrace.set_extended_state(tid, extended)
        ptrace.set_registers(tid, before)
        try:
            yield lambda function, *arguments: _call(tid, before, function, arguments)
        finally:
            ptrace.set_extended_state(tid, extended)
            ptrace.set_registers(tid, before)
    finally:
        with suppress(ProcessLookupError):
            ptrace.detach(tid)


def _call(tid: int, before: ptrace.Registers, function: int, arguments: tuple[int, ...]) -> int:
    """Return what a function returns. It returns to address 0, where the thread stops."""
    now = ptrace.Registers.from_buffer_copy(before)
    now.rsp = ((before.rsp - _BELOW) & ~0xF) - 8
    now.rip, now.rax, now.orig_rax = function, 0, ctypes.c_ulong(-1).value
    now.eflags &= ~_DIRECTION_AND_TRAP
    for name, value in zip(("rdi", "rsi", "rdx", "rcx", "r8", "r9"), arguments, strict=False):
        setattr(now, name, ctypes.c_ulong(value).value)
    _write(tid, now.rsp, bytes(8))
    ptrace.set_registers(tid, now)
    ptrace.go_on(tid)
    _wait(tid, lambda status: status >> 8 == signal.SIGSEGV)
    after = ptrace.registers(tid)
    if after.rip:
        raise CallError(f"what was called there failed at {after.rip:#x}")
    return int(after.rax)


def _wait(tid: int, is_it: Callable[[int], bool]) -> None:
    """Wait for a stop; signals that come meanwhile are the thread's."""
    deadline = time.monotonic() + _PATIENCE
    while True:
        found, status = os.waitpid(tid, ptrace.WALL | os.WNOHANG)
        if not found:
            if time.monotonic() > deadline:
                ptrace.interrupt(tid)
                os.waitpid(tid, ptrace.WALL)
                raise CallError(f"it does not stop within {_PATIENCE:.0f} seconds")
            time.sleep(1e-5)
        elif not os.WIFSTOPPED(status):
            raise CallError("it has ended")
        elif is_it(status):
            return
        else:
            ptrace.go_on(tid, os.WSTOPSIG(status) if status >> 16 == 0 else 0)


def _write(pid: int, address: int, content: bytes) -> None:
    with open(f"/proc/{pid}/mem", "r+b", buffering=0) as memory:
        os.pwrite(memory.fileno(), content, address)


def _address(function: Any, otherwise: str, theirs: list[_Mapping]) -> int:
    """Return where a function of this process lies in the other one, which may have something else: `otherwise`."""
    here = ctypes.cast(function, ctypes.c_void_p).value or 0
    ours = next(one for one in _mappings(os.getpid()) if one.start <= here < one.end)
    for one in theirs:
        if one.file == ours.file and one.offset == ours.offset:
            return one.start + here - ours.start
    raise CallError(f"it runs {otherwise}: run pykcov with the Python that it runs")


def _mappings(pid: int) -> list[_Mapping]:
    found = []
    for line in Path(f"/proc/{pid}/maps").read_text("utf-8", "surrogateescape").splitlines():
        addresses, _, offset, device, inode = line.split()[:5]
        start, end = (int(one, 16) for one in addresses.split("-"))
        if inode != "0":
            found.append(_Mapping(start, end, int(offset, 16), (device, inode)))
    return found
