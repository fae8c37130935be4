"""trace("once"): what ran at all; probes that were hit vanish."""

from collections.abc import Iterable
from os import PathLike
from types import TracebackType
from typing import Self
from warnings import warn

from pykcov import _core
from pykcov._exec import Unrecorded
from pykcov.complaints import complaints
from pykcov.instrument.code import check
from pykcov.instrument.imports import ImportHook
from pykcov.instrument.rewrite import Granularity
from pykcov.instrument.selection import Selection
from pykcov.once.log import Log
from pykcov.results import Choice, Results
from pykcov.warnings import PykcovWarning


class OnceTrace(Results):
    """What trace("once") returns: what ran at all in this process, in any thread, inside the with block."""

    def __init__(self, granularity: Granularity, selection: Selection) -> None:
        """Use trace()."""
        super().__init__(_core.TRACE_UNIQUE_PC, Choice(selection), granularity)
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
        """Return the selected places that ran so far: their pcs, in order, each with the time of its first hit.

        Returns:
            pc -> seconds, as of `time.time()`.
        """
        return {pc: seconds for pc, seconds in self._hits().items() if pc in self._choice}

    def raw(self) -> bytes:
        """Return the pcs recorded so far, 8 bytes each, including those of code that other traces selected."""
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
