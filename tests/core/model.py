"""A model of kcov(4) as pykcov promises it: every rule once, nothing fast, no threads.

An operation is a method of `Model`. It answers "ok", an errno's name, or `BLOCKED`; an operation that sleeps is kept
as a `Sleeper`, and the operation that lets it go puts its answer into `Model.completed`.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence

from model_objects import BUFFER_WORDS_MAX, ENTRY_WORDS, PAGE, Device, Handle, Key, Record, Sleeper, Thread

OK = "ok"
BLOCKED = "blocked"


class Model:
    """One system. `completed` collects (sleeper, answer) pairs; whoever drives the model empties it."""

    def __init__(self, groups: Sequence[int]) -> None:
        """Start with one thread for each member of `groups`, in that group."""
        self.threads = [Thread(group) for group in groups]
        self.units: dict[int, Device] = {}
        self.devices: list[Device] = []
        self.handles: dict[Key, Handle] = {}
        self.halted = False
        self.debugger = False
        self.asleep: list[Sleeper] = []
        self.completed: list[tuple[Sleeper, str]] = []
        self._woken: list[Sleeper] = []

    # Sleeping and waking

    def settle(self, order: Sequence[int] | None = None) -> None:
        """Let the woken sleepers look again (R6: after the step that woke them), in `order`."""
        woken, self._woken = self._woken, []
        for position in order or range(len(woken)):
            sleeper = woken[position]
            again = self._attach if sleeper.device else self._register
            self._finish(sleeper, again(sleeper))
        assert not self._woken

    def woken(self) -> int:
        """How many sleepers will look again."""
        return len(self._woken)

    def _finish(self, sleeper: Sleeper, answer: str) -> None:
        if answer != BLOCKED:
            self.asleep.remove(sleeper)
            self.completed.append((sleeper, answer))

    def _sleep(self, queue: list[Sleeper], sleeper: Sleeper) -> str:
        queue.append(sleeper)
        if sleeper not in self.asleep:
            self.asleep.append(sleeper)
        return BLOCKED

    def _drain(self, thread: Thread, handle: Handle, wait: bool) -> str:
        """Finish `handle` now, or sleep until its last section is left. Own sections of it are left already."""
        if handle.sections == 0:
            self._end(handle)
            return OK
        if not wait:
            return OK
        self._leave_forced(thread)
        return self._sleep(handle.drainers, Sleeper(thread, handle.key))

    def _end(self, handle: Handle) -> None:
        """What the leaver of the last section does (R5)."""
        device = handle.device
        if handle.state == "dying":
            del self.handles[handle.key]
            self._woken += handle.retries
            if device:
                self._unlink(handle, device)
        elif device and device.closed:
            self._unlink(handle, device)
        elif device and device.state == "stopping":
            device.state = "ready"
        drainers, handle.drainers = handle.drainers, []
        for sleeper in drainers:
            self._finish(sleeper, OK)

    def _unlink(self, handle: Handle, device: Device) -> None:
        handle.device = device.handle = None
        if device.closed:
            self.devices.remove(device)
        elif device.state in ("trace", "stopping"):
            device.state, device.mode = "ready", "none"

    def _settle_own(self, thread: Thread) -> None:
        """Free an own device that others have closed (D13, R9)."""
        if thread.own and thread.own.state == "dying":
            self.devices.remove(thread.own)
            thread.own = None

    # Sections

    def enter(self, thread: Thread, key: Key, depth: int = 0) -> str:
        """Begin a section; it takes effect only where there is something to trace into."""
        handle = self.handles.get(key)
        record = Record(handle or Handle(key), effective=False)
        device = record.handle.device
        if handle and handle.state == "ready" and device and device.state == "trace":
            record.effective = not (depth and thread.interrupt_section())
        if record.effective:
            record.handle.sections += 1
            record.mode = device.mode if device else "none"
        thread.stacks[depth > 0].append(record)
        return OK

    def leave(self, thread: Thread, key: Key, depth: int = 0) -> str:
        """End the innermost section if it is one of `key`."""
        stack = thread.stacks[depth > 0]
        if stack and stack[-1].handle.key == key:
            self._end_section(stack.pop(), interrupt=depth > 0)
        return OK

    def _end_section(self, record: Record, interrupt: bool) -> None:
        if not record.effective:
            return
        record.effective = False
        handle, device = record.handle, record.handle.device
        if interrupt and device and device.state == "trace" and device.mode == record.mode:
            width = ENTRY_WORDS[record.mode]
            entries = len(record.batch) // width
            device.dropped += record.overflow
            if entries <= device.room(width):
                device.append(record.batch, width)
            else:
                device.dropped += entries
        handle.sections -= 1
        if handle.sections == 0:
            self._end(handle)

    def _leave_forced(self, thread: Thread, handle: Handle | None = None) -> None:
        """Leave the open sections of `handle` (or all); the records stay, without effect (R2)."""
        for interrupt, stack in enumerate(thread.stacks):
            for record in reversed(stack):
                if handle is None or record.handle is handle:
                    self._end_section(record, interrupt=bool(interrupt))

    # Handles

    def reg(self, thread: Thread, key: Key) -> str:
        """Register a handle."""
        return self._register(Sleeper(thread, key))

    def _register(self, sleeper: Sleeper) -> str:
        while (handle := self.handles.get(sleeper.key)) and handle.state == "dying":
            if not sleeper.thread.in_section():
                return self._sleep(handle.retries, sleeper)
            self._leave_forced(sleeper.thread)
        if not handle:
            self.handles[sleeper.key] = Handle(sleeper.key)
        return OK

    def unreg(self, thread: Thread, key: Key, wait: bool = True) -> str:
        """Unregister a handle and wait for its sections."""
        handle = self.handles.get(key)
        if not handle:
            return OK
        self._leave_forced(thread, handle)
        if self.handles.get(key) is not handle:
            return OK
        handle.state = "dying"
        return self._drain(thread, handle, wait)

    # Devices

    def open(self, thread: Thread, unit: int) -> str:
        """Open a unit."""
        if unit in self.units:
            return "EBUSY"
        self.units[unit] = Device()
        self.devices.append(self.units[unit])
        return OK

    def setbuf(self, thread: Thread, unit: int, n: int) -> str:
        """Give the device its buffer of `n` words."""
        self._settle_own(thread)
        if not (device := self.units.get(unit)):
            return "ENXIO"
        if device.words is not None:
            return "EBUSY"
        if not 1 <= n <= BUFFER_WORDS_MAX:
            return "EINVAL"
        device.words = array("Q", bytes(-(-8 * n // PAGE) * PAGE))
        device.size, device.state = n, "ready"
        return OK

    def enable(self, thread: Thread, unit: int, mode: str | int) -> str:
        """Start to trace the calling thread, or the sections of the device's handle."""
        self._settle_own(thread)
        if not (device := self.units.get(unit)):
            return "ENXIO"
        if thread.attached():
            return "EBUSY"
        if device.state != "ready":
            return "ENXIO"
        if not isinstance(mode, str):
            return "EINVAL"
        device.state, device.mode, device.dropped = "trace", mode, 0
        if not device.handle:
            device.owner, thread.own = thread, device
        return OK

    def disable(self, thread: Thread, unit: int, wait: bool = True) -> str:
        """Stop to trace."""
        self._settle_own(thread)
        if not (device := self.units.get(unit)):
            return "ENXIO"
        handle = device.handle
        if not handle and device.owner is not thread:
            return "EPERM"
        if device.state != "trace":
            return "ENXIO"
        if not handle:
            device.state, device.mode, device.owner, thread.own = "ready", "none", None, None
            return OK
        self._leave_forced(thread, handle)
        if device.state != "trace":
            return OK
        device.state, device.mode = "stopping", "none"
        return self._drain(thread, handle, wait)

    def rattach(self, thread: Thread, unit: int, sub: int, id: int) -> str:
        """Make the device remote: it belongs to a handle instead of to a thread."""
        self._settle_own(thread)
        if not (device := self.units.get(unit)):
            return "ENXIO"
        key = (sub, id) if sub else (0, f"G{thread.group}")
        return self._attach(Sleeper(thread, key, device))

    def _attach(self, sleeper: Sleeper) -> str:
        key, device = sleeper.key, sleeper.device
        assert device
        common = key[0] == 0
        while True:
            if device.closed or device.state != "ready":
                return "ENXIO"
            handle = self.handles.get(key)
            if not handle and not common:
                return "EINVAL"
            if device.handle:
                return "EBUSY"
            if not handle:
                break
            if handle.device if not common else handle.state != "dying":
                return "EBUSY"
            if not common:
                break
            if not sleeper.thread.in_section():
                return self._sleep(handle.retries, sleeper)
            self._leave_forced(sleeper.thread)
        handle = handle or self.handles.setdefault(key, Handle(key))
        handle.state, handle.device, device.handle = "ready", device, handle
        return OK

    def close(self, thread: Thread, unit: int, wait: bool = True) -> str:
        """Close a unit and wait for the sections that record into it."""
        self._settle_own(thread)
        if not (device := self.units.get(unit)):
            return "ENXIO"
        if device.handle:
            self._leave_forced(thread, device.handle)
        del self.units[unit]
        device.closed = True
        if device.owner and device.owner is not thread:
            device.state, device.mode = "dying", "none"
            return OK
        if handle := device.handle:
            if handle.state != "dying":
                handle.state = "none" if handle.key[0] else "dying"
            return self._drain(thread, handle, wait)
        if device.owner:
            device.owner = thread.own = None
        self.devices.remove(device)
        return OK

    def ioctl(self, thread: Thread, unit: int) -> str:
        """Try a request that does not exist."""
        return "ENOTTY" if unit in self.units else "ENXIO"

    def mmap(self, thread: Thread, unit: int, off: int) -> int | str:
        """Say whether byte offset `off` can be mapped."""
        device = self.units.get(unit)
        return off if device and device.words is not None and 0 <= off < 8 * len(device.words) else "fail"

    def exit(self, thread: Thread) -> str:
        """End the thread. It never sleeps and never stops a remote device."""
        self._leave_forced(thread)
        self._settle_own(thread)
        if thread.own:
            thread.own.state, thread.own.mode, thread.own.owner, thread.own = "ready", "none", None, None
        thread.exited = True
        return OK

    def poke(self, unit: int, at: int, v: int) -> str:
        """Write a word as the user may at any time."""
        words = self.units[unit].words
        assert words is not None
        words[at] = v
        return OK

    # Events

    def pc(self, thread: Thread, site: int, depth: int = 0, times: int = 1) -> str:
        """Run through `site`."""
        return self._record(thread, depth, "pc", [site], times)

    def cmp(
        self, thread: Thread, site: int, size: int, a: int, b: int, const: bool = False, depth: int = 0, times: int = 1
    ) -> str:
        """Compare two operands of `size` bytes."""
        mask = (1 << 8 * size) - 1
        kind = (size.bit_length() - 1) << 1 | const
        return self._record(thread, depth, "cmp", [kind, a & mask, b & mask, site], times)

    def switch(
        self, thread: Thread, site: int, bits: int, v: int, cases: Sequence[int], depth: int = 0, times: int = 1
    ) -> str:
        """Compare a value with each of the cases."""
        if bits not in (8, 16, 32, 64):
            return OK
        kind = ((bits // 8).bit_length() - 1) << 1 | 1
        entries = [word for case in cases for word in (kind, case, v, site)]
        return self._record(thread, depth, "cmp", entries, times)

    def _record(self, thread: Thread, depth: int, mode: str, words: list[int], times: int) -> str:
        """Record the entries in `words`, `times` over, one after the other."""
        if self.halted or self.debugger:
            return OK
        width = ENTRY_WORDS[mode]
        total = len(words) // width * times
        if depth:
            section = thread.interrupt_section()
            if section and section.mode == mode:
                room = (BUFFER_WORDS_MAX - 1 - len(section.batch)) // width
                section.batch += _repeat(words, times, min(room, total) * width)
                section.overflow += max(0, total - room)
            return OK
        device = thread.attached()
        if device and device.state == "trace" and device.mode == mode:
            room = device.room(width)
            device.append(_repeat(words, times, min(room, total) * width), width)
            device.dropped += max(0, total - room)
        return OK


def _repeat(words: list[int], times: int, length: int) -> list[int]:
    """The first `length` words of `words` repeated `times` over."""
    return (words * min(times, -(-length // max(1, len(words)))))[:length]
