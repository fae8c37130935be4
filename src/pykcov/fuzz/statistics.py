"""What a fuzzing process tells its parent while it runs, and after it died (fuzz/statistics.h)."""

import mmap
import os
import sys
import time
from collections.abc import Iterable
from typing import NamedTuple

from pykcov.fuzz import _engine

_WORDS = 11
_TOLD = 9
BYTES = mmap.PAGESIZE * -(-_engine.STATISTICS_BYTES // mmap.PAGESIZE)
"""What a file for them has."""


class Snapshot(NamedTuple):
    """The words of statistics.h at a moment."""

    executions: int
    inside: int
    """ns that the target ran."""
    spent: int
    """ns since the first input began."""
    dropped: int
    """Entries of comparisons that did not fit into the buffer."""
    probes: int
    leftovers: int
    """Executions whose threads or tasks were not done when they ended."""
    sees: int
    """1 if any input has reached a probe."""
    running: int
    """1 while the target runs."""
    started: int
    """time.monotonic_ns() of the execution that began last."""
    told: int
    """Changes when a forked child has something to tell."""
    size: int
    """Bytes of its input."""


_ADDED = ("executions", "inside", "spent", "dropped", "leftovers")


class Statistics:
    """Shared memory: one process writes it by way of the engine, another one reads."""

    def __init__(self, descriptor: int | None = None) -> None:
        """Map those of a descriptor, or make new ones."""
        made = descriptor is None
        self.descriptor = os.memfd_create("pykcov-fuzz") if descriptor is None else descriptor
        if made:
            os.truncate(self.descriptor, BYTES)
        self.memory = mmap.mmap(self.descriptor, BYTES)

    def snapshot(self) -> Snapshot:
        """Return what stands there now."""
        return _snapshot(self.memory[: 8 * _WORDS])

    def tell(self) -> None:
        """Have the process that fuzzes, which has forked the calling one, look for what that has to tell."""
        self.memory[8 * _TOLD : 8 * _TOLD + 8] = time.monotonic_ns().to_bytes(8, sys.byteorder)

    def input(self) -> bytes:
        """Return the input that ran last: all of it, if it is not longer than the engine keeps."""
        return self.memory[8 * _WORDS : 8 * _WORDS + min(self.snapshot().size, _engine.STATISTICS_BYTES - 8 * _WORDS)]


def total(snapshots: Iterable[Snapshot]) -> Snapshot:
    """Return the numbers of several processes as one."""
    columns = zip(*(list(snapshots) or [Snapshot(*[0] * _WORDS)]), strict=True)
    names = zip(Snapshot._fields, columns, strict=True)
    return Snapshot(*(sum(column) if name in _ADDED else max(column) for name, column in names))


def read(path: str) -> Snapshot:
    """Return what stands in a file of statistics now."""
    with open(path, "rb") as file:
        return _snapshot(file.read(8 * _WORDS).ljust(8 * _WORDS, b"\0"))


def _snapshot(words: bytes) -> Snapshot:
    return Snapshot(*memoryview(words).cast("Q"))
