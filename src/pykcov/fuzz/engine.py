"""The engine: libFuzzer, with what a device records of each input.

The counter map of the device is what libFuzzer takes for its inline counters. Comparisons, which the device records
beside it, are given to libFuzzer after each input (fuzz/replay.h). The target works for a group of its own: threads and
tasks that it starts count, those that run in the background do not.

There are two devices with one map. As long as no input starts a thread, and there is none in the background, the thread
that fuzzes owns one. Else the other one, that of the group, follows it, which costs each event a little more.
"""

import sys
from array import array
from collections.abc import Callable, Sequence
from signal import SIG_DFL, SIGINT, default_int_handler, getsignal, signal
from typing import NoReturn

from pykcov import _core
from pykcov._exec import Unrecorded
from pykcov._records import records
from pykcov.device import Buffer, Device
from pykcov.fuzz import _engine, libfuzzer
from pykcov.fuzz.background import Background
from pykcov.fuzz.comparing import Comparing
from pykcov.fuzz.statistics import Statistics
from pykcov.remote import carriers
from pykcov.traces import locations

Target = Callable[[bytes], object]
Failed = Callable[[BaseException, bytes], int | None]
"""Told what the target raised, and with which input; returns None to go on, or an exit code."""

_COMPARING = _core.TRACE_CMP | _core.CMP_BYTES

# libFuzzer keeps 4096 tables of counters. Programs that import lazily for long get larger ones in the end.
_TABLES_OF_ANY_SIZE = 2048
_LARGE_TABLE = 4096


class Engine:
    """libFuzzer in this process, which it ends."""

    def __init__(self, background: Background, statistics: Statistics | None = None) -> None:
        """Load libFuzzer. Raises LibFuzzerMissingError.

        background: is told which groups inputs work for.
        """
        libfuzzer.load()
        self._background = background
        self.statistics = statistics or Statistics()
        self._device, self._buffer = _new_device()
        self._group_device, self._group_buffer = _new_device()
        self._counters = self._device.set_counters()
        self._group_device.set_counters(self._counters)
        self._tables = 0
        self._rounds = 0
        self.grew: Callable[[], object] = lambda: None
        """Called when there are more probes than before; not recorded."""

    def run(
        self,
        arguments: Sequence[str],
        target: Target,
        failed: Failed,
        *,
        started: Callable[[], object],
        behind: Callable[[bytes], int | None],
        imported: Callable[[], object],
        blind: Callable[[], object],
        done: Callable[[], object],
        words: list[bytes],
        limit: int = 0,
    ) -> NoReturn:
        """Run libFuzzer; `arguments` are its command line, whose first word is a command for the shell.

        started: called once, before the first input.
        behind: called when something happened behind the target; returns what `failed` does.
        imported: called when the number of imported modules has changed.
        blind: called once if many inputs have run, and none has reached a probe.
        done: called after `limit` executions; 0: never.
        words: what libFuzzer is to put into inputs; more may be added while it runs.

        It ends the process: with 0, or as libFuzzer does when something was found.
        """
        carriers.install(record=False)
        if getsignal(SIGINT) is default_int_handler:
            signal(SIGINT, SIG_DFL)  # libFuzzer's, then: with a report
        comparing = Comparing(self._counters)
        code = _engine.run(
            list(arguments),
            function=target,
            failed=failed,
            started=started,
            blind=blind,
            done=done,
            words=words,
            limit=limit,
            grown=self._grown,
            arrange=self._arrange,
            begin_round=_core.begin_round,
            find_quiet=comparing.find,
            interrupt_enter=_core.interrupt_enter,
            interrupt_leave=_core.interrupt_leave,
            probe_count=_core.probe_count,
            follow=_core.follow,
            group_variable=_core.group_variable,
            failures=self._background.failures,
            behind=behind,
            renew=self._background.renew,
            unraisable_hook=self._background.hook,
            imported=imported,
            buffer=self._buffer.words,
            counters=self._counters,
            statistics=self.statistics.memory,
        )
        sys.exit(code)

    # For a target that makes its own inputs (Harness.watch), while it runs.

    @property
    def counters(self) -> int:
        """How many places there may be."""
        return len(self._counters)

    def compare_afresh(self) -> None:
        """Have a sample of the comparisons from now on recorded."""
        self._rounds = self._rounds % 0xFFFFFFFF + 1
        _core.begin_round(self._rounds)

    def reached(self, seen: memoryview) -> int:
        """Return how many places the input reached, or reached more often, that is new to `seen`, and note it there."""
        return self._counters.reach(seen)

    def comparisons(self, most: int, closed: set[int]) -> dict[bytes, None]:
        """Return the records of at most so many comparisons of the input, each once; none of `closed` pcs."""
        return {**records(self._buffer.words, most, closed), **records(self._group_buffer.words, most, closed)}

    def keep_to_target(self, *, reached: bool) -> None:
        """Leave libFuzzer nothing of what the input has compared; nor of what it has reached, if so."""
        self._buffer.reset()
        self._group_buffer.reset()
        if reached:
            self._counters.reset()

    def _grown(self, first: int, end: int) -> bytes:
        """Return libFuzzer's table for the probes of these numbers: the address of each, and where functions begin."""
        with Unrecorded():
            self._tables += 1
            self.grew()
            table = array("Q")
            for pc, begins in locations.numbered(first, end):
                # It shows the address behind.
                table.extend((pc - 1 if pc else 0, int(begins)))
            if self._tables > _TABLES_OF_ANY_SIZE:
                end = min(first - first % _LARGE_TABLE + 2 * _LARGE_TABLE, len(self._counters))
                table.extend(0 for _ in range(2 * (end - first) - len(table)))
            return table.tobytes()

    def _arrange(
        self, before: _core.Group | None, anew: bool, following: bool, sampled: bool
    ) -> tuple[_core.Group, memoryview]:
        """Have the devices trace; return the group, a new one if `anew`, and the words of its device."""
        with Unrecorded():
            if self._device.state == "trace":
                self._device.disable()
            if before is not None:
                self._group_device.disable(wait=False)
                _core.unregister(_core.REMOTE_COMMON, before, wait=False)
            if self._group_device.state != "ready":
                # Somebody is still in a section of it.
                self._group_device.close(wait=False)
                self._group_device, self._group_buffer = _new_device()
                self._group_device.set_counters(self._counters)
            mode = _COMPARING | _core.CMP_SAMPLED if sampled else _COMPARING
            # Nothing of ours may refer to it: that somebody does tells that work has been left.
            group = _core.Group() if before is None or anew else before
            if before is not None and anew:
                self._background.begin(group.number, before.number, self.statistics.input())
            else:
                self._background.begin(group.number)
            token = _core.group_variable.set(group)
            try:
                self._group_device.remote_attach(follow=following)
                self._group_device.enable(mode)
            finally:
                _core.group_variable.reset(token)
            if not following:
                self._device.enable(mode)
            return group, self._group_buffer.words


def _new_device() -> tuple[Device, Buffer]:
    device = Device()
    device.set_buffer_size(_core.BUFFER_WORDS_MAX)
    return device, device.mmap()
