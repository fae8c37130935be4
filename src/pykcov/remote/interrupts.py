"""What barges in on threads: it belongs to none of the traces that it interrupts, but to contexts of the process.

A signal from outside and a collection that an allocation sets off may hit any trace by chance. What they run, and what
that starts, works for a group of its own, which has a device while anybody follows a group. What a thread brings about
itself, by gc.collect() or by a signal to itself, is its own work: the core knows (core/python/interrupts.h).
"""

import atexit
from _thread import RLock
from array import array
from os import register_at_fork
from warnings import warn

from pykcov import _core
from pykcov._core import REMOTE_COMMON, TRACE_UNIQUE_PC, Group
from pykcov.device import Device
from pykcov.warnings import PykcovWarning

SIGNAL = "(signal)"
"""What handlers of signals ran that came from outside: from a timer, another thread or another process."""
COLLECTOR = "(collector)"
"""What the garbage collector ran of its own accord: finalisers, callbacks of weak references, ends of generators."""
EXIT = "(exit)"
"""What the end of the interpreter ran: functions of atexit, finalisers."""


class Context:
    """One of the contexts of the process."""

    def __init__(self) -> None:
        """Record nothing yet."""
        self.group = Group()
        self._device: Device | None = None
        self._follows = False
        self._pcs: dict[int, None] = {}
        self._dropped = 0

    def begin(self, follow: bool = True) -> None:
        """Record what works for the group. OSError if there can be no device.

        follow: also what threads work for it without a section, for which all events look whom their thread follows.
        """
        device = self._device
        if device is not None and follow and not self._follows:
            self.close()
            device = None
        if device is not None and device.state == "trace":
            return
        if device is not None and device.state != "ready":  # threads are at work for it still
            self._give_up(device)
            device = None
        if device is None:
            device = Device()
            device.set_buffer_size(_core.BUFFER_WORDS_MAX)
            token = _core.group_variable.set(self.group)
            try:
                device.remote_attach(follow=follow)
            except BaseException:
                device.close(wait=False)
                raise
            finally:
                _core.group_variable.reset(token)
            self._device, self._follows = device, follow
        self._dropped += device.dropped  # which begins anew
        device.enable(TRACE_UNIQUE_PC)

    def end(self) -> None:
        """Record nothing more."""
        if self._device is not None and self._device.state == "trace":
            self._device.disable(wait=False)
            self._keep(self._device)
            self._device.mmap().reset()

    def close(self) -> None:
        """Record nothing more, and give the device up."""
        if self._device is not None:
            self._keep(self._device)
            self._give_up(self._device)
            self._device = None

    def recorded(self) -> bytes:
        """Return the pcs of what has run so far, each once, of 8 bytes."""
        if self._device is not None:
            self._keep(self._device)
        return array("Q", self._pcs).tobytes()

    @property
    def dropped(self) -> int:
        """How many entries found the buffer full."""
        return self._dropped + (self._device.dropped if self._device is not None else 0)

    def _keep(self, device: Device) -> None:
        words = device.mmap().words
        self._pcs.update(dict.fromkeys(words[1 : 1 + min(words[0], len(words) - 1)]))

    def _give_up(self, device: Device) -> None:
        self._dropped += device.dropped
        _core.unregister(REMOTE_COMMON, self.group, wait=False)
        device.close(wait=False)
        self.group = Group()


_barging_in = (SIGNAL, COLLECTOR)
_contexts = {name: Context() for name in _barging_in}
_lock = RLock()
_told: set[str] = set()


def begin(record: bool) -> None:
    """Tell what barges in from now on, until end().

    record: all of it. False: nobody asks, and it is only kept out of what it interrupts.
    """
    with _lock:
        for intercept in (_core.intercept_collect, _core.intercept_signals):
            try:
                intercept()
            except (AttributeError, ValueError) as error:
                _say_once(f"what barges in on threads is not told from their own work: {error}")
        try:
            for name in _barging_in:
                _contexts[name].begin(follow=record)
        except OSError as error:
            _say_once(f"what barges in on threads is not recorded: {error}")
        _core.set_interrupt_groups(_contexts[SIGNAL].group, _contexts[COLLECTOR].group)
        _core.wrap_handlers()


def end() -> None:
    """Undo begin()."""
    with _lock:
        _core.set_interrupt_groups(None, None)
        for name in _barging_in:
            _contexts[name].end()


def follow_exit() -> None:
    """Record what the interpreter's end runs, from the moment when it begins to wait for threads. Idempotent."""
    # Not before: most programs have no use for it.
    import threading

    with _lock:
        if EXIT not in _contexts:
            _contexts[EXIT] = Context()
            threading._register_atexit(begin_exit)  # type: ignore[attr-defined]


def begin_exit() -> Group:
    """Record from now on for EXIT what the calling thread runs, and others that work for nobody; return its group."""
    with _lock:
        context = _contexts.setdefault(EXIT, Context())
        try:
            context.begin()
        except OSError as error:
            _say_once(f"what the end of the interpreter runs is not recorded: {error}")
        _core.group_variable.set(context.group)
        _core.set_nobody(context.group)
        _core.follow()
        return context.group


def recorded() -> dict[str, bytes]:
    """Return what barged in on this process so far, by context: pcs of 8 bytes, of all code that has probes."""
    with _lock:
        return {name: pcs for name, context in _contexts.items() if (pcs := context.recorded())}


def dropped() -> dict[str, int]:
    """Return how many entries found the buffer of a context full, of those of which some did."""
    return {name: context.dropped for name, context in _contexts.items() if context.dropped}


def _say_once(message: str) -> None:
    if message not in _told:
        _told.add(message)
        warn(message, PykcovWarning, stacklevel=3)


def _close() -> None:
    for context in _contexts.values():
        context.close()


# As this is registered before what wants to know, it is called after that.
atexit.register(_close)


def _forget_lock() -> None:
    global _lock
    _lock = RLock()


# A thread that holds the lock does not exist in the child of a fork.
register_at_fork(after_in_child=_forget_lock)
