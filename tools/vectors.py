"""Vectors: read them, and check a system against one.

A vector is a sequence of operations on a fresh system with every answer, every buffer word that changed and the state
at the end, one JSON object a line. A system is anything that can do the steps of a sequence: the core driven by real
threads (`thread_system.py`), or the model in `tests/core`.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

Step = dict[str, Any]
Sequence = dict[str, Any]
Answer = str | int
Words = npt.NDArray[np.uint64]
Finding = tuple[str, object, object]  # what differs, expected, got

BLOCKED = "blocked"
PAGE_WORDS = 512
SMALL_WORDS = 4096  # buffers up to this size are compared whole after every step
SITE = 0xFFFF_FFFF_8100_0000  # the word that stands for "p0"; sites are 16 apart


@dataclass
class Outcome:
    """What one step brought about: its answer, and the answers of earlier steps that it let go."""

    answer: Answer
    done: dict[int, Answer]


class System(Protocol):
    """What can be checked. A device is named by the number of the step that opened it."""

    def do(self, number: int, step: Step) -> Outcome:
        """Do one step and wait until nothing moves."""

    def words(self, device: int) -> Words | None:
        """Give the whole mapping of a device, also of one that is closed; None: it never had a buffer."""

    def final(self) -> dict[str, Any]:
        """Tell what the system shows of the vector field `final`; `thr` maps the threads it can tell of."""

    def finish(self) -> None:
        """Let go of everything, sleepers too."""


@dataclass(frozen=True)
class Difference:
    """One disagreement. `step` is None for the state after the last step."""

    sequence: int
    step: int | None
    what: str
    expected: object
    got: object

    def __str__(self) -> str:
        """Show all of it on one line."""
        where = "final" if self.step is None else f"step {self.step}"
        return f"sequence {self.sequence}, {where}: {self.what}: expected {self.expected}, got {self.got}"


def read(path: Path) -> Iterator[Sequence]:
    """Yield the sequences of a `.jsonl` or `.jsonl.gz` file; ValueError if a line is none."""
    with gzip.open(path, "rt") if path.suffix == ".gz" else path.open() as lines:
        for number, line in enumerate(lines, 1):
            try:
                sequence = json.loads(line)
            except ValueError as error:
                raise ValueError(f"line {number} of {path} is not JSON: {error}") from None
            if not isinstance(sequence, dict) or not {"id", "groups", "steps", "final"} <= sequence.keys():
                raise ValueError(f"line {number} of {path} is not a sequence")
            yield sequence


def site_word(site: int) -> int:
    """Give the fixed word that site number `site` has in buffers."""
    return SITE + 16 * site


def word(value: int | str) -> int:
    """Turn a word of a vector, a number or a site ("p7"), into the number in the buffer."""
    return site_word(int(value[1:])) if isinstance(value, str) else value


class Shadows:
    """What every buffer must hold: the changes that the vector tells of, applied to zeros."""

    def __init__(self) -> None:
        """Begin with no device."""
        self._unit: dict[int, int] = {}
        self._shadow: dict[int, Words] = {}
        self._closing: dict[int, int] = {}

    def follow(self, number: int, step: Step, system: System) -> set[int]:
        """Take in a step that was answered as the vector says; return the devices it changed."""
        changed = set()
        answer = step.get("r", "ok")
        if step["op"] == "open" and answer == "ok":
            self._unit[step["u"]] = number
        elif step["op"] == "setbuf" and answer == "ok":
            pages = -(-step["n"] // PAGE_WORDS)
            self._shadow[self._unit[step["u"]]] = np.zeros(pages * PAGE_WORDS, np.uint64)
        elif step["op"] == "close" and answer in ("ok", BLOCKED):
            self._closing[number] = self._unit.pop(step["u"])
        for name, first, values, *times in step.get("d", ()):
            device = int(name[1:]) if isinstance(name, str) else self._device(name)
            words = np.tile(np.array([word(value) for value in values], np.uint64), times or 1)
            self._shadow[device][first : first + len(words)] = words
            changed.add(device)
        finished = [number] if answer == "ok" else []
        for each in finished + [earlier for earlier, _ in step.get("done", ())]:
            self._forget(each, system)
        return changed

    def _device(self, unit: int) -> int:
        if unit not in self._unit:
            raise ValueError(f"the vector changes unit {unit}, which is not open")
        return self._unit[unit]

    def _forget(self, number: int, system: System) -> None:
        """Once a close is through, the device is gone: vectors do not tell what its last section appended."""
        device = self._closing.pop(number, None)
        if device in self._shadow and (words := system.words(device)) is not None:
            self._shadow[device][:] = words

    def compare(self, system: System, changed: set[int] | None = None) -> Iterator[Finding]:
        """Yield what differs: small buffers always, large ones if changed (None: all)."""
        for device, expected in self._shadow.items():
            if changed is not None and device not in changed and len(expected) > SMALL_WORDS:
                continue
            got = system.words(device)
            if got is None or len(got) != len(expected):
                yield f"buffer of the device opened by step {device}", f"{len(expected)} words", got
            elif not np.array_equal(got, expected):
                at = int(np.flatnonzero(got != expected)[0])
                yield f"word {at} of the device opened by step {device}", hex(expected[at]), hex(got[at])


def check(sequence: Sequence, system: System) -> list[Difference]:
    """Do a sequence on a fresh system and return how it differs; the first step that differs is the last one done."""
    shadows = Shadows()
    for number, step in enumerate(sequence["steps"]):
        outcome = system.do(number, step)
        found: list[Finding] = []
        if outcome.answer != step.get("r", "ok"):
            found.append((f"answer to {step}", step.get("r", "ok"), outcome.answer))
        elif (done := dict(step.get("done", ()))) != outcome.done:
            found.append((f"answers of earlier steps after {step}", done, outcome.done))
        else:
            found += shadows.compare(system, shadows.follow(number, step, system))
        if found:
            return [Difference(sequence["id"], number, *each) for each in found]
    found = list(shadows.compare(system))
    for name, got in system.final().items():
        expected = sequence["final"][name]
        if name == "rem":
            expected, got = sorted(expected, key=str), sorted(got, key=str)
        elif name == "thr":
            expected = {thread: expected[thread] for thread in got}
        if got != expected:
            found.append((name, expected, got))
    return [Difference(sequence["id"], None, *each) for each in found]
