"""Gives work that is handed to others the group of who hands it over, while anybody follows a group.

Most of it needs nothing: whoever keeps to contexts (asyncio and other event loops, tasks, `to_thread`) runs work in the
context that it was created in, which names the group, and the core looks there (core/follow.c). What does not keep to
contexts has a file of its own here, which names the functions that take work. While there is a trace that follows,
stand-ins written in C (core/carrier.c) are in their places.
"""

import os
from _thread import allocate_lock

from pykcov import _core
from pykcov.remote import collector, executors, signals, threads
from pykcov.remote.replacement import Replacement

_CARRIERS = (threads, executors, signals)

_lock = allocate_lock()
_followers = 0
_installed: list[tuple[Replacement, object, object]] = []


def install() -> None:
    """Carry groups along from now on, until remove() was called as often as this."""
    global _followers
    with _lock:
        _followers += 1
        if _followers > 1:
            return
        for carrier in _CARRIERS:
            for replacement in carrier.replacements():
                _replace(replacement)
        collector.install()


def remove() -> None:
    """Undo one install()."""
    global _followers
    with _lock:
        _followers -= 1
        if _followers:
            return
        collector.remove()
        while _installed:
            replacement, original, ours = _installed.pop()
            # Whoever has put something else there meanwhile shall keep it; ours does no harm if that calls it.
            if vars(replacement.owner).get(replacement.name) is ours:
                setattr(replacement.owner, replacement.name, original)


def _replace(replacement: Replacement) -> None:
    original = vars(replacement.owner)[replacement.name]
    ours = _core.carrier(replacement.kind, original, replacement.argument, replacement.keyword)
    setattr(replacement.owner, replacement.name, ours)
    _installed.append((replacement, original, ours))


def _forget_lock() -> None:
    global _lock
    _lock = allocate_lock()


# A thread that holds the lock does not exist in the child of a fork.
os.register_at_fork(after_in_child=_forget_lock)
