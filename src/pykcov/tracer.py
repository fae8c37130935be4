"""Tracer: instruments once and traces many pieces of work, each with all that it causes, wherever that runs."""

import time
from _thread import RLock
from collections.abc import Callable, Iterable
from contextlib import suppress
from contextvars import Token
from errno import EMFILE
from os import PathLike, getpid, register_at_fork
from sys import getrefcount
from types import TracebackType
from typing import Any, NamedTuple, ParamSpec, Self, TypeVar, cast
from warnings import warn

from pykcov import _core
from pykcov._core import Group
from pykcov._exec import Unrecorded
from pykcov.complaints import complaints, full
from pykcov.device import Buffer, Device
from pykcov.instrument.code import check
from pykcov.instrument.imports import ImportHook
from pykcov.instrument.rewrite import Granularity
from pykcov.instrument.selection import Selection
from pykcov.interleavings import InterleavingsError, Pair, pairs_of
from pykcov.modes import Mode, number_of
from pykcov.remote import carriers, garbage_collector, interrupts, lending
from pykcov.remote.tasks import tasks
from pykcov.results import Choice, Results
from pykcov.traces.locations import files
from pykcov.warnings import PykcovWarning

P = ParamSpec("P")
R = TypeVar("R")

NMEMB = 1 << 15
"""Words of the buffer of a trace that follows, unless told otherwise: hundreds of them may be open."""

_DEVICES_KEPT = 64

# Open traces of accesses, which are of one process only: memory of another one is another memory.
_of_accesses: "dict[FollowedTrace, Device]" = {}

# Reentrant, as a signal handler may trace while its thread is in the middle of what this guards. So each step there
# either is one call of C that changes the state, or can be done by somebody else in between.
_lock = RLock()


class _Started(NamedTuple):
    """What a tracer has while it is started."""

    hook: ImportHook
    functions: int

    def end(self) -> None:
        """Undo it."""
        with Unrecorded():
            carriers.remove()
            self.hook.close()


class Tracer:
    """Traces pieces of work that may run at the same time, each separately: `with tracer.trace() as t: ...`.

    A trace holds what the block runs and all work that it causes, in whatever thread or task that runs, and nothing
    else: threads that it starts, jobs that it submits to executors, and tasks, callbacks and timers that it creates
    follow, and so do theirs (docs/attribution.md). Code is instrumented once, by the first trace or by start().
    """

    def __init__(
        self,
        mode: Mode = "unique",
        *,
        granularity: Granularity = "line",
        include: Iterable[str] = (),
        exclude: Iterable[str] = (),
        source: Iterable[str | PathLike[str]] = (),
        stdlib: bool = False,
        nmemb: int | None = None,
    ) -> None:
        """Take the arguments of pykcov.trace(); the default buffer of each trace is smaller.

        Args:
            mode: 'unique', 'pc', 'cmp', 'cmp-bytes' or 'accesses', as for trace().
            granularity: as for trace().
            include: as for trace().
            exclude: as for trace().
            source: as for trace().
            stdlib: as for trace().
            nmemb: words of each trace's buffer, by default 32768, as hundreds may be open; for 'accesses' the maximum.

        Raises:
            ValueError: the mode or granularity is unknown.
            TypeError: include, exclude or source is not a collection of strings.
            FileNotFoundError: a folder of source does not exist.
        """
        self.mode = number_of(mode)
        self.tells_accesses = self.mode == _core.TRACE_ACCESS
        if self.tells_accesses:
            if granularity != "line":
                raise ValueError(f"mode='accesses' has a granularity of its own: leave out {granularity!r}")
            granularity = "access"
        check(granularity)
        self.nmemb = nmemb if nmemb is not None else _core.BUFFER_WORDS_MAX if self.tells_accesses else NMEMB
        self.granularity: Granularity = granularity
        self._selection = Selection(include, exclude, source, stdlib)
        self.choice = Choice(self._selection)
        self._offered_as = lending.Chosen.by(self._selection, granularity, self.mode & _core.TRACE_CMP != 0)
        self._starts: list[None] = []
        self._started: dict[None, _Started] = {}  # of one, or none
        self._idle: list[tuple[Device, Buffer]] = []
        self._pid = 0

    def __enter__(self) -> Self:
        """Begin, and give the tracer."""
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None, /
    ) -> None:
        """End."""
        self.stop()

    def start(self) -> None:
        """Put probes into the selected code, now and as it is imported, until stop() was called as often as start()."""
        with _lock:
            self._starts.append(None)
            try:
                if not self._started:
                    started = self._start()
                    if self._started.setdefault(None, started) is not started:
                        started.end()  # a signal handler has done the same meanwhile
            except BaseException:
                self._stop()
                raise

    def _start(self) -> _Started:
        hook = None
        try:
            with Unrecorded():
                hook = ImportHook(self._selection, self.granularity, self._offered_as.compare)
                functions = hook.instrument_imported()
                carriers.install()
        except BaseException:
            if hook is not None:
                hook.close()
            raise
        return _Started(hook, functions)

    def stop(self) -> None:
        """Instrument no further modules.

        Warns:
            PykcovWarning: there was nothing to trace.
        """
        with _lock:
            stopped = self._stop()
        if stopped is not None:
            for message in complaints(stopped.hook, stopped.functions, self._selection):
                warn(message, PykcovWarning, stacklevel=3)

    def _stop(self) -> _Started | None:
        """Undo one start(); return what ended with it."""
        if not self._starts:
            return None
        self._starts.pop()
        started = None if self._starts else self._started.pop(None, None)
        if started is None or (self._starts and self._started.setdefault(None, started) is started):
            return None  # in the latter case a signal handler has started it meanwhile
        started.end()
        with Unrecorded(), suppress(IndexError):
            while True:
                self._idle.pop()[0].close(wait=False)
        return started

    def trace(
        self,
        drain: float | None = None,
        done: "Callable[[FollowedTrace], object] | None" = None,
        count_tasks: bool = True,
    ) -> "FollowedTrace":
        """Return a trace, to be entered once: `with` it, or `async with`.

        As a decorator, `@tracer.trace()`, it traces each call of a function, sync or async, in a trace of its own. The
        function's attribute `trace` is that of the call that ended last.

        Args:
            drain: when the block ends, the number of seconds to wait for unfinished work that it caused: threads, jobs
                of executors and, with `async with`, tasks. None cuts off what is running.
            done: called with each trace when it has ended, in the thread that ended it, untraced.
            count_tasks: whether `cut_off` counts tasks too. Finding them takes half a microsecond for each task of the
                event loop, whoever it belongs to: too much for a service with hundreds of requests at a time.
        """
        return FollowedTrace(self, drain, done, count_tasks)

    def files(self) -> list[str]:
        """Return the files of the selected code that has probes."""
        return [file for file, module in files().items() if self._selection.matches(module, file)]

    def interrupts(self) -> dict[str, Results]:
        """Return what interrupted this process while any trace followed, by context, of the selected code.

        '(signal)' is what handlers of signals from outside ran, '(collector)' what the garbage collector ran of its own
        accord, and '(exit)' what the end of the interpreter ran, where that is recorded. It is in no trace, because it
        might have interrupted any. What a trace causes itself, by gc.collect() or a signal to itself, is in that trace.
        """
        return {name: Results.of(raw, self.choice, self.granularity) for name, raw in interrupts.recorded().items()}

    def take_device(self) -> tuple[Device, Buffer]:
        """Return a device in state 'ready' and its buffer, which is empty."""
        if self._pid != getpid():  # those of a forked process's parent are the parent's
            self._idle, self._pid = [], getpid()
        try:
            return self._idle.pop()
        except IndexError:
            pass
        try:
            device = Device()
        except OSError as error:
            if error.errno == EMFILE:
                error.strerror = "no descriptor is left for the device of another trace: raise `ulimit -n`"
            raise
        try:
            device.set_buffer_size(self.nmemb)
            return device, device.mmap()
        except BaseException:
            device.close()
            raise

    def offer(self, group: Group, device: Device) -> None:
        """Let other processes take part in a trace that has begun."""
        lending.offer(group, device, self.mode, self._offered_as)

    def give_back(self, device: Device, buffer: Buffer, group: Group) -> None:
        """Let the device be used again, if nobody is in a section of it, here or in another process."""
        _core.unregister(_core.REMOTE_COMMON, group, wait=False)
        lent = lending.withdraw(group)
        if not lent and device.state == "ready" and self._started and len(self._idle) < _DEVICES_KEPT:
            buffer.reset()
            self._idle.append((device, buffer))
        else:
            device.close(wait=False)


class FollowedTrace(Results):
    """What Tracer.trace() returns: what the block, and all work that it causes, has run so far."""

    def __init__(
        self,
        tracer: Tracer,
        drain: float | None = None,
        done: "Callable[[FollowedTrace], object] | None" = None,
        count_tasks: bool = True,
    ) -> None:
        """Use Tracer.trace() or pykcov.trace(follow=True)."""
        super().__init__(tracer.mode, tracer.choice, tracer.granularity)
        self._tracer = tracer
        self._drain = drain
        self._done = done
        self._count_tasks = count_tasks
        self._group: Group | None = None
        self._references = 0
        self._token: Token[Group | None] | None = None
        self._pid = 0
        self._beginner = 0
        self.cut_off = 0
        """How many jobs and tasks that the block caused were not done when it ended; what they ran later is not in the
        trace. Tasks are counted where the block ends in a task of an event loop of asyncio's making."""

    def __enter__(self) -> Self:
        """Begin: the work of the caller, and what that causes, is traced."""
        if self._group is not None:
            raise RuntimeError("a trace can be entered once: call trace() again")
        self._tracer.start()
        try:
            with Unrecorded():
                self._begin()
        except BaseException:
            self._tracer.stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None, /
    ) -> None:
        """End. What was recorded stays with this object."""
        if self._drain is not None and self._group is not None:
            deadline = time.monotonic() + self._drain
            while self._group.pending and time.monotonic() < deadline:
                time.sleep(0.001)
        self.end()

    async def __aenter__(self) -> Self:
        """Begin, as __enter__()."""
        return self.__enter__()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None, /
    ) -> None:
        """End. To wait for work that is not done does not hold up the event loop."""
        import asyncio  # not before: most programs have no use for it

        if self._drain is not None and self._group is not None:
            deadline = time.monotonic() + self._drain
            while (left := deadline - time.monotonic()) > 0:
                if waiting := tasks(self._group):
                    await asyncio.wait(waiting, timeout=left)
                elif self._group.pending:
                    await asyncio.sleep(0.001)
                else:
                    break
        self.end()

    def interleavings(self) -> list[Pair]:
        """Return the pairs of accesses of two threads that followed each other so far (docs/interleavings.md).

        Returns:
            The pairs, in the order in which they first occurred.

        Raises:
            InterleavingsError: a ValueError: the mode is not 'accesses'.
        """
        if not self._tracer.tells_accesses:
            raise InterleavingsError
        with Unrecorded():
            words = memoryview(self.raw()).cast("Q").tolist()
            entries = zip(words[::2], words[1::2], strict=True)
            return pairs_of([entry for entry in entries if entry[0] in self._choice], self._beginner)

    def interrupts(self) -> dict[str, Results]:
        """Return what interrupted this process so far, by context, of the code that this trace selects.

        This covers the whole process, also before the trace began: see Tracer.interrupts().
        """
        return self._tracer.interrupts()

    def __call__(self, function: Callable[P, R]) -> Callable[P, R]:
        """Decorate a function: each call is traced."""
        # Not before: a program under `pykcov run` must not find imported what it did not import.
        from functools import wraps
        from inspect import iscoroutinefunction

        tracer, drain, done, count_tasks = self._tracer, self._drain, self._done, self._count_tasks

        def begin() -> FollowedTrace:
            return FollowedTrace(tracer, drain, end, count_tasks)

        def end(trace: FollowedTrace) -> None:
            cast(Any, traced).trace = trace
            if done is not None:
                done(trace)

        if iscoroutinefunction(function):

            @wraps(function)
            async def traced(*args: P.args, **kwargs: P.kwargs) -> Any:
                async with begin():
                    return await function(*args, **kwargs)
        else:

            @wraps(function)
            def traced(*args: P.args, **kwargs: P.kwargs) -> R:
                with begin():
                    return function(*args, **kwargs)

        # Else the first call would be the one that puts the probes in, and the last would take the hook away.
        tracer.start()
        return cast(Callable[P, R], traced)

    def _begin(self) -> None:
        device, buffer = self._tracer.take_device()
        self._pid = getpid()
        group = self._group = Group()
        self._references = getrefcount(self._group) + 1  # that of lending
        self._token = _core.group_variable.set(group)
        try:
            device.remote_attach(follow=True)
            device.enable(self._tracer.mode)
            if self._tracer.tells_accesses:
                self._beginner = _core.thread_number()
                _of_accesses[self] = device
            else:
                self._tracer.offer(group, device)
        except BaseException:
            device.close(wait=False)
            self._reset()
            raise
        self._device = device
        self._show(buffer)
        _core.follow()

    def end(self) -> None:
        """End before the block does, without waiting for unfinished work. Idempotent."""
        device: Device | None = vars(self).pop("_device", None)  # in one step: a signal handler may end it, too
        buffer, group = self._buffer, self._group
        if device is None or buffer is None or group is None:
            return
        try:
            with Unrecorded():
                if getpid() == self._pid:
                    self._give_back(device, buffer, group)
                else:  # a forked child leaves the trace to its parent
                    self._reset()
        finally:  # a signal handler may raise at any moment
            self._tracer.stop()
        for message in full(self._lost, self._tracer.nmemb):
            warn(message, PykcovWarning, stacklevel=3)

    def _give_back(self, device: Device, buffer: Buffer, group: Group) -> None:
        try:
            device.disable(wait=False)
            self._keep()
        finally:
            _of_accesses.pop(self, None)
            self._reset()
            self.cut_off = group.pending + self._unfinished_tasks()
            self._tracer.give_back(device, buffer, group)
        if self._done is not None:
            self._done(self)

    def _unfinished_tasks(self) -> int:
        # Where no context names the group any more there are none: a quick look, as to find them is not.
        if self._group is None or not self._count_tasks or getrefcount(self._group) <= self._references:
            return 0
        return len(tasks(self._group))

    def _reset(self) -> None:
        assert self._token is not None
        garbage_collector.settle()
        # ValueError: left in another context than it was entered in, as generators may be.
        with suppress(ValueError):
            _core.group_variable.reset(self._token)
        _core.follow()


def _begin_child() -> None:
    """In the child of a fork: a thread that holds the lock does not exist here."""
    global _lock
    _lock = RLock()
    for device in _of_accesses.values():
        device.disable(wait=False)
    _of_accesses.clear()


register_at_fork(after_in_child=_begin_child)
