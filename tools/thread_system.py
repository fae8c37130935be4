"""The core as a system that vectors are checked against: one real thread for each thread of the sequence.

The driver sends one step to its thread and waits until nothing moves: every step sent has answered or is asleep, which
the core counts exactly (`_core.sleepers()`: raised before a wait, lowered by the waker).
"""

from __future__ import annotations

import errno
import mmap
import os
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from queue import Empty, SimpleQueue
from typing import Any

import numpy as np
from vectors import BLOCKED, Answer, Outcome, Step, Words, site_word

import pykcov
from pykcov import _core

STUCK = "stuck"  # the answer of a step that neither answers nor sleeps
PATIENCE = 60.0  # seconds until a step is called stuck
MODES: dict[str, int] = {"pc": _core.TRACE_PC, "cmp": _core.TRACE_CMP}
PROBES = _core.probes([site_word(site) for site in range(64)])

Id = int | _core.Group
Reply = tuple[int, Answer]


class Worker:
    """One thread of a sequence, fed through a queue."""

    def __init__(self, system: ThreadSystem, group: _core.Group) -> None:
        """Start the thread in `group`."""
        self.group = group
        self.ended = False
        self.inbox: SimpleQueue[tuple[int, Step] | None] = SimpleQueue()
        self._system = system
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def _run(self) -> None:
        _core.group_variable.set(self.group)
        while message := self.inbox.get():
            number, step = message
            self._system.replies.put((number, self._answer(number, step)))
            if step["op"] == "exit":
                return

    def _answer(self, number: int, step: Step) -> Any:
        try:
            with interrupted(step.get("i", 0)):
                return self._system.call(number, step)
        except _core.KcovError as error:
            return "fail" if step["op"] == "mmap" else errno.errorcode[error.errno or 0]
        except Exception as error:
            return repr(error)


@contextmanager
def interrupted(depth: int) -> Iterator[None]:
    """Be `depth` interrupts deep in the calling thread."""
    for _ in range(depth):
        _core.interrupt_enter()
    try:
        yield
    finally:
        for _ in range(depth):
            _core.interrupt_leave()


class ThreadSystem:
    """The core of this process, used by one thread for each member of `groups`. Only one of these at a time."""

    def __init__(self, groups: Sequence[int]) -> None:
        """Start the threads."""
        self.replies: SimpleQueue[Reply] = SimpleQueue()
        self._groups: dict[int, _core.Group] = {}
        self._others = {handle[:3] for handle in _core.handles()}
        self._baseline = _core.live()
        self._unit: dict[int, _core.Device] = {}
        self._opened: dict[int, _core.Device] = {}
        self._mapped: dict[int, Words] = {}
        self._number: dict[_core.Device, int] = {}
        self._waiting: dict[int, Worker] = {}  # steps that have not answered
        self._workers = [Worker(self, self._group(group)) for group in groups]
        self._never_opened = pykcov.open()
        self._never_opened.close()

    def _group(self, number: int) -> _core.Group:
        return self._groups.setdefault(number, _core.Group())

    # Driver

    def do(self, number: int, step: Step) -> Outcome:
        """Do one step and wait until nothing moves."""
        match step:
            case {"op": "halted", "v": v}:
                _core.halt(bool(v))
                return Outcome("ok", {})
            case {"op": "debugger", "v": v}:
                _core.halt(bool(v), debugger=True)
                return Outcome("ok", {})
            case {"op": "poke", "u": u, "at": at, "v": v}:
                self._mapped[self._number[self._unit[u]]][at] = v
                return Outcome("ok", {})
            case {"op": "isdev", "chr": chr, "major": major}:
                return Outcome(self._is_device(bool(chr), bool(major)), {})
        worker = self._workers[step["t"]]
        self._send(number, step)
        answers = self._quiet()
        if step["op"] == "exit" and number in answers:
            worker.thread.join()
            worker.ended = True
        return Outcome(answers.pop(number, BLOCKED), answers)

    def _send(self, number: int, step: Step) -> None:
        worker = self._workers[step["t"]]
        self._waiting[number] = worker
        worker.inbox.put((number, step))

    def _quiet(self) -> dict[int, Answer]:
        """Collect answers until every step sent has answered or sleeps; those that do neither are `STUCK`."""
        answers: dict[int, Answer] = {}
        deadline = time.monotonic() + PATIENCE
        while len(self._waiting) != _core.sleepers():
            try:
                number, answer = self.replies.get(timeout=0.0005)
            except Empty:
                if time.monotonic() > deadline:
                    return answers | dict.fromkeys(self._waiting, STUCK)
            else:
                del self._waiting[number]
                answers[number] = answer
        return answers

    def _is_device(self, ours: bool, major: bool) -> Answer:
        """Ask about a device of ours, or about a node that differs from one in `ours` or in `major`."""
        if ours and major:
            with pykcov.open() as device:
                device.set_buffer_size(1)
                return int(pykcov.is_device(device.fileno()))
        fd = os.open(os.devnull, os.O_RDONLY) if ours else os.memfd_create("pykcov")
        try:
            return int(pykcov.is_device(fd))
        finally:
            os.close(fd)

    # In the worker

    def call(self, number: int, step: Step) -> Any:
        """Make the call that `step` stands for, in the calling thread."""
        device = self._unit.get(step.get("u", -1), self._never_opened)
        times = step.get("x", 1)
        wait = step.get("wait", True)  # no vector has it, but the state machine
        match step:
            case {"op": "open", "u": u}:
                self._unit[u] = self._opened[number] = device = pykcov.open()
                self._number[device] = number
            case {"op": "setbuf", "n": n}:
                device.set_buffer_size(n)
                self._map(device, n)
            case {"op": "enable", "m": m}:
                device.enable(m if isinstance(m, int) else MODES[m])
            case {"op": "disable"}:
                device.disable(wait)
            case {"op": "rattach", "sub": sub, "id": id}:
                device.remote_attach(sub, id)
            case {"op": "ioctl"}:
                device.ioctl(12345)
            case {"op": "close"}:
                closed = device.state == "closed"
                device.close(wait)  # closing twice is no error in Python, but settles what every operation settles
                return "ENXIO" if closed else "ok"
            case {"op": "mmap", "off": off}:
                return device.mmap_offset(off)
            case {"op": "exit"}:
                _core.thread_exit()
            case {"op": "reg", "h": (sub, id)}:
                _core.register(sub, self._id(id))
            case {"op": "unreg", "h": (sub, id)}:
                _core.unregister(sub, self._id(id), wait)
            case {"op": "enter", "h": (sub, id)}:
                _core.enter(sub, self._id(id))
            case {"op": "leave", "h": (sub, id)}:
                _core.leave(sub, self._id(id))
            case {"op": "pc", "s": s}:
                self._record_pc(s, times)
            case {"op": "cmp", "s": s, "z": z, "a": a, "b": b}:
                _core.record_cmp(z, bool(step.get("k")), a, b, site_word(s), times)
            case {"op": "switch", "s": s, "bits": bits, "v": v, "cases": cases}:
                _core.record_switch(bits, v, cases, site_word(s), times)
            case {"op": "attached"}:
                return self._name(_core.attached())
            case {"op": "in_interrupt_section"}:
                return _core.in_interrupt_section()
            case _:
                raise ValueError(f"unknown step {step}")
        return "ok"

    def _id(self, id: int | str) -> Id:
        return self._group(int(id[1:])) if isinstance(id, str) else id

    def _map(self, device: _core.Device, n: int) -> None:
        """Map whole pages, as the vectors do; Buffer shows only the words that the device may use."""
        size = -(-8 * n // mmap.PAGESIZE) * mmap.PAGESIZE
        self._mapped[self._number[device]] = np.frombuffer(mmap.mmap(device.fileno(), size), np.uint64)

    def _record_pc(self, site: int, times: int) -> None:
        if times == 1:
            ~PROBES[site]
        else:
            _core.record_pc(site_word(site), times)

    def _name(self, serial: int | None) -> Any:
        """Name a device by its unit if it is open."""
        if serial is None:
            return None
        return next((unit for unit, device in self._open_units() if device.serial == serial), "closed")

    def _open_units(self) -> Iterator[tuple[int, _core.Device]]:
        return ((unit, device) for unit, device in self._unit.items() if device.state != "closed")

    # State

    def words(self, device: int) -> Words | None:
        """Give the whole mapping of the device that step `device` opened, made while it was open."""
        return self._mapped.get(device)

    def ask(self, op: str) -> dict[int, Any]:
        """Ask every thread that is awake."""
        awake = {n: w for n, w in enumerate(self._workers) if not w.ended and w not in self._waiting.values()}
        for number in awake:
            self._send(-1 - number, {"op": op, "t": number})
        return {-1 - number: answer for number, answer in self._quiet().items()}

    def final(self) -> dict[str, Any]:
        """Tell the vector field `final`; of threads asleep `thr` tells nothing."""
        group = {group.number: f"G{number}" for number, group in self._groups.items()}
        modes = {mode: name for name, mode in MODES.items()}

        def key(sub: int, id: int, is_group: bool) -> list[int | str]:
            return [sub, group[id] if is_group else id]

        attached = {number: "exited" for number, worker in enumerate(self._workers) if worker.ended}
        return {
            "dev": {
                str(unit): [
                    device.state,
                    modes.get(device.mode, "none"),
                    max(0, device.nmemb - 1),
                    device.handle
                    and [device.handle[0], group[device.handle[1]] if device.handle[2] else device.handle[1]],
                    device.dropped,
                ]
                for unit, device in self._open_units()
            },
            "thr": attached | self.ask("attached"),
            "intr": sorted(number for number, inside in self.ask("in_interrupt_section").items() if inside),
            "rem": [
                [*key(sub, id, is_group), state, sections, self._name(serial)]
                for sub, id, is_group, state, sections, serial in self._handles()
            ],
            "live": [now - before for now, before in zip(_core.live(), self._baseline, strict=True)],
            "blocked": sorted(self._waiting),
        }

    def _handles(self) -> list[tuple[int, int, bool, str, int, int | None]]:
        """The handles but those that were there before: of the groups that what barges in on threads works for."""
        return [handle for handle in _core.handles() if handle[:3] not in self._others]

    def finish(self) -> None:
        """End every thread, sleepers too (a thread asleep holds no section), and remove every handle and device."""
        _core.halt(False)
        _core.halt(False, debugger=True)
        while awake := [w for w in self._workers if not w.ended and w not in self._waiting.values()]:
            for worker in awake:
                number = self._workers.index(worker)
                self._send(-1 - number, {"op": "exit", "t": number})
                worker.ended = True
            if STUCK in self._quiet().values():
                raise RuntimeError("a thread neither answers nor sleeps: this process cannot go on")
        if self._waiting:
            raise RuntimeError(f"steps {sorted(self._waiting)} sleep for sections that nobody holds")
        for worker in self._workers:
            worker.thread.join()
        for device in self._opened.values():
            device.close()
        groups = {group.number: group for group in self._groups.values()}
        for sub, id, is_group, *_ in self._handles():
            _core.unregister(sub, groups[id] if is_group else id)
        if _core.live() != self._baseline:
            raise RuntimeError(f"devices and handles live after everything was closed: {_core.live()}")
