"""Runs a command with the kernel's coverage of each of its threads: of each system call, of what it forks, too.

Every thread has a device of its own. It is stopped at the beginning and the end of each system call: there its buffer
is emptied, so that no program is too long, and what was in it belongs to that call for certain.
"""

import os
import signal
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from pykcov import _core
from pykcov.kernel import linux, ptrace
from pykcov.kernel.buffer import KernelBuffer
from pykcov.kernel.calls import OTHER, PAGE_FAULT, is_fault
from pykcov.kernel.device import KernelDevice, driver
from pykcov.kernel.own_stops import OwnStops
from pykcov.kernel.system_call import SystemCall
from pykcov.kernel.system_calls import name_of_number
from pykcov.traces.records import COMPARISON_WORDS

_OUTSIDE = -1
_OPENAT, _IOCTL, _CLOSE, _AT_FDCWD = 257, 16, 3, -100
_PASSED_ON = (signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2)


@dataclass
class Recorded:
    """What a command did in the kernel."""

    calls: dict[str, SystemCall] = field(default_factory=dict)
    """By name: system calls, and PAGE_FAULT and OTHER for what lies between them."""
    threads: int = 1
    full: int = 0
    """How often a buffer was full before a stop."""
    untraced: list[tuple[int, str]] = field(default_factory=list)
    """Threads that got no device, and why."""
    exit_status: int = 0
    """That of the command, -N if signal N ended it."""


class _Thread:
    def __init__(self, buffer: KernelBuffer | None, records: bool = True) -> None:
        self.buffer = buffer
        self.records = records
        self.number = _OUTSIDE
        """Of the system call that it is in."""
        self.begins = False
        """Whether nothing of that call was taken yet."""
        self.entries: list[bytes] = []
        """Of the present call."""
        self.first_pc = 0


class CommandTracer:
    """Runs one command: it waits until run() is called."""

    def __init__(self, command: Sequence[str], mode: int, nmemb: int) -> None:
        """Record in TRACE_PC or TRACE_CMP; each thread has `nmemb` words, enough for its longest system call.

        Raises KcovError as pykcov.open() and the device do, and OSError (ENOSYS) on other machines than x86-64.
        """
        ptrace.check_machine()
        self._mode = mode
        self._width = COMPARISON_WORDS if mode == _core.TRACE_CMP else 1
        self._nmemb = nmemb
        self._driver_mode = linux.Linux.modes[mode]
        self._recorded = Recorded()
        self._stops = OwnStops(lambda pc: "")
        with KernelDevice(driver("linux")) as device:
            device.set_buffer_size(nmemb)
            # Until it has become the command what it does is not the command's.
            first = _Thread(device.mmap(), records=False)
            self._start(command, device)
        self._threads = {self._root: first}

    def run(self, function: Callable[[int], str]) -> Recorded:
        """Run the command until it and all that it has forked have ended; OSError if there is no such command.

        function: the name of the kernel's function that a pc lies in.
        """
        self._stops = OwnStops(function)
        former = {number: signal.signal(number, self._pass_on) for number in _PASSED_ON}
        former |= {number: signal.signal(number, signal.SIG_IGN) for number in (signal.SIGINT, signal.SIGQUIT)}
        try:
            ptrace.seize(self._root)
            os.close(self._go)
            while self._threads:
                self._step(*os.waitpid(-1, ptrace.WALL))
        finally:
            for number, handler in former.items():
                signal.signal(number, handler)
        with open(self._failed, encoding="utf-8") as stream:
            number_of_error, _, text = stream.read().partition(" ")
        if number_of_error:
            raise OSError(int(number_of_error), text)
        return self._recorded

    def _start(self, command: Sequence[str], device: KernelDevice) -> None:
        """Fork what will be the command when it is told to go on."""
        go_read, self._go = os.pipe()
        self._failed, failed_write = os.pipe()
        self._root = os.fork()
        if self._root == 0:
            try:
                os.close(self._go)
                os.read(go_read, 1)
                device.enable(self._mode)
                os.execvp(command[0], list(command))
            except OSError as error:
                os.write(failed_write, f"{error.errno} {command[0]}: {error.strerror}".encode())
            finally:
                os._exit(127)
        os.close(go_read)
        os.close(failed_write)

    def _pass_on(self, number: int, _: object) -> None:
        os.kill(self._root, number)

    def _step(self, tid: int, status: int) -> None:
        """Deal with one thread that has stopped or ended."""
        if not os.WIFSTOPPED(status):
            self._end(tid, status)
            return
        thread = self._threads.get(tid)
        stop, event = os.WSTOPSIG(status), status >> 16
        try:
            if thread is None:
                ptrace.resume(tid, self._begin(tid))
                return
            if event == ptrace.EVENT_STOP and stop != signal.SIGTRAP:
                ptrace.listen(tid)
                return
            if event == ptrace.EVENT_EXEC:
                thread.records = True
            self._take(thread)
            if stop == ptrace.SYSCALL_STOP:
                self._finish(thread)
                thread.begins = thread.number == _OUTSIDE
                thread.number = ptrace.registers(tid).orig_rax if thread.begins else _OUTSIDE
            ptrace.resume(tid, stop if event == 0 and stop != ptrace.SYSCALL_STOP else 0)
        except ProcessLookupError:
            pass  # killed meanwhile: its end is still to come

    def _begin(self, tid: int) -> int:
        """Give a new thread a device; return a signal that came meanwhile, 0 for none."""
        self._threads[tid] = _Thread(None)
        self._recorded.threads += 1
        try:
            stopped = ptrace.Stopped(tid)
        except OSError as error:
            self._recorded.untraced.append((tid, error.strerror or str(error)))
            return 0
        try:
            self._threads[tid] = _Thread(self._enabled(stopped))
        except OSError as error:
            self._recorded.untraced.append((tid, error.strerror or str(error)))
        stopped.done()
        return stopped.signals[0] if stopped.signals else 0

    def _enabled(self, stopped: ptrace.Stopped) -> KernelBuffer:
        """Have a thread open, enable and close a device; return its buffer."""
        with stopped.text(os.fsencode(driver("linux").path) + b"\0") as path:
            theirs = stopped.call(_OPENAT, _AT_FDCWD, path, os.O_RDWR | os.O_CLOEXEC)
        try:
            stopped.call(_IOCTL, theirs, linux.KCOV_INIT_TRACE, self._nmemb)
            ours = ptrace.take_descriptor(stopped.tid, theirs)
            try:
                buffer = KernelBuffer.from_driver(ours, self._nmemb)
            finally:
                os.close(ours)
            buffer.compares = self._width > 1
            stopped.call(_IOCTL, theirs, linux.KCOV_ENABLE, self._driver_mode)
        finally:
            # The thread refers to its device by itself now.
            stopped.call(_CLOSE, theirs)
        buffer.reset()
        return buffer

    def _take(self, thread: _Thread) -> None:
        """Take what a thread has recorded since its last stop."""
        if thread.buffer is None:
            return
        if thread.records:
            words, width = thread.buffer.words, self._width
            self._recorded.full += thread.buffer.full
            count = min(words[0], (self._nmemb - 1) // width)
            pcs = words[width : 1 + count * width : width]
            for first, last in self._stops.without(pcs, thread.begins):
                thread.first_pc = thread.first_pc or pcs[first]
                thread.entries.append(words[1 + first * width : 1 + last * width].tobytes())
        thread.begins = False
        thread.buffer.words[0] = 0

    def _finish(self, thread: _Thread) -> None:
        """A system call of a thread has ended, or what lay between two."""
        if thread.number != _OUTSIDE:
            name = name_of_number.get(thread.number, f"system call {thread.number}")
        elif thread.entries:
            name = PAGE_FAULT if is_fault(self._stops.function(thread.first_pc)) else OTHER
        else:
            return
        if thread.records:
            call = self._recorded.calls.setdefault(name, SystemCall(name, self._width))
            call.times += 1
            for entries in thread.entries:
                call.add(entries)
        thread.entries, thread.first_pc = [], 0

    def _end(self, tid: int, status: int) -> None:
        thread = self._threads.pop(tid, None)
        if thread is not None:
            self._take(thread)
            self._finish(thread)
        if tid == self._root:
            self._recorded.exit_status = os.waitstatus_to_exitcode(status)
