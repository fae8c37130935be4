"""What a program does while it runs, from the buffers of its threads: they are shared memory."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import NamedTuple

from pykcov._core import Buffer
from pykcov.once.log import read_log
from pykcov.program.buffers import Buffers
from pykcov.program.process import LOG, Process, Recorded
from pykcov.reports._comparisons import is_match
from pykcov.traces.locations import Location
from pykcov.traces.pcs import is_python
from pykcov.traces.records import COMPARISON_WORDS, Comparison, comparison_of, records_in
from pykcov.traces.texts import printable, shown

_RECORDS = 5000
"""Comparisons of a thread that a sample looks at; what comes behind them, the next one does."""
_RECENT = 50
"""Lines, and places of comparisons, that are kept for who looks."""

_STATES = {"R": "running", "S": "waiting", "D": "waiting (disk)", "T": "stopped", "t": "stopped", "I": "waiting"}


class ThreadNow(NamedTuple):
    """A thread that has recorded something."""

    process: int
    """Its index in Sample.processes."""
    name: str
    native_id: int
    state: str
    """'running', 'waiting', 'stopped' or 'ended'."""
    place: str
    """What it recorded last: 'file:line function'; '' if nothing."""
    entries: int
    new: int
    """Entries since the last sample."""
    dropped: int


class ProcessNow(NamedTuple):
    """A process that runs the program or that it started."""

    pid: int
    name: str
    """What the program calls it, else ''."""
    command: str
    state: str
    """'running', or how it ended."""


class NewLine(NamedTuple):
    """A line that ran for the first time, in whatever thread."""

    place: str
    function: str
    thread: str


class Unmatched(NamedTuple):
    """A place where something was compared and never found equal."""

    place: str
    op: str
    operands: tuple[str, str]
    """The last ones, as Python writes them."""
    times: int


@dataclass(frozen=True)
class Sample:
    """What there is at one moment."""

    seconds: float
    """Since the first sample."""
    elapsed: float
    """Since the last sample."""
    processes: Sequence[ProcessNow]
    threads: Sequence[ThreadNow]
    lines: int
    """That have run, or 0 of comparisons."""
    known: int
    """Lines that could run, of modules that have been imported."""
    new_lines: int
    """Since the last sample."""
    recent: Sequence[NewLine]
    """The last ones, the newest first."""
    unmatched: Sequence[Unmatched]
    """The last ones, the newest first."""

    @property
    def dropped(self) -> int:
        """Entries of all threads that did not fit into their buffers."""
        return sum(thread.dropped for thread in self.threads)


@dataclass
class _Thread:
    """A thread, and how far it was looked at."""

    process: int
    name: str
    native_id: int
    buffer: Buffer | None
    """None if it has ended."""
    entries: int = 0
    looked_at: int = 0
    dropped: int = 0
    last: int = 0
    """The pc of the last entry."""


@dataclass
class _Place:
    times: int = 0
    has_matched: bool = False
    last: Comparison | None = None


@dataclass
class _Seen:
    """What is put together of all threads."""

    pcs: list[set[int]] = field(default_factory=list)
    """Of each process."""
    lines: set[tuple[str, int]] = field(default_factory=set)
    recent: list[NewLine] = field(default_factory=list)
    compared: dict[tuple[int, int, str], _Place] = field(default_factory=dict)
    """By index of the process, pc and operation, the last ones last."""


class Sampler:
    """Looks at the buffers of a run again and again; from one thread."""

    def __init__(self, buffers: Buffers, is_comparing: bool) -> None:
        """Begin with nothing seen."""
        self._buffers = buffers
        self._is_comparing = is_comparing
        self._threads: dict[tuple[int, int], _Thread] = {}
        self._known: set[tuple[str, int]] = set()
        self._located = 0
        self._seen = _Seen()
        self._began = self._last = time.monotonic()

    def forget(self) -> None:
        """Have the threads record from nothing again, and count likewise."""
        self._buffers.forget()
        self._seen = _Seen()
        for thread in self._threads.values():
            thread.entries = thread.looked_at = 0

    def sample(self) -> Sample:
        """Return what there is now."""
        now = time.monotonic()
        elapsed, self._last = now - self._last, now
        lines = len(self._seen.lines)
        # Only what must not change meanwhile: the process that collects waits for this.
        with self._buffers.lock:
            processes = list(self._buffers.processes)
            recording = [process.recording() for process in processes]
            recorded = [process.recorded() for process in processes]
        self._seen.pcs += [set() for _ in processes[len(self._seen.pcs) :]]
        before = {key: thread.entries for key, thread in self._threads.items()}
        for index, buffers in enumerate(recording):
            for key, ((name, _, native_id), buffer) in buffers.items():
                if (index, key) not in self._threads:
                    self._threads[index, key] = _Thread(index, name, native_id, buffer)
        for index, ended in enumerate(recorded):
            for key, one in ended.items():
                if (index, key) not in self._threads and key != LOG:
                    self._threads[index, key] = self._ended(processes[index], index, one)
        for (index, key), thread in self._threads.items():
            if thread.buffer is not None:
                self._look(processes[index], thread, thread.buffer)
                if key not in recording[index]:
                    thread.buffer = None
        for index, process in enumerate(processes):
            self._look_at_log(index, process, recorded[index].get(LOG))
        self._know_lines()
        del self._seen.recent[:-_RECENT]
        return Sample(
            seconds=now - self._began,
            elapsed=elapsed,
            processes=[_process_now(process) for process in processes],
            threads=[
                self._thread_now(processes[thread.process], thread, thread.entries - before.get(key, 0))
                for key, thread in self._threads.items()
            ],
            lines=len(self._seen.lines),
            known=len(self._known),
            new_lines=len(self._seen.lines) - lines,
            recent=self._seen.recent[::-1],
            unmatched=list(islice(self._unmatched(processes), _RECENT)),
        )

    def _look(self, process: Process, thread: _Thread, buffer: Buffer) -> None:
        words = buffer.words
        width = COMPARISON_WORDS if self._is_comparing else 1
        count = min(words[0], (len(words) - 1) // width)
        if count < thread.looked_at:
            thread.looked_at = 0  # somebody has set word 0
        thread.entries, thread.dropped = count, buffer.dropped
        fresh = words[1 + thread.looked_at * width : 1 + count * width]
        if not fresh:
            return
        if self._is_comparing:
            thread.looked_at += self._compare(process, thread, fresh)
        else:
            pcs = fresh.tolist()
            while pcs and not pcs[-1]:
                pcs.pop()  # it is counted, but not written yet
            thread.looked_at += len(pcs)
            thread.last = pcs[-1] if pcs else thread.last
            self._run(process, thread, pcs)

    def _ended(self, process: Process, index: int, one: Recorded) -> _Thread:
        """Take what a thread has recorded that has begun and ended since the last sample."""
        thread = _Thread(index, one.name, one.native_id, None, dropped=one.dropped)
        fresh = memoryview(one.words).cast("Q")
        if self._is_comparing:
            thread.entries = len(fresh) // COMPARISON_WORDS
            self._compare(process, thread, fresh)
        elif fresh:
            thread.entries = len(fresh)
            thread.last = fresh[-1]
            self._run(process, thread, fresh.tolist())
        return thread

    def _look_at_log(self, index: int, process: Process, recorded: Recorded | None) -> None:
        """In mode once all threads of a process have one log; `recorded` is what is left of it at the end."""
        log = process.log
        if log is not None:
            pcs = list(read_log(log))
        elif recorded is not None:
            pcs = memoryview(recorded.words).cast("Q").tolist()
        else:
            return
        thread = self._threads.setdefault((index, LOG), _Thread(index, "all threads", 0, None))
        if len(pcs) > thread.looked_at:
            self._run(process, thread, pcs[thread.looked_at :])
            thread.entries = thread.looked_at = len(pcs)
            thread.last = pcs[-1]

    def _run(self, process: Process, thread: _Thread, pcs: list[int]) -> None:
        """Take what has run."""
        seen = self._seen.pcs[thread.process]
        for pc in dict.fromkeys(pcs):
            if pc in seen:
                continue
            place = self._buffers.location(process, pc)
            if place is None:
                continue  # native code, or told too late
            seen.add(pc)
            for line in place.lines:
                if (place.file, line) not in self._seen.lines:
                    self._seen.lines.add((place.file, line))
                    where = f"{shown(place.file)}:{line}"
                    self._seen.recent.append(NewLine(where, printable(place.function), printable(thread.name)))

    def _compare(self, process: Process, thread: _Thread, fresh: memoryview) -> int:
        """Take what was compared; return how many entries that was."""
        count = len(fresh) // COMPARISON_WORDS
        whole = memoryview(count.to_bytes(8, "little") + fresh.tobytes()).cast("Q")
        taken = 0
        for record in records_in(whole, _RECORDS):
            one = comparison_of(record)
            if not one.pc:
                break  # as in _look()
            taken += len(record) // (8 * COMPARISON_WORDS)
            thread.last = one.pc
            key = thread.process, one.pc, one.op
            place = self._seen.compared.pop(key, None) or _Place()
            place.times += 1
            place.has_matched |= is_match(one)
            place.last = one
            self._seen.compared[key] = place  # the last
        return taken

    def _unmatched(self, processes: Sequence[Process]) -> Iterator[Unmatched]:
        for (index, pc, op), place in reversed(self._seen.compared.items()):
            if not place.has_matched and place.last is not None:
                where = self._place(processes[index], pc)
                yield Unmatched(where, op, (repr(place.last.operand1), repr(place.last.operand2)), place.times)

    def _know_lines(self) -> None:
        places = self._buffers.locations
        for place in islice(places, self._located, None):
            self._known.update((place.file, line) for line in place.lines)
        self._located = len(places)

    def _thread_now(self, process: Process, thread: _Thread, new: int) -> ThreadNow:
        has_ended = process.ended is not None or (thread.buffer is None and thread.native_id != 0)
        return ThreadNow(
            process=thread.process,
            name=printable(thread.name),
            native_id=thread.native_id,
            state="ended" if has_ended else _state(process.pid, thread.native_id),
            place=self._place(process, thread.last) if thread.last else "",
            entries=thread.entries,
            new=new,
            dropped=thread.dropped,
        )

    def _place(self, process: Process, pc: int) -> str:
        place = self._buffers.location(process, pc)
        if place is None:
            return "?" if is_python(pc) else f"native code at {pc:#x}"
        return _words(place)


def _words(place: Location) -> str:
    return f"{shown(place.file)}:{place.line} {printable(place.function)}"


def _process_now(process: Process) -> ProcessNow:
    state = "running"
    if process.has_become_another:
        state = "became another program"
    elif process.ended is not None:
        state = "ended" if process.exit_status is None else f"ended with {process.exit_status}"
    return ProcessNow(process.pid, printable(process.name), printable(process.command), state)


def _state(pid: int, native_id: int) -> str:
    """Return what the kernel says a thread does; 0: the first one, for all."""
    try:
        with open(f"/proc/{pid}/task/{native_id or pid}/stat", "rb") as file:
            letter = file.read().rpartition(b")")[2].split()[0].decode()
    except (OSError, IndexError):
        return "ended"
    return _STATES.get(letter, "ended")
