"""trace(): which code does a block of the program run, in this thread?"""

from collections.abc import Iterable
from errno import EBUSY, EPERM
from os import PathLike, getpid
from types import TracebackType
from typing import TYPE_CHECKING, Self
from warnings import warn

from pykcov import _core
from pykcov.device import Buffer, Device, DeviceBusyError, NotOwnerError, open
from pykcov.instrument.code import Unrecorded, check
from pykcov.instrument.imports import ImportHook
from pykcov.instrument.rewrite import Granularity
from pykcov.instrument.selection import Selection
from pykcov.locations import Location
from pykcov.modes import Mode, modes
from pykcov.native.locations import lines_of, symbolize
from pykcov.records import Comparison
from pykcov.warnings import PykcovWarning

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


def trace(
    mode: Mode = "unique",
    *,
    granularity: Granularity = "line",
    include: Iterable[str] = (),
    exclude: Iterable[str] = (),
    source: Iterable[str | PathLike[str]] = (),
    stdlib: bool = False,
    nmemb: int = _core.BUFFER_WORDS_MAX,
) -> "Trace":
    """Trace the calling thread in a with block: `with pykcov.trace() as t: ...`, then `t.lines()`.

    mode: 'unique' records each place once, in order of first hit; 'pc' records every hit, in order. 'cmp' records what
    is compared instead, where both operands are integers; 'cmp-bytes' floats, str and bytes, too (docs/comparisons.md).
    granularity: 'line' for exact lines; 'block' is cheaper, and takes the lines of a block as one.
    include, exclude, source, stdlib: what is traced, as in Selection; by default the program's own code. Functions
    that exist get probes when the block begins, modules imported in it when they are imported; both keep them.
    nmemb: size of the buffer in words; it takes nmemb - 1 pcs, or a quarter of that in entries of comparisons. Those
    that do not fit are counted in `dropped`.

    Calls that are running when the block begins, such as that of the function it stands in, have no probes. Other
    threads and forked children are not traced; all tasks of an event loop in the calling thread are.

    Raises ValueError for an unknown mode or granularity, TypeError and FileNotFoundError as Selection does,
    UnsupportedPythonError; on entering DeviceBusyError (EBUSY) if the thread is traced already and InvalidValueError
    (EINVAL) for a number of words that is not 1 to 262144. Warns (PykcovWarning) on leaving if anything was
    dropped, if a pattern of `include` matched nothing, and if there was nothing to trace.
    """
    if mode not in modes:
        raise ValueError(f"mode={mode!r}: expected one of {', '.join(map(repr, modes))}")
    check(granularity)
    return Trace(modes[mode], granularity, Selection(include, exclude, source, stdlib), nmemb)


class Trace:
    """What trace() returns: what the thread has run so far, inside the with block and after it."""

    def __init__(self, mode: int, granularity: Granularity, selection: Selection, nmemb: int) -> None:
        """Use trace()."""
        self._mode = mode
        self._granularity = granularity
        self._selection = selection
        self._nmemb = nmemb
        self._functions = 0
        self._hook: ImportHook | None = None
        self._device: Device | None = None
        self._buffer: Buffer | None = None
        self._pcs: NDArray[np.uint64] | None = None
        self._comparisons: list[Comparison] = []
        self._dropped = 0
        self._pid = 0

    def __enter__(self) -> Self:
        """Instrument, then begin to trace the calling thread."""
        if self._hook is not None:
            raise RuntimeError("a trace can be entered once: call trace() again")
        device = open()
        hook = None
        try:
            device.set_buffer_size(self._nmemb)
            buffer = device.mmap()
            _enable(device, self._mode)
            with Unrecorded():
                hook = ImportHook(self._selection, self._granularity, compare=self._compares)
                self._functions = hook.instrument_imported()
        except BaseException:
            device.close()
            if hook is not None:
                hook.close()
            raise
        self._hook, self._buffer, self._pid = hook, buffer, getpid()
        self._device = device
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None, /
    ) -> None:
        """Stop tracing. What was recorded stays with this object."""
        assert self._device is not None
        assert self._hook is not None
        try:
            self._device.disable()
        except NotOwnerError:
            if getpid() != self._pid:
                return  # a forked child, which was not traced
            raise NotOwnerError(
                EPERM,
                "this trace was entered in another thread and has to be left there; it has ended, with all that "
                "it recorded",
            ) from None
        finally:
            self._device.close()
            with Unrecorded():
                self._comparisons, self._pcs, self._dropped = self.comparisons(), self.pcs, self.dropped
            self._device = self._buffer = None
            self._hook.close()
        for message in self._complaints(self._hook):
            warn(message, PykcovWarning, stacklevel=2)

    @property
    def _compares(self) -> bool:
        return self._mode & _core.TRACE_CMP != 0

    @property
    def pcs(self) -> "NDArray[np.uint64]":
        """The pcs recorded so far, in order; in mode 'unique' each once. Of comparisons, where each was made."""
        with Unrecorded():
            if self._buffer is not None and not self._compares:
                return self._buffer.pcs()
            if self._pcs is not None:
                return self._pcs
            import numpy as np

            return np.array([one.pc for one in self.comparisons()], np.uint64)

    def comparisons(self) -> list[Comparison]:
        """Return what was compared so far, in order; nothing in the modes that record which code ran."""
        with Unrecorded():
            if self._buffer is not None and self._compares:
                return self._buffer.comparisons()
            return self._comparisons

    @property
    def dropped(self) -> int:
        """How many entries did not fit into the buffer so far."""
        return self._dropped if self._buffer is None else self._buffer.dropped

    def locations(self) -> list[Location]:
        """Return what each of `pcs` stands for, in the same order."""
        with Unrecorded():
            return symbolize(self.pcs)

    def lines(self) -> dict[str, list[int]]:
        """Return the source lines that have run so far: sorted, by file. None if comparisons are recorded instead."""
        with Unrecorded():
            return {} if self._compares else lines_of(self.pcs)

    def _complaints(self, hook: ImportHook) -> list[str]:
        complaints = []
        if self._dropped:
            complaints.append(
                f"the buffer of {self._nmemb} words was full: {self._dropped} entries were dropped. Trace less, or in "
                f"mode 'unique', or with a larger nmemb (at most {_core.BUFFER_WORDS_MAX})"
            )
        unmatched = hook.unmatched()
        if unmatched:
            complaints.append(f"include: no module is named {', '.join(map(repr, unmatched))}")
        elif not self._functions and not hook.modules:
            complaints.append(
                f"nothing could be traced: there is no Python function in {self._selection}, and none was imported. "
                "Name modules in include, folders in source, or set stdlib=True. Code that is running already when "
                "the trace begins is not seen: put it into a function"
            )
        return complaints


def _enable(device: Device, mode: int) -> None:
    try:
        device.enable(mode)
    except DeviceBusyError:
        raise DeviceBusyError(
            EBUSY,
            "this thread is traced already: by an open trace(), a device of its own or `pykcov run`; that has to end "
            "first",
        ) from None
