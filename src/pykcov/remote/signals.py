"""Signal handlers barge in on whatever the main thread works at: they are interrupts.

Handlers that were set before anybody followed a group are not: set them again, or use `pykcov.remote.interrupt()`.
"""

import signal
from collections.abc import Iterator

from pykcov.remote.replacement import Replacement


def replacements() -> Iterator[Replacement]:
    """Yield what sets handlers, and what tells which are set."""
    yield Replacement(signal, "signal", "interrupt", 1, "handler")
    yield Replacement(signal, "getsignal", "unwrap")
