"""The model as a system that vectors are checked against, and that the state machine steps beside the core."""

from __future__ import annotations

import copy
import itertools
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from model import BLOCKED, Model
from model_objects import Device, Handle, Sleeper
from vectors import Answer, Outcome, Step, Words, site_word


class ModelSystem:
    """One model, driven by the steps of a vector."""

    def __init__(self, groups: Sequence[int]) -> None:
        """Start with one thread for each member of `groups`, in that group."""
        self.model = Model(groups)
        self._opened: dict[int, Device] = {}
        self._number: dict[Sleeper, int] = {}

    def do(self, number: int, step: Step) -> Outcome:
        """Do one step; sleepers that it lets go look again in the order they went to sleep."""
        answer = self._call(number, step)
        self.model.settle()
        return self._outcome(number, answer)

    def outcomes(self, number: int, step: Step) -> Iterator[tuple[ModelSystem, Outcome]]:
        """Yield every allowed future, one for each order in which the woken sleepers may run. Use only one of them."""
        answer = self._call(number, step)
        orders = list(itertools.permutations(range(self.model.woken())))
        for order in orders:
            future = copy.deepcopy(self) if len(orders) > 1 else self
            future.model.settle(order)
            yield future, future._outcome(number, answer)

    def _call(self, number: int, step: Step) -> Any:
        model = self.model
        match step:
            case {"op": "halted" | "debugger" as flag, "v": v}:
                setattr(model, flag, bool(v))
                return "ok"
            case {"op": "isdev", "chr": chr, "major": major}:
                return int(chr == 1 and major == 1)
            case {"op": "poke", "u": u, "at": at, "v": v}:
                return model.poke(u, at, v)
        thread, depth, times = model.threads[step["t"]], step.get("i", 0), step.get("x", 1)
        match step:
            case {"op": "open", "u": u}:
                answer = model.open(thread, u)
                self._opened[number] = model.units[u]
                return answer
            case {"op": "ioctl", "u": u}:
                return model.ioctl(thread, u)
            case {"op": "close" | "disable" as op, "u": u}:
                return getattr(model, op)(thread, u, step.get("wait", True))
            case {"op": "setbuf", "u": u, "n": n}:
                return model.setbuf(thread, u, n)
            case {"op": "enable", "u": u, "m": m}:
                return model.enable(thread, u, m)
            case {"op": "rattach", "u": u, "sub": sub, "id": id}:
                return model.rattach(thread, u, sub, id)
            case {"op": "mmap", "u": u, "off": off}:
                return model.mmap(thread, u, off)
            case {"op": "exit"}:
                return model.exit(thread)
            case {"op": "reg", "h": (sub, id)}:
                return model.reg(thread, (sub, id))
            case {"op": "unreg", "h": (sub, id)}:
                return model.unreg(thread, (sub, id), step.get("wait", True))
            case {"op": "enter" | "leave" as op, "h": (sub, id)}:
                return getattr(model, op)(thread, (sub, id), depth)
            case {"op": "pc", "s": s}:
                return model.pc(thread, site_word(s), depth, times)
            case {"op": "cmp", "s": s, "z": z, "a": a, "b": b}:
                return model.cmp(thread, site_word(s), z, a, b, bool(step.get("k")), depth, times)
            case {"op": "switch", "s": s, "bits": bits, "v": v, "cases": cases}:
                return model.switch(thread, site_word(s), bits, v, cases, depth, times)
        raise ValueError(f"unknown step {step}")

    def _outcome(self, number: int, answer: Answer) -> Outcome:
        if answer == BLOCKED:
            self._number[self.model.asleep[-1]] = number
        done: dict[int, Answer] = {self._number.pop(sleeper): answer for sleeper, answer in self.model.completed}
        self.model.completed.clear()
        return Outcome(answer, done)

    def words(self, device: int) -> Words | None:
        """Give the whole mapping of the device that step `device` opened."""
        words = self._opened[device].words
        return None if words is None else np.frombuffer(words, np.uint64)

    def devices(self) -> list[int]:
        """Name every device that ever had a buffer, by the step that opened it."""
        return [number for number, device in self._opened.items() if device.words is not None]

    def finish(self) -> None:
        """Nothing to let go of."""

    def final(self) -> dict[str, Any]:
        """Tell all of the vector field `final`."""
        model = self.model
        unit = {device: unit for unit, device in model.units.items()}

        def name(device: Device | None) -> int | str | None:
            return None if device is None else unit.get(device, "closed")

        def key(handle: Handle | None) -> list[int | str] | None:
            return None if handle is None else list(handle.key)

        return {
            "dev": {str(u): [d.state, d.mode, d.capacity, key(d.handle), d.dropped] for u, d in model.units.items()},
            "thr": {n: "exited" if t.exited else name(t.attached()) for n, t in enumerate(model.threads)},
            "intr": [number for number, thread in enumerate(model.threads) if thread.interrupt_section()],
            "rem": [[*h.key, h.state, h.sections, name(h.device)] for h in model.handles.values()],
            "live": [len(model.devices), len(model.handles)],
            "blocked": sorted(self._number.values()),
        }
