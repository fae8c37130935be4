"""A thread works for whom its starter worked for.

What a thread runs is handed to the function that starts it, under one of these names. Threads that native code makes
begin in no context: they work for nobody, unless they enter a section (kcov.h).
"""

import _thread
import threading
from collections.abc import Iterator

from pykcov.remote.replacement import Replacement


def replacements() -> Iterator[Replacement]:
    """Yield the functions that start threads."""
    for owner, prefix in ((_thread, ""), (threading, "_")):
        for name in ("start_new_thread", "start_joinable_thread"):
            if hasattr(owner, prefix + name):
                yield Replacement(owner, prefix + name, "carry", 0, "function")
