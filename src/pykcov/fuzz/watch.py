"""Keeps the limits of a process that fuzzes, from outside, whatever the target does to signals, timers and threads.

libFuzzer keeps them, too, and says more when it does. It is let go first; what it has not ended by then is told to end,
and at last killed, with all that it has started.
"""

import os
import select
import signal
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import IO, NamedTuple, Protocol

from pykcov.fuzz.statistics import Statistics

TIMEOUT = "timeout"
MEMORY = "out-of-memory"
TOTAL = "total time"

_TICK = 0.2
_DUMP_HEAD = 1 << 20
_PAGE = os.sysconf("SC_PAGE_SIZE")

_TIME_TO_END = 5
"""Seconds, after a crash or an interrupt."""
_LATE = 0.3
"""Seconds by which an input may be late: libFuzzer looks now and then."""
_LATE_BETWEEN = 30
"""The same, if no input runs: libFuzzer, or the mutator of the harness, is at work."""
_MUCH = 1.25
"""What takes so much more memory than it may take is not let go on."""

_Step = tuple[signal.Signals | None, float]
"""A signal, and the seconds to wait for what it does."""
_STEPS: dict[str, Sequence[_Step]] = {
    # libFuzzer's alarm, then the stacks alone (fuzz/memory.c).
    TIMEOUT: ((signal.SIGALRM, 1), (signal.Signals(signal.SIGRTMAX), 0.5), (signal.SIGKILL, 60)),
    # libFuzzer looks once a second.
    MEMORY: ((None, 1.5), (signal.Signals(signal.SIGRTMAX), 0.5), (signal.SIGKILL, 60)),
    TOTAL: ((None, 1), (signal.SIGTERM, 2), (signal.SIGKILL, 60)),
}


class Process(Protocol):
    """A process to watch: subprocess.Popen, or Forked."""

    @property
    def pid(self) -> int:
        """Its id, which is nobody else's until it was waited for."""

    def wait(self) -> int:
        """Wait for it and return its exit code, a signal's number as a negative one."""

    def send_signal(self, number: int) -> None:
        """Send it a signal. ProcessLookupError if there is no such process."""


class Forked:
    """A process that was forked, here or by another process."""

    def __init__(self, pid: int, reap: Callable[[int], int]) -> None:
        """Take it; reap: waits for the process of an id, and returns its exit code."""
        self.pid = pid
        self._reap = reap
        self._status: int | None = None

    def wait(self) -> int:
        """Return its exit code, a signal's number as a negative one."""
        if self._status is None:
            self._status = self._reap(self.pid)
        return self._status

    def send_signal(self, number: int) -> None:
        """Send it a signal. ProcessLookupError if it was waited for."""
        if self._status is not None:
            raise ProcessLookupError(self.pid)
        os.kill(self.pid, number)


class Limits(NamedTuple):
    """What the flags of libFuzzer allow."""

    timeout: float
    """Seconds for an input; 0: any time."""
    memory: int
    """Bytes for a process; 0: any number."""
    end: float
    """When the campaign is over, as time.monotonic() tells it; 0: never."""


class Ended(NamedTuple):
    """How a process has ended."""

    status: int
    limit: str
    """Which limit it was ended for: TIMEOUT, MEMORY or TOTAL; empty: for none, as far as is known here."""
    input: bytes
    """What ran when that was seen, or else when it ended."""


def limits_of(arguments: Sequence[str], began: float) -> Limits:
    """Return what the flags on a command line of libFuzzer say. The last one of a name counts."""
    values = {"-timeout": 1200, "-rss_limit_mb": 2048, "-max_total_time": 0}
    for argument in arguments:
        flag, _, value = argument.partition("=")
        if flag in values and value.isdigit():
            values[flag] = int(value)
    total = values["-max_total_time"]
    return Limits(values["-timeout"], values["-rss_limit_mb"] << 20, began + total if total else 0)


class Watch:
    """Waits for one process, and ends it when it must end."""

    def __init__(self, process: Process, dump: IO[bytes], statistics: Statistics, limits: Limits) -> None:
        """Take what to watch.

        dump: where its stacks are written.
        statistics: what it shares with us.
        """
        self._process = process
        self._dump = dump
        self._statistics = statistics
        self._limits = limits
        self._last = (0, time.monotonic())
        self._seen_crash = self._told_to_end = 0.0
        self._descriptor = os.pidfd_open(process.pid)
        self._ended = select.poll()
        self._ended.register(self._descriptor, select.POLLIN)

    def wait(self, interrupted: Callable[[], int]) -> Ended:
        """Wait until it has ended, or has been ended.

        interrupted: returns the signal that the user ends all by, and 0 before.
        """
        limit, data = "", None
        try:
            while not self._ends_within(_TICK):
                limit = self._limit()
                if limit:
                    data = self._statistics.input()
                    self._end_for(limit)
                    break
                if self._is_stuck(interrupted()):
                    self._kill()
        finally:
            os.close(self._descriptor)
        status = self._process.wait()
        return Ended(status, limit, self._statistics.input() if data is None else data)

    def _ends_within(self, seconds: float) -> bool:
        return bool(self._ended.poll(seconds * 1000))

    def _limit(self) -> str:
        """Return the limit that is passed."""
        now, snapshot = time.monotonic(), self._statistics.snapshot()
        if self._limits.end and now > self._limits.end:
            return TOTAL
        if self._limits.memory and self._memory() > self._limits.memory:
            return MEMORY
        if not self._limits.timeout:
            return ""
        if snapshot.running:
            return TIMEOUT if now - snapshot.started / 1e9 > self._limits.timeout + _LATE else ""
        if snapshot.executions != self._last[0]:
            self._last = (snapshot.executions, now)
        late = max(_LATE_BETWEEN, self._limits.timeout)
        return TIMEOUT if snapshot.executions and now - self._last[1] > late else ""

    def _end_for(self, limit: str) -> None:
        """End it for a limit. It may not come back: what is done to end it may be what woke it up."""
        for number, seconds in _STEPS[limit]:
            if number == signal.SIGKILL:
                self._kill()
            elif number is not None:
                if number != signal.SIGTERM and not _catches(self._process.pid, number):
                    continue  # the target has taken away what was to hear it
                with suppress(ProcessLookupError):
                    os.kill(self._process.pid, number)
            elif limit == MEMORY and self._memory() > self._limits.memory * _MUCH:
                continue
            if self._ends_within(seconds):
                return

    def _memory(self) -> int:
        """Return how much memory that process takes which takes most."""
        most = 0
        for process in family(self._process.pid):
            with suppress(OSError, IndexError), open(f"/proc/{process}/statm", encoding="ascii") as file:
                most = max(most, int(file.read().split()[1]) * _PAGE)
        return most

    def _is_stuck(self, interrupt: int) -> bool:
        """Whether it has crashed, or was told to end, and does not end.

        What ends a process that crashed allocates memory, and the heap may be broken and locked.
        """
        now = time.monotonic()
        if not self._seen_crash and b"Fatal Python error" in os.pread(self._dump.fileno(), _DUMP_HEAD, 0):
            self._seen_crash = now
        if interrupt and not self._told_to_end:
            self._told_to_end = now
        times = [each for each in (self._seen_crash, self._told_to_end) if each]
        return bool(times) and now - min(times) > _TIME_TO_END

    def _kill(self) -> None:
        kill(family(self._process.pid))


def _catches(process: int, number: int) -> bool:
    """Whether a process has a handler for a signal."""
    with suppress(OSError), open(f"/proc/{process}/status", encoding="ascii", errors="replace") as file:
        caught = next(line for line in file if line.startswith("SigCgt:"))
        return bool(int(caught.split()[1], 16) >> (number - 1) & 1)
    return False


def family(process: int) -> list[int]:
    """Return a process and all that it has started which are still below it."""
    found = [process]
    for each in found:
        found += children(each)
    return found


def children(process: int) -> list[int]:
    """Return the processes that one has started."""
    found: list[int] = []
    with suppress(OSError):
        for thread in os.listdir(f"/proc/{process}/task"):
            with suppress(OSError), open(f"/proc/{process}/task/{thread}/children", encoding="ascii") as file:
                found += map(int, file.read().split())
    return found


def kill(processes: Sequence[int]) -> None:
    """Kill processes, those that have gone already excepted."""
    for process in processes:
        with suppress(ProcessLookupError):
            os.kill(process, signal.SIGKILL)
