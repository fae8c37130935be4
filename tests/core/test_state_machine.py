"""Model and core go through the same random steps, the core with real threads: they never disagree.

EXAMPLES in the environment sets how many random runs; `make state-machine` makes many.
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule
from model_objects import Handle
from model_system import ModelSystem
from thread_system import ThreadSystem
from vectors import PAGE_WORDS, Step

pytestmark = pytest.mark.timeout(1800)

UNITS = (0, 1, 2)
PLAIN_KEYS = ([2, 5], [3, 7], [0, 7], [3, "G0"])
KEYS = (*PLAIN_KEYS, [0, "G0"], [0, "G1"], [0, "G2"])
WORD = st.one_of(st.integers(0, 40), st.integers(0, 2**64 - 1), st.sampled_from([2**62, 2**63, 2**64 - 1]))
ODD_SIZES = (0, -1, 262145, 2**63, 2**64, 512, 513)
ODD_OFFSETS = (-1, 0, 8, 100, 4088, 4095, 4096, 8192, -(2**63), 2**40)
BITS = st.sampled_from([8, 16, 32, 64, 0, 7, 128])
DEPTH = st.sampled_from([0, 0, 0, 1, 1, 2])
TIMES = st.sampled_from([1, 1, 2, 3, 7])
MODE = st.sampled_from(["pc", "pc", "pc", "cmp", "cmp", 0, 3, 77, -1])


class Together(RuleBasedStateMachine):
    """The model and the core, stepped together; a step is written as in the vectors."""

    @initialize(data=st.data(), groups=st.lists(st.integers(0, 2), min_size=2, max_size=5))
    def start(self, data: st.DataObject, groups: list[int]) -> None:
        self.data = data
        self.groups = groups
        self.steps: list[Step] = []
        self.core = ThreadSystem(groups)
        self.model = ModelSystem(groups)
        for kind in data.draw(st.lists(st.sampled_from(["own", "common", "explicit"]), min_size=1, max_size=3)):
            self.make_device(kind, data.draw(st.integers(2, 40)), "pc")
        for depth in data.draw(st.lists(DEPTH, max_size=4)):
            self.enter(depth)

    # Stepping

    def step(self, **step: Any) -> None:
        number = len(self.steps)
        self.steps.append(step)
        outcome, state = self.core.do(number, step), self.core.final()
        differences = []
        for future, expected in self.model.outcomes(number, step):
            if not (difference := self._difference(future, expected, outcome, state)):
                self.model = future
                return
            differences.append(difference)
        pytest.fail("\n".join([*differences, "after", json.dumps({"groups": self.groups, "steps": self.steps})]))

    def _difference(self, future: ModelSystem, expected: object, outcome: object, state: dict[str, Any]) -> str:
        if outcome != expected:
            return f"expected {expected}, got {outcome}"
        for name, value in future.final().items():
            got = state[name]
            if name == "rem":
                value, got = sorted(value, key=str), sorted(got, key=str)
            elif name == "thr":
                value = {thread: value[thread] for thread in got}
            if got != value:
                return f"{name}: expected {value}, got {got}"
        for device in future.devices():
            words, got = future.words(device), self.core.words(device)
            assert words is not None
            if got is None or not np.array_equal(words, got):
                return f"buffer of the device opened by step {device}: expected {words}, got {got}"
        return ""

    def teardown(self) -> None:
        if hasattr(self, "core"):
            self.core.finish()

    # What to choose from

    def threads(self) -> list[int]:
        """The threads that can make a step; there is always one, since the last one never exits."""
        model = self.model.model
        asleep = {sleeper.thread for sleeper in model.asleep}
        return [n for n, thread in enumerate(model.threads) if not thread.exited and thread not in asleep]

    def thread(self) -> int:
        return int(self.choose(self.threads()))

    def choose(self, *choices: Sequence[Any]) -> Any:
        """Draw from any of the choices that is not empty."""
        return self.data.draw(st.one_of(*[st.sampled_from(each) for each in choices if each]))

    def free_units(self) -> list[int]:
        return [unit for unit in UNITS if unit not in self.model.model.units]

    def unit(self) -> int:
        """Draw a unit: one with open sections, any open one, or any."""
        units = self.model.model.units
        return int(self.choose([u for u, d in units.items() if d.handle and d.handle.sections], list(units), UNITS))

    def key(self) -> list[int | str]:
        """Draw a handle: one that can be entered, any registered one, or any."""
        handles = self.model.model.handles.values()
        return list(self.choose([h.key for h in handles if h.device], [h.key for h in handles], KEYS))

    def awaited(self) -> list[tuple[int, Handle]]:
        """Threads in a section of one handle, each with another handle that has sections of somebody else."""
        model = self.model.model
        held = {t: [r.handle for r in model.threads[t].records() if r.effective] for t in self.threads()}
        return [
            (t, handle)
            for t, own in held.items()
            for handle in model.handles.values()
            if any(each is not handle for each in own) and handle.sections > own.count(handle)
        ]

    # Rules. They are few, since Hypothesis leaves some of them out of each run; the draws in them are many.

    @rule(
        op=st.sampled_from(["make", "enable", "disable", "close", "rattach", "reg", "unreg", "unreg", "exit"]),
        mode=MODE,
        wait=st.sampled_from([True, True, False]),
    )
    def call(self, op: str, mode: str | int, wait: bool) -> None:
        if op == "reg":
            self.step(op=op, t=self.thread(), h=self.key())
        elif op == "enable":
            self.step(op=op, t=self.thread(), u=self.unit(), m=mode)
        elif op in ("disable", "close", "unreg"):
            self.stop(op, wait)
        elif op == "rattach":
            sub, id = self.choose([[0, 0], [0, 0], [0, 5], *PLAIN_KEYS[:2], [-1, 7]])
            self.step(op=op, t=self.thread(), u=self.unit(), sub=sub, id=id)
        elif op == "make" and self.free_units():
            kind = self.choose(["none", "own", "common", "explicit"])
            self.make_device(kind, self.data.draw(st.integers(1, 40)), mode)
        elif op == "exit" and len(self.threads()) > 1 and len(self.steps) > 30:
            self.step(op=op, t=self.thread())

    def stop(self, op: str, wait: bool) -> None:
        """What may have to wait for sections, often in a thread that is in another one: whether it sleeps matters."""
        t, key, unit = self.thread(), self.key(), self.unit()
        self.enter_different()
        if awaited := self.awaited():
            t, handle = self.choose(awaited)
            key = list(handle.key)
            unit = next((u for u, d in self.model.model.units.items() if d is handle.device), unit)
        if op == "unreg":
            self.step(op=op, t=t, h=key, wait=wait)
        else:
            self.step(op=op, t=t, u=unit, wait=wait)

    def enter_different(self) -> None:
        """Two threads enter sections of two devices, if there are as many: chance alone seldom comes to that."""
        remote = [h for h in self.model.model.handles.values() if h.device and h.device.state == "trace"]
        if len(remote) > 1 and len(self.threads()) > 1:
            for t, handle in zip(self.threads(), self.data.draw(st.permutations(remote)), strict=False):
                self.step(op="enter", t=t, h=list(handle.key), i=0)

    def make_device(self, kind: str, n: int, mode: str | int) -> None:
        """What it takes to have a device that traces, or a part of that, in a row."""
        t, u, key = self.thread(), self.free_units()[0], self.choose(PLAIN_KEYS[:2])
        steps: list[Step] = [{"op": "open", "u": u}]
        if kind != "none":
            steps += [{"op": "setbuf", "u": u, "n": n}]
        if kind == "common":
            steps += [{"op": "rattach", "u": u, "sub": 0, "id": 0}]
        elif kind == "explicit":
            steps += [{"op": "reg", "h": key}, {"op": "rattach", "u": u, "sub": key[0], "id": key[1]}]
        for step in [*steps, {"op": "enable", "u": u, "m": mode}]:
            if t in self.threads():
                self.step(t=t, **step)

    @rule(op=st.sampled_from(["enter", "enter", "leave", "pc", "pc", "cmp", "switch"]), depth=DEPTH)
    def section(self, op: str, depth: int) -> None:
        if op == "enter":
            self.enter(depth)
        elif op == "leave":
            self.leave(depth)
        else:
            self.record(op, depth)

    def enter(self, depth: int) -> None:
        self.step(op="enter", t=self.thread(), h=self.key(), i=depth)

    def leave(self, depth: int) -> None:
        """Leave the innermost section of a thread that has one, or one of any handle."""
        stacks = {t: self.model.model.threads[t].stacks[depth > 0] for t in self.threads()}
        t = self.choose([t for t, stack in stacks.items() if stack], self.threads())
        innermost = [list(record.handle.key) for record in stacks[t][-1:]]
        self.step(op="leave", t=t, h=self.choose(innermost, innermost, KEYS), i=depth)

    def record(self, op: str, depth: int) -> None:
        draw = self.data.draw
        step: Step = {"op": op, "t": self.thread(), "s": draw(st.integers(0, 63)), "i": depth, "x": draw(TIMES)}
        if op == "cmp":
            step |= {"z": self.choose([1, 2, 4, 8]), "a": draw(WORD), "b": draw(WORD), "k": draw(st.booleans())}
        elif op == "switch":
            step |= {"bits": draw(BITS), "v": draw(WORD), "cases": draw(st.lists(WORD, max_size=5))}
        self.step(**step)

    @rule(op=st.sampled_from(["setbuf", "mmap", "ioctl", "poke", "poke", "poke", "halted", "debugger"]))
    def oddity(self, op: str) -> None:
        if op == "setbuf":
            self.step(op=op, t=self.thread(), u=self.unit(), n=self.choose(range(1, 41), ODD_SIZES))
        elif op == "mmap":
            self.step(op=op, t=self.thread(), u=self.unit(), off=self.choose(ODD_OFFSETS))
        elif op == "ioctl":
            self.step(op=op, t=self.thread(), u=self.unit())
        elif op == "poke":
            if units := [unit for unit, device in self.model.model.units.items() if device.words]:
                at = self.choose([0, 0, 0, 1, 7, 39, PAGE_WORDS - 1])
                self.step(op=op, u=self.choose(units), at=at, v=self.data.draw(WORD))
        else:  # off for one event, seldom for longer
            self.step(op=op, v=1)
            self.record("pc", self.choose([0, 1]))
            self.step(op=op, v=self.choose([0, 0, 0, 1]))


Together.TestCase.settings = settings(
    max_examples=int(os.environ.get("EXAMPLES", "200")),
    stateful_step_count=60,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
TestTogether = Together.TestCase
