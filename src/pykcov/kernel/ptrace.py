"""ptrace(2), as far as following a command, or calling a function of a process that runs, needs it.

Stops, registers, memory, and system calls made in the place of a thread.
"""

import ctypes
import os
import platform
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from errno import ENOSYS

WALL = 0x40000000
"""For waitpid(): threads, too."""

SYSCALL_STOP = signal.SIGTRAP | 0x80
EVENT_FORK, EVENT_VFORK, EVENT_CLONE, EVENT_EXEC, EVENT_STOP = 1, 2, 3, 4, 128

_CONT, _GETREGS, _SETREGS, _DETACH, _SYSCALL = 7, 12, 13, 17, 24
_GETREGSET, _SETREGSET, _SEIZE, _INTERRUPT, _LISTEN = 0x4204, 0x4205, 0x4206, 0x4207, 0x4208
_EXTENDED_STATE = 0x202
_EXTENDED_STATE_MAX = 1 << 16
"""Bytes; more than any processor has."""
# TRACESYSGOOD, FORK, VFORK, CLONE, EXEC, EXITKILL
_OPTIONS = 0x1 | 0x2 | 0x4 | 0x8 | 0x10 | 0x100000

_PIDFD_OPEN, _PIDFD_GETFD = 434, 438
# The instruction `syscall`.
_INSTRUCTION = b"\x0f\x05"

_libc = ctypes.CDLL(None, use_errno=True)
_libc.ptrace.restype = ctypes.c_long
_libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
_libc.syscall.restype = ctypes.c_long


class Registers(ctypes.Structure):
    """struct user_regs_struct of x86-64."""

    _fields_ = [
        (name, ctypes.c_ulong)
        for name in (
            *("r15", "r14", "r13", "r12", "rbp", "rbx", "r11", "r10", "r9", "r8", "rax", "rcx", "rdx", "rsi", "rdi"),
            *("orig_rax", "rip", "cs", "eflags", "rsp", "ss", "fs_base", "gs_base", "ds", "es", "fs", "gs"),
        )
    ]


class _Piece(ctypes.Structure):
    """struct iovec."""

    _fields_ = [("base", ctypes.c_void_p), ("length", ctypes.c_size_t)]


def check_machine(what: str = "commands are followed") -> None:
    """Raise OSError (ENOSYS), which says what is done on x86-64 only, where the registers are not known."""
    if platform.machine() != "x86_64":
        raise OSError(ENOSYS, f"{what} on x86-64 only, not on {platform.machine()}")


def seize(pid: int) -> None:
    """Trace a process and what it will fork; it dies with us. It stops."""
    _ptrace(_SEIZE, pid, 0, _OPTIONS)
    interrupt(pid)


def seize_thread(tid: int) -> None:
    """Trace one thread, which goes on after interrupt() or, if we end, where it is."""
    _ptrace(_SEIZE, tid, 0, 0)


def interrupt(tid: int) -> None:
    """Have a thread stop soon, with EVENT_STOP."""
    _ptrace(_INTERRUPT, tid, 0, 0)


def go_on(tid: int, number: int = 0) -> None:
    """Let a stopped thread run; deliver a signal."""
    _ptrace(_CONT, tid, 0, number)


def detach(tid: int) -> None:
    """Leave a stopped thread alone: it goes on."""
    _ptrace(_DETACH, tid, 0, 0)


def set_registers(tid: int, state: Registers) -> None:
    """Give a stopped thread other registers."""
    _ptrace(_SETREGS, tid, 0, ctypes.addressof(state))


def extended_state(tid: int) -> bytes:
    """Return the registers for floating point and vectors of a stopped thread, as the processor keeps them."""
    room = ctypes.create_string_buffer(_EXTENDED_STATE_MAX)
    piece = _Piece(ctypes.addressof(room), len(room))
    _ptrace(_GETREGSET, tid, _EXTENDED_STATE, ctypes.addressof(piece))
    return room.raw[: piece.length]


def set_extended_state(tid: int, state: bytes) -> None:
    """Give a stopped thread these registers."""
    room = ctypes.create_string_buffer(state, len(state))
    piece = _Piece(ctypes.addressof(room), len(room))
    _ptrace(_SETREGSET, tid, _EXTENDED_STATE, ctypes.addressof(piece))


def resume(tid: int, number: int = 0) -> None:
    """Let a stopped thread run to its next system call, or the end of the present one; deliver a signal."""
    _ptrace(_SYSCALL, tid, 0, number)


def listen(tid: int) -> None:
    """Leave a thread stopped as job control wants it."""
    _ptrace(_LISTEN, tid, 0, 0)


def registers(tid: int) -> Registers:
    """Return the registers of a stopped thread."""
    found = Registers()
    _ptrace(_GETREGS, tid, 0, ctypes.addressof(found))
    return found


class Stopped:
    """A thread that has just been forked or cloned, and makes system calls in our place before it runs."""

    def __init__(self, tid: int) -> None:
        """Its instruction pointer stands behind the `syscall` that made it; OSError if not."""
        self.tid = tid
        self.signals: list[int] = []
        """Signals that came meanwhile."""
        self._before = registers(tid)
        with open(f"/proc/{tid}/mem", "rb", buffering=0) as memory:
            if os.pread(memory.fileno(), 2, self._before.rip - 2) != _INSTRUCTION:
                raise OSError(ENOSYS, "it was not made by a system call that can be repeated")

    def call(self, number: int, *arguments: int) -> int:
        """Make a system call; OSError if it fails."""
        now = Registers.from_buffer_copy(self._before)
        now.rip -= 2
        now.rax = number
        now.orig_rax = ctypes.c_ulong(-1).value
        for name, value in zip(("rdi", "rsi", "rdx", "r10", "r8", "r9"), arguments, strict=False):
            setattr(now, name, ctypes.c_ulong(value).value)
        set_registers(self.tid, now)
        self._run_to_stop()
        self._run_to_stop()
        answer = ctypes.c_long(registers(self.tid).rax).value
        if -4096 < answer < 0:
            raise OSError(-answer, os.strerror(-answer))
        return answer

    @contextmanager
    def text(self, data: bytes) -> Iterator[int]:
        """Have bytes in its memory, below its stack; gives their address."""
        address = (self._before.rsp - 1024) & ~0xF
        with open(f"/proc/{self.tid}/mem", "r+b", buffering=0) as memory:
            former = os.pread(memory.fileno(), len(data), address)
            os.pwrite(memory.fileno(), data, address)
            try:
                yield address
            finally:
                os.pwrite(memory.fileno(), former, address)

    def done(self) -> None:
        """Have it go on where it was."""
        set_registers(self.tid, self._before)

    def _run_to_stop(self) -> None:
        while True:
            resume(self.tid)
            _, status = os.waitpid(self.tid, WALL)
            if not os.WIFSTOPPED(status):
                raise ProcessLookupError(f"thread {self.tid} has ended")
            if os.WSTOPSIG(status) == SYSCALL_STOP:
                return
            if status >> 16 == 0:
                self.signals.append(os.WSTOPSIG(status))


def take_descriptor(tid: int, descriptor: int) -> int:
    """Return a descriptor of ours for the open file that is `descriptor` in another process."""
    pidfd = _answer(_libc.syscall(_PIDFD_OPEN, thread_group(tid), 0))
    try:
        return _answer(_libc.syscall(_PIDFD_GETFD, pidfd, descriptor, 0))
    finally:
        os.close(pidfd)


def thread_group(tid: int) -> int:
    """Return the process that a thread is of."""
    with open(f"/proc/{tid}/status", encoding="utf-8", errors="replace") as lines:
        return next(int(line.split()[1]) for line in lines if line.startswith("Tgid:"))


def _ptrace(request: int, tid: int, address: int, data: int) -> int:
    return _answer(_libc.ptrace(request, tid, address, data))


def _answer(result: int) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return result
