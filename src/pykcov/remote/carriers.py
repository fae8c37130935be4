"""Gives work that is handed to others the group of who hands it over, while anybody follows a group.

Most of it needs nothing: whoever keeps to contexts (asyncio, uvloop, trio, anyio, `to_thread`) runs work in the
context that it was created in, which names the group, and the core looks there (core/python/follow.c). What does not
keep to contexts has a file of its own here, which names the functions that take work. The files for other processes
use lending.py, which uses this one, so they bring theirs by add(). While a trace follows, stand-ins written in C
(core/python/carrier.c) are in their places, in the modules that the program has imported.
"""

import os
import sys
from _thread import RLock
from collections.abc import Callable, Iterable
from types import ModuleType
from typing import NamedTuple
from warnings import warn

from pykcov.instrument.imports import tell_imported, tell_imported_no_longer
from pykcov.remote import (
    executors,
    garbage_collector,
    greenlets,
    interrupts,
    pools,
    threads,
    worker_threads,
)
from pykcov.remote.replacement import Callback, Replacement
from pykcov.remote.standins import StandIn, imported, stand_in
from pykcov.warnings import PykcovWarning

_by_module: dict[str, list[Replacement | Callback]] = {}


def add(carriers: Iterable[Replacement | Callback]) -> None:
    """Have install() see to these too, from its next first call on."""
    for carrier in carriers:
        _by_module.setdefault(carrier.module, []).append(carrier)


for _file in (threads, executors, pools, greenlets, worker_threads):
    add(_file.CARRIERS)

_lock = RLock()
_followers: list[None] = []
_installed = False
_recording = False
_waiting: dict[str, None] = {}
_placed: dict[Replacement | Callback, "_Called | StandIn"] = {}
_named: set[Replacement | Callback] = set()


def install(*, record: bool = True) -> None:
    """Carry groups along from now on, until remove() was called as often as this.

    record: record what barges in, too, as soon as one of those who install wants it; see interrupts.begin().
    """
    global _recording
    with _lock:
        _followers.append(None)
        wanted = record and not _recording
        _recording = _recording or record
        if not _installed:
            _install()
        elif wanted:
            interrupts.begin(True)


# A signal handler may install and remove while its thread is in the middle of either. So each can be done from its
# beginning at any point of the other, or of itself.
def _install() -> None:
    global _installed
    _waiting.update(dict.fromkeys(_by_module))
    tell_imported(_put_all)
    _put_all()
    _installed = True
    interrupts.begin(_recording)
    garbage_collector.install()


def remove() -> None:
    """Undo one install()."""
    global _installed, _recording
    with _lock:
        _followers.pop()
        if _followers:
            return
        _recording = False
        if _installed:
            _installed = False
            garbage_collector.remove()
            interrupts.end()
        tell_imported_no_longer(_put_all)
        for carrier in reversed(list(_placed)):  # two may stand before the same function
            placed = _placed.pop(carrier, None)
            if placed is not None:
                placed.remove()
        if _followers and not _installed:
            _install()


def _put_all(complete: object = None) -> None:
    """Put stand-ins into the modules that are there and have none; `complete`: the namespace of one that has run."""
    with _lock:
        if not _followers:
            return
        for name in imported(_waiting, complete):
            for carrier in _by_module[name]:
                try:
                    _put(sys.modules[name], carrier)
                except (AttributeError, KeyError, TypeError, ValueError) as error:
                    _name_once(carrier, error)
            _waiting.pop(name, None)


class _Called(NamedTuple):
    """How to have a library call what a carrier brings, and how to undo that: both may be done twice."""

    put: Callable[[], object]
    remove: Callable[[], object]


def _put(module: ModuleType, carrier: Replacement | Callback) -> None:
    if carrier not in _placed:
        made = _callback(module, carrier) if isinstance(carrier, Callback) else stand_in(module, carrier)
        _placed.setdefault(carrier, made)
    placed = _placed.get(carrier)
    if placed is not None:
        placed.put()


def _callback(module: ModuleType, carrier: Callback) -> _Called:
    there: list[None] = []

    def put() -> None:
        if not there:
            carrier.install(module)
            there.append(None)

    def remove() -> None:
        if there:
            there.pop()
            carrier.remove(module)

    return _Called(put, remove)


def _name_once(carrier: Replacement | Callback, error: Exception) -> None:
    if carrier in _named:
        return
    _named.add(carrier)
    warn(
        f"work handed over by {carrier.module}.{carrier.name} is not followed: pykcov does not know this version "
        f"({error!r})",
        PykcovWarning,
        stacklevel=2,
    )


def _forget_lock() -> None:
    global _lock
    _lock = RLock()


# A thread that holds the lock does not exist in the child of a fork.
os.register_at_fork(after_in_child=_forget_lock)
