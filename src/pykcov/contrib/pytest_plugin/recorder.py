"""Records what runs, by contexts of which one is open inside another, in the thread that runs tests and what it starts.

A context has a group, which threads and jobs started in it carry along, and a device that follows that group. The
thread that runs tests is in a section of the innermost context, so that there it does not matter what Python context
it is in: event loops that outlive a test run later ones in the context of the first.
"""

from os import getpid

from pykcov import _core
from pykcov._core import REMOTE_COMMON, TRACE_UNIQUE_PC, Group
from pykcov.device import Device
from pykcov.remote import interrupts, lending
from pykcov.remote.lending import Chosen
from pykcov.remote.unfinished import unfinished

_IDLE = 4


class Context:
    """A context that is open. Only a Recorder makes these."""

    __slots__ = ("device", "group", "name", "words")

    def __init__(self, name: str, group: Group, device: Device, words: memoryview) -> None:
        """Open nothing yet."""
        self.name = name
        self.group = group
        self.device = device
        self.words = words
        """Of the device's buffer."""


class Recorder:
    """Keeps the pcs of each context by its name. All methods are for the thread that runs tests.

    Threads that work for nobody, as those of pools between two jobs, record for the outermost context.
    """

    def __init__(self, outermost: str, chosen: Chosen | None = None) -> None:
        """Begin with a context of this name, which is there until close().

        chosen: what has probes in programs that are started in the contexts inside it, which are traced then.
        """
        self._chosen = chosen
        self.pcs: dict[str, dict[bytes, None]] = {}
        """What ran in each context: sets of pcs, each as the buffer had them, 8 bytes a pc; as a dictionary's keys."""
        self.dropped: dict[str, int] = {}
        """How many entries found the buffer of a context full, by its name; only those of which some did."""
        self.cut_off: dict[str, list[str]] = {}
        """The names of jobs and threads of a context that were not done when it ended; only where there were any."""
        self._alike: dict[bytes, bytes] = {}
        self._idle: list[tuple[Device, memoryview]] = []
        self._open: list[Context] = []
        self._pid = getpid()
        self._before = _core.group_variable.get(None)
        _core.set_nobody(self.begin(outermost).group)

    @property
    def in_child(self) -> bool:
        """Whether this is a forked copy of the process that records."""
        return getpid() != self._pid

    @property
    def innermost(self) -> Context:
        """The context that the calling thread records for."""
        return self._open[-1]

    def begin(self, name: str) -> Context:
        """Open a context, inside the one that is innermost so far."""
        device, words = self._take()
        group = Group()
        _core.group_variable.set(group)
        device.remote_attach(follow=True)
        device.enable(TRACE_UNIQUE_PC)
        context = Context(name, group, device, words)
        # Not the outermost one: what is started there are the workers of pytest-xdist, which trace themselves.
        if self._chosen is not None and self._open:
            lending.offer(group, device, TRACE_UNIQUE_PC, self._chosen)
        self._open.append(context)
        _core.enter(REMOTE_COMMON, group)
        return context

    def resume(self, context: Context) -> None:
        """Make a context that was suspended the innermost one."""
        _core.group_variable.set(context.group)
        self._open.append(context)
        _core.enter(REMOTE_COMMON, context.group)

    def suspend(self, context: Context) -> None:
        """Leave the innermost context; threads that it started go on recording for it."""
        assert self._open[-1] is context
        self._open.pop()
        _core.leave(REMOTE_COMMON, context.group)
        _core.group_variable.set(self._open[-1].group if self._open else self._before)

    def switch(self, context: Context, name: str) -> None:
        """Go on under another name. What was recorded so far, and threads at work, belong to the one before."""
        assert self._open[-1] is context
        context.device.disable(wait=False)
        self._keep(context)
        _core.leave(REMOTE_COMMON, context.group)
        if context.device.state == "ready" and not lending.is_lent(context.group):
            context.device.enable(TRACE_UNIQUE_PC)
            context.name = name
            _core.enter(REMOTE_COMMON, context.group)
        else:  # threads or other processes are at work for it
            self._count_cut_off(context)
            self._open.pop()
            self._give_up(context)
            renewed = self.begin(name)
            context.name, context.group = name, renewed.group
            context.device, context.words = renewed.device, renewed.words
            self._open[-1] = context

    def forget(self) -> None:
        """In a forked child: what the parent has kept is the parent's."""
        for kept in (self.pcs, self.dropped, self.cut_off):
            kept.clear()

    def keep(self) -> None:
        """Keep what the contexts that are open have recorded so far, which go on."""
        for context in self._open:
            self._keep(context)

    def end(self, context: Context) -> None:
        """Close the innermost context and keep what it recorded."""
        context.device.disable(wait=False)
        self.suspend(context)
        self._keep(context)
        self._count_cut_off(context)
        self._give_up(context)

    def begin_exit(self) -> None:
        """End all contexts, and record what the end of the interpreter runs."""
        self.close(interrupts.begin_exit())

    def at_exit(self) -> tuple[str, bytes] | None:
        """Return the context of what the end of the interpreter has run, and its pcs; None for nothing."""
        pcs = interrupts.recorded().get(interrupts.EXIT)
        return None if pcs is None else (interrupts.EXIT, pcs)

    def close(self, group: Group | None = None) -> None:
        """End all contexts that are open. Afterwards, what would be recorded here works for `group`. Twice is once."""
        if self._open:
            _core.set_nobody(group)
            self._before = group or self._before
        while self._open:
            self.end(self._open[-1])
        while self._idle:
            self._idle.pop()[0].close(wait=False)

    def _take(self) -> tuple[Device, memoryview]:
        if self._idle:
            return self._idle.pop()
        device = Device()
        device.set_buffer_size(_core.BUFFER_WORDS_MAX)
        return device, device.mmap().words

    def _give_up(self, context: Context) -> None:
        device = context.device
        _core.unregister(REMOTE_COMMON, context.group, wait=False)
        lent = lending.withdraw(context.group)
        if not lent and device.state == "ready" and len(self._idle) < _IDLE:
            self._idle.append((device, context.words))
        else:
            device.close(wait=False)

    def _keep(self, context: Context) -> None:
        words = context.words
        count = words[0]
        if not count:
            return
        raw = bytes(words[1 : 1 + count])
        words[0] = 0
        self.pcs.setdefault(context.name, {})[self._alike.setdefault(raw, raw)] = None
        if dropped := context.device.dropped:
            self.dropped[context.name] = self.dropped.get(context.name, 0) + dropped

    def _count_cut_off(self, context: Context) -> None:
        if context.group.pending and (names := unfinished(context.group)):
            self.cut_off.setdefault(context.name, []).extend(names)
