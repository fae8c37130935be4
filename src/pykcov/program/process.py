"""What one traced process has told and recorded, in the process that collects."""

import os
from array import array
from collections.abc import Callable
from datetime import UTC, datetime
from typing import NamedTuple, Self

from pykcov._core import Buffer
from pykcov.native.images import Image, read_log
from pykcov.once.log import read_log as read_entries
from pykcov.once.log import room_of
from pykcov.program.handover_log import Noted, is_full, read
from pykcov.traces.pcs import PYTHON_PC
from pykcov.traces.records import COMPARISON_WORDS

# The kernel's PF_EXITING, in the ninth field of /proc/PID/stat.
_EXITING = 4


LOG = -1
"""The key of what the log of all threads has (mode once)."""


class Recorded(NamedTuple):
    """What one thread has recorded."""

    name: str
    ident: int
    native_id: int
    dropped: int
    words: bytes
    """The whole entries. No numpy here: it starts threads, and they would take signals that we wait for."""


class Process:
    """A process, or one of the programs that it has been, if it has become another one by exec.

    Its pcs of Python may stand for something else in another process, where the same code lies in two files; those of
    native code are addresses, which programs that were started on their own do not share.
    """

    def __init__(self, pid: int, parent: "Process | None", command: str, born: int = 0) -> None:
        """Begin with nothing told. `born`: the start of the process as the kernel has it."""
        self.pid = pid
        self.parent = parent
        """The process that has forked it, if that is traced."""
        self.parent_pid = parent.pid if parent is not None else os.getpid()
        self.born = born
        self.name = ""
        """What the program calls it; '' if it does not."""
        self.command = command
        self.started = datetime.now(UTC)
        self.ended: datetime | None = None
        self.exit_status: int | None = None
        """-N if signal N ended it; None if that is not known."""
        self.has_become_another = False
        self.images: list[Image] = []
        self.moved: dict[int, int] = {}
        """By pc of this process: the pc that its place has in the trace, where that is another one."""
        self._inherited = parent.moved_pc if parent is not None else None
        self._threads: dict[int, Recorded] = {}
        self._live: dict[int, tuple[tuple[str, int, int], Buffer]] = {}
        self._image_log: int | None = None
        self._log: memoryview | None = None
        self.handovers: list[Noted] = []
        """Of threads that go on, known at the end only."""
        self.has_more_handovers = False
        """Whether some were not kept."""
        self._handovers: Buffer | None = None
        self.is_finished = False
        """In mode once: whether its program has ended. What the end of the interpreter runs is recorded, too."""

    @classmethod
    def forked(cls, pid: int, parent: Self, born: int) -> Self:
        """Return a child, which knows what its parent knew."""
        return cls(pid, parent, parent.command, born)

    def moved_pc(self, pc: int) -> int:
        """Return the pc in the trace for a pc of Python of this process."""
        moved = self.moved.get(pc)
        if moved is None:
            return pc if self._inherited is None else self._inherited(pc)
        return moved

    def add_thread(self, key: int, name: str, ident: int, native_id: int, buffer: Buffer) -> None:
        """Take the buffer of a thread."""
        self._live[key] = (name, ident, native_id), buffer

    def recording(self) -> dict[int, tuple[tuple[str, int, int], Buffer]]:
        """Return the buffers of the threads that go on, as far as is known: by key, with name, ident and native id."""
        return dict(self._live)

    def forget(self) -> None:
        """Forget what the threads have recorded so far; those that go on count from 0 again."""
        self._threads = {key: one._replace(words=b"") for key, one in self._threads.items()}
        self._handovers = None  # what is given before, and taken later, is nowhere
        for _, buffer in self._live.values():
            buffer.reset()

    def snapshot(self, entry_words: int) -> Self:
        """Return this process as finish() would leave it now."""
        # Not before: few runs are looked at while they go on.
        from copy import copy

        so_far = copy(self)
        so_far._threads, so_far._live = dict(self._threads), dict(self._live)
        if self._image_log is not None:
            so_far._image_log = os.dup(self._image_log)
        so_far.finish(entry_words)
        return so_far

    def add_handovers(self, buffer: Buffer) -> None:
        """Take the log of hand-overs (mode pc)."""
        self._handovers = buffer

    def add_log(self, descriptor: int) -> None:
        """Take the log of all threads (mode once)."""
        # Not before: few runs have one.
        from mmap import PROT_READ, mmap

        self._log = memoryview(mmap(descriptor, 0, prot=PROT_READ)).cast("Q")

    @property
    def log(self) -> memoryview | None:
        """The log of all threads, while the process goes on (mode once)."""
        return self._log

    def recorded(self) -> dict[int, Recorded]:
        """Return what the threads have recorded that have ended, by key."""
        return dict(self._threads)

    def keep_image_log(self, descriptor: int) -> None:
        """Take the log of what the process has loaded."""
        if self._image_log is None:
            self._image_log = os.dup(descriptor)

    def read(self, keys: list[int], entry_words: int) -> None:
        """Copy what these threads have recorded and let go of their buffers."""
        for key in keys:
            if key in self._live:
                identity, buffer = self._live.pop(key)
                self._threads[key] = _recorded(identity, buffer, entry_words, self._translation())

    def finish(self, entry_words: int) -> None:
        """Copy all that there is: the process has ended, or is not waited for."""
        self.read(list(self._live), entry_words)
        if self._log is not None:
            self._threads[LOG] = _logged(self._log, self._translation())
            self._log = None
        if self._handovers is not None:
            self.handovers, self.has_more_handovers = [*read(self._handovers)], is_full(self._handovers)
            self._handovers = None
        if self._image_log is not None:
            try:
                self.images = read_log(self._image_log)
            finally:
                os.close(self._image_log)
                self._image_log = None

    def relocate(self, distance: Callable[[int], int], entry_words: int) -> None:
        """Have the pcs of native code lie elsewhere: each so far away as is said of it."""

        def moved(pc: int) -> int:
            return pc + distance(pc) if pc < PYTHON_PC else pc

        for key, recorded in self._threads.items():
            words = memoryview(recorded.words).cast("Q")
            if entry_words > 1 or min(words, default=PYTHON_PC) < PYTHON_PC:
                self._threads[key] = recorded._replace(words=_translated(recorded.words, entry_words, moved))

    def threads(self) -> list[tuple[int, Recorded]]:
        """Return what the threads have recorded, each with its key, in the order of their first events."""
        return sorted(self._threads.items())

    def _translation(self) -> Callable[[int], int] | None:
        process: Process | None = self
        while process is not None:
            if process.moved:
                return self.moved_pc
            process = process.parent if process._inherited is not None else None
        return None


def _recorded(
    identity: tuple[str, int, int], buffer: Buffer, entry_words: int, translation: Callable[[int], int] | None
) -> Recorded:
    words = buffer.words
    count = min(words[0], (len(words) - 1) // entry_words)
    entries = words[1 : 1 + count * entry_words]
    recorded = entries.tobytes()
    if translation is not None:
        recorded = _translated(recorded, entry_words, translation)
    return Recorded(*identity, buffer.dropped, recorded)


def _translated(recorded: bytes, entry_words: int, translation: Callable[[int], int]) -> bytes:
    words = memoryview(bytearray(recorded)).cast("Q")
    at = 0
    while at < len(words):
        if entry_words == 1:
            words[at] = translation(words[at])
            at += 1
        else:
            words[at + 3] = translation(words[at + 3])
            at += COMPARISON_WORDS * (1 + (words[at] >> 16 & 0xFFFF))  # the payload has no pcs
    return words.tobytes()


def _logged(words: memoryview, translation: Callable[[int], int] | None) -> Recorded:
    pcs = array("Q", read_entries(words))
    if translation is not None:
        pcs = array("Q", map(translation, pcs))
    return Recorded("all threads", 0, 0, int(words[0] > room_of(words)), pcs.tobytes())


class Status(NamedTuple):
    """What the kernel says of a process."""

    born: int
    """When it was started, in ticks since the start of the machine: with its pid, what tells it from all others."""
    is_ending: bool
    """Whether it is past its last instruction."""
    exit_status: int | None
    """As of a Python, -N for a signal; None if it goes on, or this is not to be seen."""
    parent: int


def status(pid: int) -> Status | None:
    """Return what the kernel says of a process; None if there is none."""
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as file:
            fields = file.read().rpartition(")")[2].split()
    except OSError:
        return None
    is_ending = fields[0] in "ZX" or bool(int(fields[6]) & _EXITING)
    code = int(fields[49]) if is_ending and len(fields) > 49 else None
    return Status(int(fields[19]), is_ending, None if code is None else os.waitstatus_to_exitcode(code), int(fields[1]))
