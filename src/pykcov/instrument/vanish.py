"""Probes that have told all they can vanish: functions get code without them.

While all that is asked is what ran at all (pykcov.once), a probe that was hit is of no use any more. When such hits
have become many, functions are looked for whose code has them, and get the same code without. What is running goes on
as it is; from the next call, or the next function that is made of a code constant, on it costs nothing. When somebody
else begins to record, or a log begins anew, code gets all its probes back.

A look happens in the middle of a probe, in whatever thread. To go through all functions takes as long as some hundred
thousand hits of probes, so it happens when these have been made: what it costs is never more than what was lost before
it. To rewrite code takes longer, but is done for good.
"""

import sys
from _thread import RLock
from collections.abc import Iterator
from os import register_at_fork
from time import thread_time_ns
from types import CodeType, FunctionType

from pykcov import _core
from pykcov._core import CompareProbe, Probe
from pykcov._exec import Unrecorded
from pykcov._vanish import set_code, set_constant
from pykcov._view import constants, with_constants
from pykcov.instrument import alive
from pykcov.instrument.kind import Kind
from pykcov.instrument.originals import kind_of, original_of, remember_thinned
from pykcov.instrument.rewrite import thinned

# Hits, of which once_hits() counts no more, that make a probe worth the work of a new code object.
_OFTEN = 255
# What such a hit takes, roughly.
_HIT_NS = 8
# The least number of hits between two looks.
_HITS = 50_000
# The longest that a look may rewrite code: the program stands still. Of processor time, as all times here: on a busy
# machine a look would else find the time over as soon as it has found what to do.
_LOOK_NS = 20_000_000


class _Versions:
    """The versions of one code object: with all probes, and with those that are left."""

    __slots__ = ("all", "former", "kind", "left_out", "original", "probes", "thin")

    def __init__(self, probed: CodeType, original: CodeType, kind: Kind) -> None:
        self.all = probed
        self.original = original
        self.kind = kind
        self.probes: list[Probe | CompareProbe] = list(constants(probed)[len(original.co_consts) :])
        self.thin = probed
        self.left_out: frozenset[int] = frozenset()
        # Kept: their ids have to stay their own, and frames may be about to make functions of them.
        self.former: list[CodeType] = []

    def thin_out(self, hits: memoryview) -> bool:
        """Leave out the probes that were hit, if one of them is hit often; return whether there is another version."""
        counts = [hits[probe.number] if type(probe) is Probe else 0 for probe in self.probes]
        if not any(count >= _OFTEN and index not in self.left_out for index, count in enumerate(counts)):
            return False
        self.left_out |= {index for index, count in enumerate(counts) if count}
        self.former.append(self.thin)
        there = constants(self.thin)
        if len(self.left_out) == len(self.probes):
            self.thin = with_constants(self.original, there)
        else:
            self.thin = thinned(
                self.original, there, self.left_out, granularity=self.kind.granularity, compare=self.kind.compare
            )
        remember_thinned(self.original, self.thin, self.kind, self.left_out)
        return True

    def refill(self) -> None:
        """Have all probes again."""
        if self.thin is not self.all:
            self.former.append(self.thin)
            self.thin = self.all
            self.left_out = frozenset()


class _Exchange:
    """What was exchanged in this process."""

    def __init__(self) -> None:
        self._versions: dict[int, _Versions] = {}  # by the ids of all versions
        self._is_thin = False
        self._patience = 0
        # Reentrant: a signal handler may begin to trace in the middle of a look.
        self._lock = RLock()
        self._is_looking = False
        self._restores = 0
        register_at_fork(after_in_child=self._forget_lock)

    def look(self) -> int:
        """Exchange code with probes that are hit for nothing; return how many such hits there may be until the next."""
        if not self._lock.acquire(False):
            return _HITS
        try:
            if self._is_looking:
                return _HITS
            self._is_looking = True
            restores = self._restores
            with Unrecorded():
                alive.find_hidden(more=True)
                began = thread_time_ns()
                rewriting = 0 if _is_needed_whole() else self._thin_out()
                searching = thread_time_ns() - began - rewriting
            if restores != self._restores:
                self.restore()
        finally:
            self._is_looking = False
            self._lock.release()
        # In vain: what is hit is in the middle of running, or shall not be exchanged.
        self._patience = 0 if rewriting else min(self._patience + 1, 16)
        return max(_HITS, searching // _HIT_NS) << self._patience

    def restore(self) -> None:
        """Give all code its probes back."""
        self._restores += 1
        if not self._is_thin:
            return
        with self._lock, Unrecorded():
            for versions in self._versions.values():
                versions.refill()
            functions = alive.functions()
            self._set(functions, list(_instrumented(functions)))
            self._is_thin = False
            # For the next look: to go back and forth is dear.
            self._patience += 4

    def _forget_lock(self) -> None:
        # A thread that holds the lock does not exist in the child of a fork.
        self._lock, self._is_looking = RLock(), False

    def _thin_out(self) -> int:
        """Exchange code, for as long as a look may; return for how many nanoseconds it was rewritten."""
        hits = _core.once_hits()
        functions = alive.functions(frozen=False)
        codes = list(_instrumented(functions))
        rewriting = 0
        for code in codes:
            began = thread_time_ns()
            versions = self._versions.get(id(code)) or self._new_versions(code, hits)
            if versions is not None and versions.thin_out(hits):
                self._versions[id(versions.thin)] = self._versions[id(versions.all)] = versions
                rewriting += thread_time_ns() - began
                if rewriting > _LOOK_NS:
                    break
        if rewriting:
            self._is_thin = True  # first: an exception of a signal handler may come in the middle
            self._set(functions, codes)
        return rewriting

    def _new_versions(self, code: CodeType, hits: memoryview) -> _Versions | None:
        if not any(type(probe) is Probe and hits[probe.number] >= _OFTEN for probe in constants(code)):
            return None
        original, kind = original_of(code), kind_of(code)
        return None if original is None or kind is None else _Versions(code, original, kind)

    def _set(self, functions: list[FunctionType], codes: list[CodeType]) -> None:
        for function in functions:
            code = function.__code__
            versions = self._versions.get(id(code))
            if versions is not None and versions.thin is not code:
                set_code(function, versions.thin)
        for code in (*codes, *(versions.thin for versions in dict.fromkeys(self._versions.values()))):
            for index, constant in enumerate(constants(code)):
                if type(constant) is CodeType:
                    versions = self._versions.get(id(constant))
                    if versions is not None and versions.thin is not constant:
                        set_constant(code, index, versions.thin)


def _instrumented(functions: list[FunctionType]) -> Iterator[CodeType]:
    """Yield the code with probes of functions and of what is running, and of all that is nested in it."""
    return alive.instrumented_within(alive.in_use(functions))


def _is_needed_whole() -> bool:
    """Return whether somebody needs all hits, or has told sys.monitoring what to watch in code as it is."""
    if _core.probes_awake():
        return True
    monitoring = getattr(sys, "monitoring", None)
    return monitoring is not None and any(monitoring.get_tool(tool) is not None for tool in range(6))


_exchange = _Exchange()


def install() -> None:
    """Have probes vanish as long as logs of what ran at all are open. Twice is once."""
    _core.set_once_callables(_exchange.look, _exchange.restore)
