"""Save and load trace files: what `pykcov run` recorded, with everything needed to read it. See docs/tracefile.md."""

import os
from _blake2 import blake2b
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import cached_property
from itertools import accumulate, chain
from typing import IO, TYPE_CHECKING, Any, NamedTuple, Self

from pykcov.modes import compares
from pykcov.native.image_table import ImageTable
from pykcov.traces import columns, npz, records
from pykcov.traces.arcs import Arc, ArcsError, tells_arcs
from pykcov.traces.facts import ConditionsError, Fact
from pykcov.traces.location_table import LocationTable
from pykcov.traces.records import COMPARISON_WORDS, OPERATIONS, Comparison

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

FORMAT = "pykcov trace"
VERSION = 1

_TABLE = "location_"
_IMAGES = "image_"
_TEXTS = ("command", "folder", "python", "platform", "mode", "granularity", "started")


class TraceFileError(Exception):
    """A file is not a trace file that this pykcov can read. The message names the file and the reason."""


class Process(NamedTuple):
    """A process of the program. One that became another program by exec is listed once for each program."""

    pid: int = 0
    parent: int = 0
    """The pid of its parent when it began."""
    name: str = ""
    """Its name in multiprocessing; '' if it was started in another way."""
    command: str = ""
    """The program and its arguments as a shell would take them; for a forked child, those of its parent."""
    forked: bool = False
    """Whether it began as a fork of another traced process."""
    started: str = ""
    """Date and time, ISO 8601, UTC, like `ended`."""
    ended: str = ""
    """'' if it was still running when the program ended."""
    exit_status: int | None = None
    """-N if signal N ended it; None if it was still running, became another program, or its end was not seen."""


@dataclass(frozen=True, eq=False, repr=False)
class Thread:
    """What one thread recorded."""

    name: str
    ident: int
    """The thread's `threading.get_ident()`; it may have been reused after the thread ended."""
    native_id: int
    """The thread's `threading.get_native_id()`."""
    dropped: int
    """Number of entries that did not fit into the buffer."""
    words: memoryview
    """What it recorded, in 64-bit words, 1 for each pc, or 4 for each entry in the modes of comparisons."""
    compares: bool = False
    """Whether the words are of comparisons."""
    process: int = 0
    """Which of the processes of the trace it belongs to."""

    @cached_property
    def entries(self) -> "NDArray[np.uint64]":
        """The words as a numpy array of type uint64.

        Its shape is (n,), the pcs in the order in which they were recorded; in mode 'unique' each once. In the modes of
        comparisons it is (n, 4), as in docs/comparisons.md.
        """
        flat = records.array(self.words)
        return flat.reshape(-1, COMPARISON_WORDS) if self.compares else flat

    @property
    def pcs(self) -> Sequence[int]:
        """The pc of each event, in order, which are the entries themselves or the places of the comparisons."""
        return self.entries[self._starts[0], 3].tolist() if self.compares else self.words

    @property
    def damage(self) -> str:
        """What is wrong with the first comparison that cannot be read, and those after it; '' if all can be read."""
        return self._starts[1] if self.compares else ""

    def __len__(self) -> int:
        """Return the number of entries."""
        return len(self.words) // (COMPARISON_WORDS if self.compares else 1)

    def comparisons(self) -> Iterator[Comparison]:
        """Decode the comparisons, one for each of `pcs`."""
        return records.decode(self.entries, self._starts[0]) if self.compares else iter(())

    @cached_property
    def _starts(self) -> "tuple[NDArray[np.int64], str]":
        return records.starts(self.entries)


@dataclass(frozen=True, eq=False, repr=False)
class TraceFile:
    """A complete trace. Texts that a program did not have are empty."""

    command: str = ""
    """The program and its arguments as a shell would take them."""
    folder: str = ""
    """The current folder at the start of the program."""
    python: str = ""
    """Version of the Python that ran the program, as in sys.version."""
    platform: str = ""
    mode: str = ""
    """'unique', 'pc', 'cmp' or 'cmp-bytes'."""
    granularity: str = ""
    """'line', 'block', 'arc' or 'condition'."""
    started: str = ""
    """Date and time of the start, ISO 8601, UTC."""
    exit_status: int = 0
    """Exit status of the program; -N if signal N ended it."""
    forked: int = 0
    """Number of children that the program forked; they were not traced."""
    processes: list[Process] = field(default_factory=list)
    """The processes, the program itself first; empty in traces of older versions."""
    untraced: list[tuple[str, str]] = field(default_factory=list)
    """Processes that could not be traced, each with its command line and the reason."""
    threads: list[Thread] = field(default_factory=list)
    locations: LocationTable = field(default_factory=lambda: LocationTable.from_locations([]))
    digests: Mapping[str, str] = field(default_factory=dict)
    """The file_digest() of each source file at the end of the run; empty for what is not a file."""
    unexecuted: list[str] = field(default_factory=list)
    """Files under the source. Those that were not imported count as not run."""
    skipped: list[tuple[str, str]] = field(default_factory=list)
    """What could not be instrumented, each with its name and the reason."""
    images: ImageTable = field(default_factory=ImageTable)
    """The executables and shared objects that native pcs belong to, which give the build-id and offset of each pc."""

    def thread_names(self) -> list[str]:
        """Return a printable, different name for each thread: plain_names(), else with native id and a number."""
        own = self.plain_names()
        shared = Counter(own)
        seen: Counter[str] = Counter()
        names = []
        for name, thread in zip(own, self.threads, strict=True):
            if shared[name] > 1:
                name += f" ({thread.native_id})"
            seen[name] += 1
            names.append(name if seen[name] == 1 else f"{name} #{seen[name]}")
        return names

    def plain_names(self) -> list[str]:
        """Return a printable name for each thread: its own, behind that of its process if there are several.

        Only those count that have run code with probes.
        """
        several = len({thread.process for thread in self.threads}) > 1
        processes = [f"{name}/" for name in self.process_names()] if several else [""] * max(len(self.processes), 1)
        return [processes[thread.process] + printable(thread.name) for thread in self.threads]

    def process_names(self) -> list[str]:
        """Return a printable name for each process: 'app.py', 'worker.py (PID)', 'ForkPoolWorker-1 (PID)'."""
        names = []
        children = 0
        for index, process in enumerate(self.processes):
            name = process.name or _program_name(process.command)
            if index and not process.name and process.forked:
                children += 1
                name += f" child {children}"
            names.append(printable(name) + (f" ({process.pid})" if index else ""))
        return names

    def damaged(self) -> list[str]:
        """Return, in words, which threads have comparisons that cannot be read."""
        return [
            f"thread {name}: {thread.damage}; it and what follows are not shown"
            for name, thread in zip(self.thread_names(), self.threads, strict=True)
            if thread.damage
        ]

    def pcs(self) -> set[int]:
        """Return the pcs that any thread has recorded."""
        return set(chain.from_iterable(thread.pcs for thread in self.threads))

    def rows(self, thread: Thread | None = None) -> list[int]:
        """Return the rows of the location table that `thread`, or any thread, has hit, each once, in table order."""
        return self.locations.rows_with(self.pcs() if thread is None else set(thread.pcs))

    @property
    def compares(self) -> bool:
        """Whether comparisons were recorded instead of which code ran; there are no lines then."""
        return compares(self.mode)

    def comparisons(self, thread: Thread) -> Iterator[tuple[int, Comparison]]:
        """Yield what `thread` compared, in order, each with its row of the location table, or -1 if that is unknown.

        Mode 'cmp' does not record the operation; it is taken from the row.
        """
        rows = self.locations.rows_of(thread.pcs)
        for row, one in zip(rows, thread.comparisons(), strict=True):
            if one.op or row < 0:
                yield row, one
            else:
                yield row, one._replace(op=OPERATIONS[self.locations.comparison[row]])

    def lines(self, thread: Thread | None = None) -> dict[str, list[int]]:
        """Return the source lines that `thread`, or any thread, ran: a dictionary from file to lines, sorted."""
        return self.locations.lines_of(self.rows(thread))

    def arcs(self, thread: Thread | None = None) -> dict[str, list[Arc]]:
        """Return the arcs that `thread`, or any thread, ran: a dictionary from file to arcs, sorted.

        Raises:
            ArcsError: the granularity is not 'arc' or 'condition'.
        """
        if not tells_arcs(self.granularity):
            raise ArcsError(self.granularity)
        return self.locations.arcs_of(self.rows(thread))

    def conditions(self, thread: Thread | None = None) -> dict[str, set[Fact]]:
        """Return what `thread`, or any thread, saw of conditions, by file (pykcov.traces.facts).

        Raises:
            ConditionsError: the granularity is not 'condition'.
        """
        if self.granularity != "condition":
            raise ConditionsError(self.granularity)
        return self.locations.conditions_of(self.rows(thread))

    def known_lines(self) -> dict[str, list[int]]:
        """Return all source lines that could have been recorded: a dictionary from file to lines, sorted."""
        return self.locations.lines_of(range(len(self.locations)))

    def native_lines(self) -> dict[str, list[int]]:
        """Return those of known_lines() that belong to native code."""
        return self.locations.lines_of(self.locations.native_rows())

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the file, completely or not at all. A symbolic link is followed.

        Raises:
            OSError: the file cannot be written.
        """
        arrays = {
            "format": npz.single(FORMAT),
            "version": npz.single(VERSION),
            **{name: npz.single(getattr(self, name)) for name in _TEXTS},
            "exit_status": npz.single(self.exit_status),
            "forked": npz.single(self.forked),
            **_thread_columns(self.threads, self.compares),
            **_process_columns(self.processes),
            "untraced_command": npz.row("U", [command for command, _ in self.untraced]),
            "untraced_reason": npz.row("U", [reason for _, reason in self.untraced]),
            **{_TABLE + name: column for name, column in self.locations.columns().items()},
            _TABLE + "digests": npz.row("U", [self.digests.get(name, "") for name in self.locations.files]),
            "unexecuted_file": npz.row("U", self.unexecuted),
            "skipped_name": npz.row("U", [name for name, _ in self.skipped]),
            "skipped_reason": npz.row("U", [reason for _, reason in self.skipped]),
            **{_IMAGES + name: column for name, column in self.images.columns().items()},
        }
        with _replacing(os.fspath(path)) as file:
            npz.save(file, arrays)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Self:
        """Read a trace file.

        Raises:
            TraceFileError: the file is not a trace, is damaged, or has a newer format version.
            OSError: the file cannot be read.
        """
        arrays = _read(path)
        values = {name: one.values for name, one in arrays.items()}
        return cls(
            **{name: values[name][0] for name in _TEXTS},
            exit_status=values["exit_status"][0],
            forked=values["forked"][0],
            processes=_processes(values),
            untraced=list(zip(values.get("untraced_command", ()), values.get("untraced_reason", ()), strict=True)),
            threads=_threads(values, compares(values["mode"][0])),
            locations=LocationTable.from_columns(_with_prefix(_TABLE, values)),
            digests=dict(zip(values[_TABLE + "files"], values[_TABLE + "digests"], strict=True)),
            unexecuted=list(values.get("unexecuted_file", ())),
            skipped=list(zip(values["skipped_name"], values["skipped_reason"], strict=True)),
            images=ImageTable.from_columns(_with_prefix(_IMAGES, values)),
        )


def _program_name(command: str) -> str:
    """Return what a person calls a program: 'app.py', 'gunicorn', '-c'."""
    import shlex  # not before: it costs start-up, and most traces have one process

    try:
        words = shlex.split(command) or [""]
    except ValueError:
        words = command.split() or [""]
    if words[0] == "-m" and len(words) > 1:
        return words[1]
    return os.path.basename(words[0].rstrip("/")) or words[0]


def printable(name: str) -> str:
    """Return a name that fits on one line in any encoding of Unicode: what does not is written with backslashes."""
    return name if name.isprintable() else repr(name)[1:-1]


def shown(path: str) -> str:
    """Return a path as it is shown: printable, and relative if it lies below the current folder."""
    return printable(path.removeprefix(os.path.join(os.getcwd(), "")))


def file_digest(path: str) -> str:
    """Return what tells one content of a source file from another, or '' if there is no such file to read."""
    try:
        with open(path, "rb") as file:
            return blake2b(file.read(), digest_size=16).hexdigest()
    except (OSError, ValueError):  # ValueError: a NUL in what is no file name
        return ""


def platform_name() -> str:
    """Return what platform.platform() returns on Linux, which imports and starts more than a short run does."""
    system = os.uname()
    libc = (os.confstr("CS_GNU_LIBC_VERSION") or "").replace(" ", "")
    return f"{system.sysname}-{system.release}-{system.machine}-with-{libc or 'libc'}"


@contextmanager
def _replacing(path: str) -> Iterator[IO[bytes]]:
    path = os.path.realpath(path)
    folder, name = os.path.split(path)
    temporary = os.path.join(folder, f".{name}.{os.getpid()}.tmp")
    try:
        with open(temporary, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        if os.path.exists(temporary):
            os.unlink(temporary)
        raise


def _read(path: str | os.PathLike[str]) -> dict[str, npz.Array]:
    """Return the arrays of a trace file, which are what they are to be (columns.py). Raises TraceFileError."""
    name = os.fspath(path)

    def check_shape(*array: Any) -> None:
        try:
            columns.check_shape(*array)
        except ValueError as error:
            raise TraceFileError(f"{name}: damaged trace file: {error}") from error

    try:
        arrays = npz.load(path, check_shape)
        _check_version(name, arrays)
    except TraceFileError:
        raise
    except FileNotFoundError as error:
        raise TraceFileError(f"{name}: {error.strerror}; `pykcov run` makes one") from error
    except OSError as error:
        raise TraceFileError(f"{name}: {error.strerror or error}") from error
    except Exception as error:  # the bytes may be anything, and zipfile and zlib each complain in many ways
        raise TraceFileError(f"{name}: not a trace file of pykcov, or damaged: {error}{_advice(name)}") from error
    try:
        columns.check(arrays)
    except ValueError as error:
        raise TraceFileError(f"{name}: damaged trace file: {error}") from error
    return arrays


def _check_version(name: str, arrays: Mapping[str, npz.Array]) -> None:
    if "format" not in arrays:
        raise TraceFileError(f"{name}: not a trace file of pykcov")
    if arrays["format"].values[0] != FORMAT:
        raise TraceFileError(f"{name}: not a trace file of pykcov (it says {arrays['format'].values[0][:80]!r})")
    version = arrays["version"].values[0] if "version" in arrays else VERSION
    if version > VERSION:
        raise TraceFileError(
            f"{name}: format version {version}, and this pykcov reads up to {VERSION}: use a newer pykcov"
        )


def _advice(name: str) -> str:
    """Return what to do with a file that is something else, as far as its first bytes or its name tell."""
    with suppress(OSError), open(name, "rb") as file:
        if file.read(16).startswith(b"SQLite format 3"):
            return "; it is a data file of coverage.py: `pykcov report` and `pykcov tests` read it"
    if name.endswith((".py", ".pyc", ".pyz")):
        return f"; `pykcov run {name}` runs a program and makes a trace of it"
    return ""


def _with_prefix(prefix: str, values: Mapping[str, Sequence[Any]]) -> dict[str, Sequence[Any]]:
    return {name.removeprefix(prefix): column for name, column in values.items() if name.startswith(prefix)}


def _thread_columns(threads: list[Thread], comparing: bool) -> dict[str, npz.Array]:
    lengths = [len(thread) for thread in threads]
    ends = list(accumulate(lengths, initial=0))
    words = memoryview(b"".join(thread.words for thread in threads)).cast("Q")
    return {
        "entries": npz.Array("u8", (ends[-1], COMPARISON_WORDS) if comparing else (ends[-1],), words),
        "thread_name": npz.row("U", [thread.name for thread in threads]),
        "thread_ident": npz.row("u8", [thread.ident for thread in threads]),
        "thread_native_id": npz.row("i8", [thread.native_id for thread in threads]),
        "thread_dropped": npz.row("u8", [thread.dropped for thread in threads]),
        "thread_offset": npz.row("i8", ends[:-1]),
        "thread_length": npz.row("i8", lengths),
        "thread_process": npz.row("i4", [thread.process for thread in threads]),
    }


def _threads(values: Mapping[str, Sequence[Any]], comparing: bool) -> list[Thread]:
    entries = values["entries"]
    assert isinstance(entries, memoryview)
    width = COMPARISON_WORDS if comparing else 1
    rows = [values[f"thread_{name}"] for name in ("name", "ident", "native_id", "dropped", "offset", "length")]
    processes = values.get("thread_process", [0] * len(rows[0]))
    return [
        Thread(name, ident, native_id, dropped, entries[width * offset : width * (offset + length)], comparing, process)
        for name, ident, native_id, dropped, offset, length, process in zip(*rows, processes, strict=True)
    ]


_PROCESS_COLUMNS = {
    "pid": "i8",
    "parent": "i8",
    "name": "U",
    "command": "U",
    "forked": "b1",
    "started": "U",
    "ended": "U",
}


def _process_columns(processes: list[Process]) -> dict[str, npz.Array]:
    return {
        **{
            f"process_{name}": npz.row(kind, [getattr(process, name) for process in processes])
            for name, kind in _PROCESS_COLUMNS.items()
        },
        "process_exit_status": npz.row("i8", [process.exit_status or 0 for process in processes]),
        "process_exit_known": npz.row("b1", [process.exit_status is not None for process in processes]),
    }


def _processes(values: Mapping[str, Sequence[Any]]) -> list[Process]:
    if "process_pid" not in values:
        return []
    found = [values[f"process_{name}"] for name in _PROCESS_COLUMNS]
    exits = zip(values["process_exit_status"], values["process_exit_known"], strict=True)
    rows = [dict(zip(_PROCESS_COLUMNS, row, strict=True)) for row in zip(*found, strict=True)]
    return [
        Process(**row, exit_status=status if known else None) for row, (status, known) in zip(rows, exits, strict=True)
    ]
