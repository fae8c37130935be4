"""production(): for weeks, and in many processes: which code ran at all, since when, and which never did.

A process keeps two files in a folder: a log that the probes themselves write (it is mapped, so that it is whole when
the process is killed), and the places that there are, a line for each module that is loaded. Files of processes
that have ended are merged into one now and then.
"""

import atexit
import fcntl
import json
import os
import random
import time
from collections.abc import Iterable
from os import PathLike
from types import TracebackType
from typing import IO, Any, Self
from warnings import warn

from pykcov import _core
from pykcov._exec import Unrecorded
from pykcov.instrument.code import check
from pykcov.instrument.imports import ImportHook
from pykcov.instrument.rewrite import Granularity
from pykcov.instrument.selection import Selection
from pykcov.once.log import Log, size_of
from pykcov.once.report import FORMAT, LOG, PLACES, locked, merge
from pykcov.traces import locations
from pykcov.traces.locations import Location
from pykcov.traces.texts import file_digest
from pykcov.warnings import PykcovWarning

# Places that a log gets room for beyond those there are.
_ROOM = 1 << 14
# When a process begins, so many files of others that have ended are merged.
_MERGE_AT = 64


class Production:
    """What production() returns. It observes this process, and the processes that it forks, until close()."""

    def __init__(self, folder: str | PathLike[str], selection: Selection, granularity: Granularity) -> None:
        """Use production()."""
        self.folder = os.path.abspath(folder)
        self.problem = ""
        """Why what runs is not in the files, or not whole; '' if it is."""
        self._selection = selection
        self._pid = 0
        self._places: IO[bytes] | None = None
        self._log: Log | None = None
        self._descriptor = -1
        self._pending: list[bytes] = []
        self._is_in_child = False
        with Unrecorded():
            os.makedirs(self.folder, exist_ok=True)
            if len(os.listdir(self.folder)) > 2 * _MERGE_AT:
                merge(self.folder)
            self._begin()
            self._hook: ImportHook | None = ImportHook(selection, granularity)
            try:
                locations.add_listener(self._add, existing=True)
                self._hook.instrument_imported()
            except BaseException:
                self._hook.close()
                raise
        os.register_at_fork(after_in_child=self._in_child)
        atexit.register(self.close)

    def __enter__(self) -> Self:
        """Return it: it has begun already."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None, /
    ) -> None:
        """End."""
        self.close()

    def flush(self) -> None:
        """Write what could not be written before because the disk was full. Everything else is in the files at once."""
        with Unrecorded():
            self._write()

    def close(self) -> None:
        """Stop observing. Idempotent."""
        hook, self._hook = self._hook, None
        if hook is None or self._pid != os.getpid():
            return
        atexit.unregister(self.close)
        with Unrecorded():
            hook.close()
            locations.remove_listener(self._add)
            self._write()
            if self._log is not None:
                self._log.close()
            self._end()

    def _begin(self) -> None:
        """Make files for this process. OSError: there can be none in this folder."""
        with locked(self.folder):  # a merge must not take the files for those of a process that has ended
            self._begin_files()

    def _begin_files(self) -> None:
        self._pid = os.getpid()
        name = f"{os.uname().nodename}.{self._pid}.{random.randrange(10**9):09}"
        path = os.path.join(self.folder, name)
        header = {"format": FORMAT, "started": int(time.time()), "order": time.time_ns(), "pid": self._pid}
        self._places = open(path + PLACES, "xb", buffering=0)  # noqa: SIM115 - open as long as the process runs
        # As long as it is held, the process is alive.
        fcntl.flock(self._places, fcntl.LOCK_EX)
        self._pending = [json.dumps(header).encode() + b"\n"]
        self._path = path + LOG
        self._descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
        try:
            entries = self._make_room()
        except OSError as error:
            self._complain(error)
            self._log = Log()
        else:
            self._log = Log(self._descriptor, entries)
        self._write()

    def _make_room(self) -> int:
        """Have the file be as large as it may have to be: to write to what the disk has no room for would kill us."""
        entries = _core.probe_count() + _ROOM
        os.posix_fallocate(self._descriptor, 0, size_of(entries))
        return entries

    def _add(self, batch: list[Location]) -> None:
        """Write down places, before they can be hit."""
        if self._pid != os.getpid() or self._log is None:
            return
        files: dict[tuple[str, str], list[Location]] = {}
        for place in batch:
            if not place.comparison and self._selection.matches(place.module, place.file):
                files.setdefault((place.module, place.file), []).append(place)
        for (_, file), places in files.items():
            row: dict[str, Any] = {"file": file, "digest": file_digest(file), "places": places}
            self._pending.append(json.dumps(row).encode() + b"\n")
        if self._descriptor >= 0 and self._log.is_mapped and _core.probe_count() > self._log.entries:
            try:
                self._log.grow(self._descriptor, self._make_room())
            except OSError as error:
                self._complain(error)
        self._write()

    def _write(self) -> None:
        """Append the lines that are not written yet, each as a whole."""
        if self._places is None or self._pid != os.getpid():
            return
        try:
            while self._pending:
                at = os.fstat(self._places.fileno()).st_size
                line = self._pending[0]
                if self._places.write(line) != len(line):
                    os.ftruncate(self._places.fileno(), at)
                    self._places.seek(at)
                    raise OSError(28, os.strerror(28))
                self._pending.pop(0)
            if self._log is not None and not self._log.is_mapped:
                self._write_log(self._log)
        except OSError as error:
            self._complain(error)
        else:
            if self._log is None or self._log.is_mapped:
                self.problem = ""

    def _write_log(self, log: Log) -> None:
        """Write the log that is in memory, as the disk had no room for it."""
        words = log.used_words()
        with open(self._path + ".new", "wb") as file:
            file.write(words)
        os.replace(self._path + ".new", self._path)

    def _complain(self, error: OSError) -> None:
        if not self.problem:
            warn(
                f"{self.folder}: {error.strerror or error}: what runs is kept in memory until there is room, at the "
                "latest when the process ends; if it is killed before, that is lost",
                PykcovWarning,
                stacklevel=3,
            )
        self.problem = error.strerror or str(error)

    def _end(self) -> None:
        if self._places is not None:
            self._places.close()
            self._places = None
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def _in_child(self) -> None:
        # The parent has written down the places that there were; its log has what ran before the fork.
        if self._hook is None:
            return
        with Unrecorded():
            self._end()
            try:
                self._begin()
            except OSError as error:
                self._log = None
                self._complain(error)


def production(
    folder: str | PathLike[str],
    *,
    granularity: Granularity = "line",
    include: Iterable[str] = (),
    exclude: Iterable[str] = (),
    source: Iterable[str | PathLike[str]] = (),
    stdlib: bool = False,
) -> Production:
    """Record from now on which code of this process runs at all, since when, and which code does not.

    Probes that were hit vanish. Call it early, so that modules are imported afterwards: of modules that are imported
    already, only functions are observed. Forked children are observed too.

    Args:
        folder: where the processes of a service keep what they saw, over all its deployments; created if it does not
            exist. `pykcov production FOLDER` reports what never ran. What ran is in the folder at once, so a process
            may be killed.
        granularity: as for trace().
        include: as for trace().
        exclude: as for trace().
        source: as for trace().
        stdlib: as for trace().

    Returns:
        An object to close; at exit it closes itself.

    Raises:
        ValueError: the granularity is unknown.
        TypeError: include, exclude or source is not a collection of strings.
        FileNotFoundError: a folder of source does not exist.
        OSError: files cannot be created in the folder.

    Warns:
        PykcovWarning: the disk is full. What runs is then kept in memory.
    """
    check(granularity)
    return Production(folder, Selection(include, exclude, source, stdlib), granularity)
