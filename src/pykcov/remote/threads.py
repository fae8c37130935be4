"""A thread works for whom its starter worked for.

What a thread runs is handed to the function that starts it, under one of these names. From 3.14 on `threading` runs it
in a context that the thread has: the stand-in names the group there, unless the context names one already. Threads that
native code makes begin in no context: they work for nobody, unless they enter a section (kcov.h).
"""

import sys

from pykcov.remote.replacement import Replacement

_NAMES = ("start_new_thread", "start_joinable_thread") if sys.version_info >= (3, 13) else ("start_new_thread",)
# What threading has under another name.
_IN_THREADING = "_start_joinable_thread" if sys.version_info >= (3, 13) else "_start_new_thread"

CARRIERS = (
    *(Replacement("_thread", name, "start", 0, "function") for name in _NAMES),
    Replacement("threading", _IN_THREADING, "start", 0, "function"),
)
