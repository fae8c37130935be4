"""What `pykcov fuzz` shows on a terminal: one line that is always up to date, and above it what is worth to be kept.

libFuzzer writes a line for each input that it keeps. They go through here; those that tell of progress only are taken
into the status line, all others are shown.
"""

import os
import re
import sys
import threading
import time
from collections.abc import Callable
from typing import BinaryIO, Self

from pykcov.counted import counted
from pykcov.fuzz.statistics import Snapshot

_PROGRESS = re.compile(rb"^#\d+:?\s+(\w+\s+)?cov: (?P<cov>\d+) ft: \d+ corp: (?P<corpus>\d+)")
_NOISE = (b"WARNING: Failed to find function", b"INFO: Loaded", b"INFO: Running with entropic", b"\tNEW_FUNC")

_SECONDS = 0.25


class Status:
    """A context manager: `stream` takes standard error of the processes that fuzz."""

    def __init__(self, snapshot: Callable[[], Snapshot], found: Callable[[], int]) -> None:
        """Take where the numbers come from."""
        # Not before: it takes time, and shows nothing where standard error is no terminal.
        from rich.console import Console
        from rich.live import Live

        self._snapshot = snapshot
        self._found = found
        self._console = Console(file=sys.stderr, highlight=False, markup=False)
        self._live = Live(console=self._console, auto_refresh=False, transient=True)
        self._began = self._last_new = time.monotonic()
        self._locations = self._corpus = 0
        self._last = (self._began, 0)
        self._rate = 0.0
        self.stream: BinaryIO
        self._input: BinaryIO
        self._ended = threading.Event()
        self._threads = [threading.Thread(target=self._read), threading.Thread(target=self._refresh)]

    def __enter__(self) -> Self:
        """Begin to show."""
        read, write = os.pipe()
        self.stream = os.fdopen(write, "wb", 0)
        self._input = os.fdopen(read, "rb", 0)
        self._live.start()
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Show what is left, and take the line away."""
        self.stream.close()
        self._threads[0].join()
        self._ended.set()
        self._threads[1].join()
        self._live.stop()
        self._input.close()

    def say(self, line: str) -> None:
        """Show a line of ours above."""
        self._console.print(line, soft_wrap=True)

    def take(self, line: bytes) -> None:
        """Take a line of the processes."""
        progress = _PROGRESS.match(line)
        if progress is None:
            if not line.startswith(_NOISE):
                self.say(line.decode("utf-8", "replace").rstrip("\n"))
            return
        locations = int(progress["cov"])
        if locations > self._locations:
            self._last_new = time.monotonic()
        self._locations, self._corpus = locations, int(progress["corpus"])

    def line(self) -> str:
        """Return the status line of this moment."""
        now, numbers = time.monotonic(), self._snapshot()
        then, executions = self._last
        if now - then > 2 * _SECONDS:
            self._rate = (numbers.executions - executions) / (now - then)
            self._last = (now, numbers.executions)
        inside = 100 * numbers.inside / max(numbers.spent, 1)
        words = [counted(numbers.executions, "execution", digits=","), f"{self._rate:,.0f}/s"]
        if self._corpus:  # not before libFuzzer has told, which with -jobs it does not
            new = _ago(now - self._last_new)
            words.append(f"{self._locations:,} of {counted(numbers.probes, 'location', digits=',')}, new {new} ago")
            words.append(f"corpus {self._corpus:,}")
        words += [counted(self._found(), "finding", digits=","), f"{inside:.0f}% in the target"]
        if numbers.dropped:
            words.append(counted(numbers.dropped, "comparison dropped", "comparisons dropped", ","))
        return " · ".join(words)

    def _read(self) -> None:
        for line in iter(self._input.readline, b""):
            self.take(line)

    def _refresh(self) -> None:
        # Not before: see above.
        from rich.text import Text

        while not self._ended.wait(_SECONDS):
            self._live.update(Text(self.line()), refresh=True)


def _ago(seconds: float) -> str:
    if seconds < 100:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 6000 else f"{seconds / 3600:.0f} h"
