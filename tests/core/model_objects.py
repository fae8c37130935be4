"""The objects of the model: threads, devices, handles and sections, and what is derived from one of them alone."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from dataclasses import dataclass, field

BUFFER_WORDS_MAX = 262144
PAGE = 4096
ENTRY_WORDS = {"pc": 1, "cmp": 4}

Key = tuple[int, int | str]  # (subsystem, id); "G3" is group 3


@dataclass(eq=False)
class Thread:
    """A thread: its group, its own device, its sections in thread context [0] and in interrupt context [1]."""

    group: int
    own: Device | None = None
    stacks: tuple[list[Record], list[Record]] = field(default_factory=lambda: ([], []))
    exited: bool = False

    def records(self) -> list[Record]:
        """Every record of both stacks, innermost first."""
        return [record for stack in self.stacks for record in reversed(stack)]

    def in_section(self) -> bool:
        """Whether a section of this thread is effective, in either context."""
        return any(record.effective for record in self.records())

    def attached(self) -> Device | None:
        """What traces this thread in thread context (R3: derived, never stored)."""
        for record in reversed(self.stacks[0]):
            if record.effective:
                return record.handle.device
        return self.own

    def interrupt_section(self) -> Record | None:
        """The effective section in interrupt context; there is never a second one (D11)."""
        return next((record for record in self.stacks[1] if record.effective), None)


@dataclass(eq=False)
class Device:
    """A device; `words` is the whole mapping (whole pages), None until it has a buffer."""

    words: array[int] | None = None
    size: int = 0
    state: str = "none"
    mode: str = "none"
    owner: Thread | None = None
    handle: Handle | None = None
    dropped: int = 0
    closed: bool = False

    @property
    def capacity(self) -> int:
        """Words that entries may take."""
        return self.size - 1 if self.words is not None else 0

    def room(self, width: int) -> int:
        """How many entries of `width` words can still be taken."""
        assert self.words is not None
        return max(0, self.capacity // width - self.words[0])

    def append(self, entries: Sequence[int], width: int) -> None:
        """Write whole entries that are known to fit."""
        assert self.words is not None
        if entries:
            at = self.words[0] * width + 1
            self.words[at : at + len(entries)] = array("Q", entries)
            self.words[0] += len(entries) // width


@dataclass(eq=False)
class Handle:
    """A handle and who sleeps for it: `drainers` for its last section, `retries` for it to be gone."""

    key: Key
    state: str = "none"
    sections: int = 0
    device: Device | None = None
    drainers: list[Sleeper] = field(default_factory=list)
    retries: list[Sleeper] = field(default_factory=list)


@dataclass(eq=False)
class Record:
    """One enter on a section stack; an interrupt section carries its private buffer."""

    handle: Handle
    effective: bool
    mode: str = "none"
    batch: list[int] = field(default_factory=list)
    overflow: int = 0


@dataclass(eq=False)
class Sleeper:
    """An operation asleep. One that waits for `key` to be gone looks again then; for rattach `device` is set."""

    thread: Thread
    key: Key
    device: Device | None = None
