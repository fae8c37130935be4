"""Save and load trace files: what `pykcov run` recorded, with everything needed to read it. See docs/tracefile.md."""

import os
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from itertools import chain
from typing import IO, Any, Self

from pykcov.modes import compares
from pykcov.native.image_table import ImageTable
from pykcov.traces import columns, handovers, npz, processes, threads
from pykcov.traces.arcs import Arc, ArcsError, tells_arcs
from pykcov.traces.facts import ConditionsError, Fact
from pykcov.traces.handovers import Handover
from pykcov.traces.location_table import LocationTable
from pykcov.traces.processes import Process
from pykcov.traces.records import OPERATIONS, Comparison
from pykcov.traces.texts import printable
from pykcov.traces.threads import Thread

FORMAT = "pykcov trace"
VERSION = 1

_TABLE = "location_"
_IMAGES = "image_"
_HANDOVERS = "handover_"
_TEXTS = ("command", "folder", "python", "platform", "mode", "granularity", "started")


class TraceFileError(Exception):
    """A file is not a trace file that this pykcov can read. The message names the file and the reason."""


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
    handovers: list[Handover] = field(default_factory=list)
    """In mode 'pc', work that threads handed to each other, in the order in which it was taken."""

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
        return processes.names_of(self.processes)

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
            **threads.columns_of(self.threads, self.compares),
            **processes.columns_of(self.processes),
            "untraced_command": npz.row("U", [command for command, _ in self.untraced]),
            "untraced_reason": npz.row("U", [reason for _, reason in self.untraced]),
            **{_TABLE + name: column for name, column in self.locations.columns().items()},
            _TABLE + "digests": npz.row("U", [self.digests.get(name, "") for name in self.locations.files]),
            "unexecuted_file": npz.row("U", self.unexecuted),
            "skipped_name": npz.row("U", [name for name, _ in self.skipped]),
            "skipped_reason": npz.row("U", [reason for _, reason in self.skipped]),
            **{_IMAGES + name: column for name, column in self.images.columns().items()},
            **{_HANDOVERS + name: column for name, column in handovers.columns(self.handovers).items()},
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
            processes=processes.from_columns(values),
            untraced=list(zip(values.get("untraced_command", ()), values.get("untraced_reason", ()), strict=True)),
            threads=threads.from_columns(values, compares(values["mode"][0])),
            locations=LocationTable.from_columns(_with_prefix(_TABLE, values)),
            digests=dict(zip(values[_TABLE + "files"], values[_TABLE + "digests"], strict=True)),
            unexecuted=list(values.get("unexecuted_file", ())),
            skipped=list(zip(values["skipped_name"], values["skipped_reason"], strict=True)),
            images=ImageTable.from_columns(_with_prefix(_IMAGES, values)),
            handovers=handovers.from_columns(_with_prefix(_HANDOVERS, values)),
        )


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
