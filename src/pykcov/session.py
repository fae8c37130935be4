"""trace(): which code does a block of the program run, in this thread, or wherever what it causes runs?"""

from collections.abc import Iterable
from errno import EBUSY, EPERM
from os import PathLike, fspath, getpid
from types import TracebackType
from typing import TYPE_CHECKING, Literal, Self, TypedDict, Unpack, overload
from warnings import warn

from pykcov import _core
from pykcov._exec import Unrecorded
from pykcov.complaints import complaints, full
from pykcov.device import Buffer, Device, DeviceBusyError, NotOwnerError
from pykcov.instrument.code import check
from pykcov.instrument.imports import ImportHook
from pykcov.instrument.rewrite import Granularity
from pykcov.instrument.selection import Selection
from pykcov.modes import Mode, number_of
from pykcov.results import Choice, Results
from pykcov.tracer import FollowedTrace, Tracer
from pykcov.warnings import PykcovWarning

if TYPE_CHECKING:
    from pykcov.kernel.device import KernelDevice
    from pykcov.kernel.results import KernelCall
    from pykcov.once.trace import OnceTrace


class _Choice(TypedDict, total=False):
    """Arguments of trace() that mean the same with `follow` and without."""

    granularity: Granularity
    include: Iterable[str]
    exclude: Iterable[str]
    source: Iterable[str | PathLike[str]]
    stdlib: bool
    nmemb: int | None


@overload
def trace(mode: Literal["once"], **choice: Unpack[_Choice]) -> "OnceTrace": ...
@overload
def trace(
    mode: Mode = "unique", *, follow: Literal[False] = False, kernel: bool = False, **choice: Unpack[_Choice]
) -> "Trace": ...
@overload
def trace(
    mode: Mode = "unique", *, follow: Literal[True], drain: float | None = None, **choice: Unpack[_Choice]
) -> FollowedTrace: ...
def trace(
    mode: Mode | Literal["once"] = "unique",
    *,
    granularity: Granularity = "line",
    include: Iterable[str] = (),
    exclude: Iterable[str] = (),
    source: Iterable[str | PathLike[str]] = (),
    stdlib: bool = False,
    nmemb: int | None = None,
    follow: bool = False,
    drain: float | None = None,
    kernel: bool = False,
) -> "Trace | FollowedTrace | OnceTrace":
    """Trace the calling thread in a with block: `with pykcov.trace() as t: ...`, then `t.lines()`.

    Functions that exist get probes when the block begins, and modules that are imported in it when they are imported;
    both keep them. Calls that are running when the block begins, such as that of the function that contains it, have no
    probes. Without `follow`, other threads and forked children are not traced; all tasks of an event loop in the
    calling thread are.

    Args:
        mode: 'unique' records each place once, in order of first hit. 'pc' records every hit, in order. 'cmp' records
            comparisons of integers instead, and 'cmp-bytes' also those of floats, str and bytes (docs/comparisons.md).
            'accesses' records, with follow, what threads access that they may share, for `interleavings()`
            (docs/interleavings.md); it has a granularity of its own. 'once' records which places run at all, in all
            threads of the process, and costs nothing after a while (docs/once.md); it cannot be combined with nmemb,
            follow, drain or kernel.
        granularity: 'line' for exact lines. 'block' is cheaper, and treats the lines of a block as one. 'arc' adds
            exact branches, which `arcs()` returns (docs/branches.md), and 'condition' the operands of `and`, `or` and
            `not`, which `conditions()` returns (docs/conditions.md).
        include: patterns for the names of modules to trace, as in fnmatch. A package stands for everything in it. By
            default, the program's own code is traced: files below the current folder and the folder of the main script,
            without installed packages and the standard library.
        exclude: patterns for the names of modules to leave out; they win over `include`.
        source: folders whose files are traced instead of the program's own code.
        stdlib: trace the standard library too.
        nmemb: size of the buffer in 64-bit words. It holds nmemb - 1 pcs, or a quarter as many entries of comparisons.
            `dropped` counts entries that do not fit. By default 262144, the maximum, or with `follow` 32768, except
            in mode 'accesses'.
        follow: trace what the block causes, in whatever thread or task it runs, and nothing else. Use it with `with`,
            with `async with`, or as a decorator of a function, sync or async (docs/attribution.md). Any number of such
            traces can be open.
        drain: with `follow`, the number of seconds to wait for unfinished work when the block ends.
        kernel: also record what the kernel does for the thread, in one order with the program, so that `kernel_calls()`
            tells which place made which call (docs/kernel.md). Every hit is recorded, as in mode 'pc', or every
            comparison.

    Returns:
        A context manager that holds the results: a `Trace`; with `follow` a `FollowedTrace`; in mode 'once' an
        `OnceTrace`.

    Raises:
        ValueError: the mode or granularity is unknown, or arguments contradict each other.
        TypeError: include, exclude or source is not a collection of strings.
        FileNotFoundError: a folder of source does not exist.
        UnsupportedPythonError: this Python is not supported.
        DeviceBusyError: on entering, EBUSY: the thread is traced already.
        InvalidValueError: on entering, EINVAL: nmemb is not in 1 ... 262144.

    Warns:
        PykcovWarning: on leaving: entries were dropped, a pattern of `include` matched nothing, or there was nothing to
            trace.
    """
    if mode == "once":
        if follow or kernel or drain is not None or nmemb is not None:
            raise ValueError("mode='once' records all threads: leave out follow, drain, kernel and nmemb")
        # Not before: most programs have no use for it.
        from pykcov.once.trace import once_trace

        return once_trace(granularity, include, exclude, source, stdlib)
    if follow and kernel:
        raise ValueError("kernel=True records the calling thread, not what follows: leave out follow=True")
    if follow:
        return FollowedTrace(_shared(mode, granularity, include, exclude, source, stdlib, nmemb), drain)
    if mode == "accesses":
        raise ValueError("mode='accesses' records what threads do to each other: add follow=True")
    if drain is not None:
        raise ValueError("drain is for follow=True: a trace of one thread causes no work that it could wait for")
    number = number_of("pc" if kernel and mode == "unique" else mode)
    check(granularity)
    return Trace(
        number,
        granularity,
        Selection(include, exclude, source, stdlib),
        _core.BUFFER_WORDS_MAX if nmemb is None else nmemb,
        kernel,
    )


_tracers: dict[object, Tracer] = {}


def _shared(
    mode: Mode,
    granularity: Granularity,
    include: Iterable[str],
    exclude: Iterable[str],
    source: Iterable[str | PathLike[str]],
    stdlib: bool,
    nmemb: int | None,
) -> Tracer:
    """Return the one Tracer of these arguments: traces that are open at the same time put probes in once."""
    chosen = tuple(include), tuple(exclude), tuple(fspath(path) for path in source)
    tracer = Tracer(
        mode,
        granularity=granularity,
        include=chosen[0],
        exclude=chosen[1],
        source=chosen[2],
        stdlib=stdlib,
        nmemb=nmemb,
    )
    return _tracers.setdefault((mode, granularity, chosen, stdlib, nmemb), tracer)


class Trace(Results):
    """What trace() returns: what the thread has run so far. Available inside the with block and after it."""

    def __init__(
        self, mode: int, granularity: Granularity, selection: Selection, nmemb: int, kernel: bool = False
    ) -> None:
        """Use trace()."""
        super().__init__(mode, Choice(selection), granularity)
        self._mode = mode
        self._selection = selection
        self._nmemb = nmemb
        self._functions = 0
        self._hook: ImportHook | None = None
        self._with_kernel = kernel
        self._kernel: KernelDevice | None = None
        self._pid = 0

    def __enter__(self) -> Self:
        """Instrument, then begin to trace the calling thread."""
        if self._hook is not None:
            raise RuntimeError("a trace can be entered once: call trace() again")
        device = Device()
        hook = None
        try:
            if self._with_kernel:
                # Not before: most programs have no use for it.
                from pykcov.kernel.beside import open_beside

                self._kernel = open_beside(device, self._nmemb)
                buffer: Buffer = self._kernel.mmap()
            else:
                device.set_buffer_size(self._nmemb)
                buffer = device.mmap()
            _enable(device, self._mode)
            with Unrecorded():
                hook = ImportHook(self._selection, self._granularity, compare=self._compares)
                self._functions = hook.instrument_imported()
            if self._kernel is not None:
                self._kernel.enable(_core.TRACE_CMP if self._compares else _core.TRACE_PC)
        except BaseException:
            device.close()
            if self._kernel is not None:
                self._kernel.close()
            if hook is not None:
                hook.close()
            raise
        self._hook, self._device, self._pid = hook, device, getpid()
        self._nmemb = buffer.nmemb
        self._show(buffer)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None, /
    ) -> None:
        """Stop tracing. What was recorded stays with this object."""
        device: Device | None = vars(self).pop("_device", None)  # in one step: a signal handler may end it, too
        if device is None or self._hook is None:
            raise RuntimeError("this trace was not entered, or has ended already")
        try:
            if self._kernel is not None:
                self._kernel.disable()
            device.disable()
        except NotOwnerError:
            if getpid() != self._pid:
                return  # a forked child, which was not traced
            raise NotOwnerError(
                EPERM,
                "this trace was entered in another thread and has to be left there; it has ended, with all that "
                "it recorded",
            ) from None
        finally:
            device.close()
            self._keep()
            if self._kernel is not None:
                self._kernel.close()
            self._hook.close()
        for message in self._complaints(self._hook):
            warn(message, PykcovWarning, stacklevel=2)

    def kernel_calls(self) -> "list[KernelCall]":
        """Return each call into the kernel so far, in order, with the place that made it. For `kernel=True`."""
        with Unrecorded():
            # Not before: see above.
            from pykcov.kernel.results import kernel_calls

            return kernel_calls(self.pcs)

    def _complaints(self, hook: ImportHook) -> list[str]:
        lost = full(self._lost, self._nmemb)
        return lost + complaints(hook, self._functions, self._selection)


def _enable(device: Device, mode: int) -> None:
    try:
        device.enable(mode)
    except DeviceBusyError:
        raise DeviceBusyError(
            EBUSY,
            "this thread is traced already: by an open trace(), a device of its own or `pykcov run`; that has to end "
            "first",
        ) from None
