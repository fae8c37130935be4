"""What ran at all: the first hit of each probe in the process, at the price of nothing once probes have vanished."""

import os
from collections.abc import Iterable
from os import PathLike
from types import TracebackType
from typing import Self
from warnings import warn

from pykcov import _core
from pykcov._exec import Unrecorded
from pykcov.instrument import vanish
from pykcov.instrument.code import check
from pykcov.instrument.imports import ImportHook
from pykcov.instrument.rewrite import Granularity
from pykcov.instrument.selection import Selection
from pykcov.results import Choice, Results
from pykcov.tracer import complaints
from pykcov.warnings import PykcovWarning

ENTRIES = 1 << 21
"""Places that a log has room for, unless told otherwise. Only what is used becomes memory."""

_ENTRY_WORDS = 2


def read_log(words: memoryview) -> dict[int, int]:
    """Return the pcs in the words of a log, in the order of their first hits, and the seconds of time() of each."""
    count = min(words[0], (len(words) - 1) // _ENTRY_WORDS)
    entries = words[1 : 1 + count * _ENTRY_WORDS].tolist()
    found: dict[int, int] = {}
    for pc, seconds in zip(entries[::2], entries[1::2], strict=True):
        if pc:  # else the process was killed in the middle of it
            found.setdefault(pc, seconds)
    return found


class Log:
    """The first hits of all probes of this process, from its making until close(). Not of forked children."""

    def __init__(self, descriptor: int = -1, entries: int = ENTRIES) -> None:
        """Write into a file that is large enough, or into memory of its own. DeviceBusyError: too many are open."""
        # Not before: what pykcov imports, a traced program finds imported already.
        from mmap import MAP_ANONYMOUS, MAP_SHARED, mmap

        vanish.install()
        flags = MAP_SHARED | (MAP_ANONYMOUS if descriptor == -1 else 0)
        self._words = memoryview(mmap(descriptor, size_of(entries), flags)).cast("Q")
        self._log: int | None = _core.once_open(self._words)
        self._pid = os.getpid()
        _open_logs.append(self)

    def grow(self, descriptor: int, entries: int) -> None:
        """Go on in a larger file, which has the same entries already: the same one, for instance."""
        from mmap import MAP_SHARED, mmap  # not before: see above

        if self._log is not None:
            words = memoryview(mmap(descriptor, size_of(entries), MAP_SHARED)).cast("Q")
            _core.once_grow(self._log, words)
            self._words = words

    @property
    def entries(self) -> int:
        """For how many places there is room."""
        return (len(self._words) - 1) // _ENTRY_WORDS

    @property
    def is_full(self) -> bool:
        """Whether there is no room left."""
        return self._words[0] >= self.entries

    def first_hits(self) -> dict[int, int]:
        """Return the pcs of the places that were reached so far, in order, and the seconds of time() of each."""
        return read_log(self._words)

    def close(self) -> None:
        """Write no more. Twice is once."""
        log, self._log = self._log, None
        if log is not None:
            _open_logs.remove(self)
            _core.once_close(log)


_open_logs: list[Log] = []


def _close_in_child() -> None:
    for log in tuple(_open_logs):
        log.close()


os.register_at_fork(after_in_child=_close_in_child)


def size_of(entries: int) -> int:
    """Return how many bytes a log with room for so many places takes."""
    return 8 * (1 + _ENTRY_WORDS * entries)


class OnceTrace(Results):
    """What trace("once") returns: what ran at all in this process, in any thread, inside the with block."""

    def __init__(self, granularity: Granularity, selection: Selection) -> None:
        """Use trace()."""
        super().__init__(_core.TRACE_UNIQUE_PC, Choice(selection))
        self._granularity = granularity
        self._selection = selection
        self._hook: ImportHook | None = None
        self._functions = 0
        self._log: Log | None = None

    def __enter__(self) -> Self:
        """Instrument, then begin."""
        if self._hook is not None:
            raise RuntimeError("a trace can be entered once: call trace() again")
        with Unrecorded():
            self._log = Log()
            try:
                self._hook = ImportHook(self._selection, self._granularity)
                self._functions = self._hook.instrument_imported()
            except BaseException:
                self._log.close()
                if self._hook is not None:
                    self._hook.close()
                raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None, /
    ) -> None:
        """End. What was recorded stays with this object."""
        if self._hook is None or self._log is None:
            raise RuntimeError("this trace was not entered")
        with Unrecorded():
            self._log.close()
            self._hook.close()
        if self._log.is_full:
            warn(f"the log of {self._log.entries} places was full: trace less", PykcovWarning, stacklevel=2)
        for message in complaints(self._hook, self._functions, self._selection):
            warn(message, PykcovWarning, stacklevel=2)

    def first_hits(self) -> dict[int, int]:
        """Return the pcs of the chosen places that ran so far, in order, and the seconds of time.time() of each."""
        return {pc: seconds for pc, seconds in self._hits().items() if pc in self._choice}

    def raw(self) -> bytes:
        """Return the pcs recorded so far, 8 bytes each; also of code that other traces have chosen."""
        return b"".join(pc.to_bytes(8, "little") for pc in self._hits())

    def _hits(self) -> dict[int, int]:
        return {} if self._log is None else self._log.first_hits()


def once_trace(
    granularity: Granularity,
    include: Iterable[str],
    exclude: Iterable[str],
    source: Iterable[str | PathLike[str]],
    stdlib: bool,
) -> OnceTrace:
    """Return a trace of what runs at all; the arguments are those of trace()."""
    check(granularity)
    return OnceTrace(granularity, Selection(include, exclude, source, stdlib))
