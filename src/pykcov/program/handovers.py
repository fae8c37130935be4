"""Notes where threads of the traced process hand work to each other, in mode 'pc': the order in it is that of a thread.

What takes work for other threads has a stand-in written in C (core/python/carrier.c), which calls give(). The work that
is passed on calls take() in the thread that does it. A place in the order of a thread is how many entries it has
recorded by then. Of threads that record nothing, nothing is noted.
"""

import sys
from _thread import _local
from typing import Any

from pykcov import _core
from pykcov._core import Buffer
from pykcov.instrument.imports import tell_imported
from pykcov.program.channel import Sender
from pykcov.program.handover_log import Log
from pykcov.remote import threads
from pykcov.remote.replacement import Replacement
from pykcov.remote.standins import imported, stand_in

_WORK = (
    *threads.CARRIERS,
    Replacement("concurrent.futures.thread", "ThreadPoolExecutor.submit", "hand", 1),
    Replacement("asyncio.base_events", "BaseEventLoop.call_soon_threadsafe", "hand", 1, "callback"),
)


class Handovers:
    """Those of one process."""

    def __init__(self, sender: Sender) -> None:
        """Note nothing yet; `sender` gives the parent the log."""
        self._sender = sender
        self._log: Log | None = None
        self._here = _local()
        self._waiting: dict[str, list[Replacement]] = {}
        self._placed: list[object] = []

    def begin(self) -> None:
        """Note from now on; in a forked child once more, whose thread records into a buffer of its own."""
        self._here = _local()
        self._log = self._new_log()
        if not self._waiting and not self._placed:
            for one in _WORK:
                hand = one._replace(kind="hand", hook=self._give)
                self._waiting.setdefault(one.module, []).append(hand)
            tell_imported(self._put_all)
            self._put_all()

    def _new_log(self) -> Log | None:
        try:
            with _core.Device() as device:
                device.set_buffer_size(_core.BUFFER_WORDS_MAX)
                # Who has mapped it has it for good.
                self._sender.send(("handovers",), device.fileno())
                return Log(_core.Buffer(device))
        except OSError as error:  # of no memory or no descriptor
            self._sender.send(("skipped", [("hand-overs between threads", str(error))]))
            return None

    def record_into(self, key: int, buffer: Buffer) -> None:
        """Learn that the calling thread records into `buffer`, which the parent knows by `key`."""
        here = self._here.__dict__
        here["key"], here["buffer"] = key, buffer
        for giver, given in here.pop("taken", {}).items():
            self._note(giver, given, key, 0)

    def _give(self, work: Any) -> Any:
        here = self._here.__dict__
        if "key" not in here or _is_full(here["buffer"]):
            return work
        giver, given = here["key"], here["buffer"].count
        return _core.handed(work, lambda: self._take(giver, given))

    def _take(self, giver: int, given: int) -> None:
        here = self._here.__dict__
        if "key" not in here:
            # If it records something at last, that is later than the last work of each giver.
            here.setdefault("taken", {})[giver] = given
        elif here["key"] != giver and not _is_full(here["buffer"]):
            place = giver, given, here["key"], here["buffer"].count
            if here.get("last") != place:
                here["last"] = place
                self._note(*place)

    def _note(self, giver: int, given: int, taker: int, taken: int) -> None:
        if self._log is not None:
            self._log.append(giver, given, taker, taken)

    def _put_all(self, complete: object = None) -> None:
        """Put stand-ins where there are none, into the modules that are there; `complete` as in imported()."""
        for name in imported(self._waiting, complete):
            # Another thread may be here, too.
            for one in self._waiting.pop(name, ()):
                self._put(one)

    def _put(self, one: Replacement) -> None:
        try:
            placed = stand_in(sys.modules[one.module], one)
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            where = f"work handed over by {one.module}.{one.name}"
            self._sender.send(("skipped", [(where, f"pykcov does not know this version ({error!r})")]))
            return
        # A module that was imported later may have found one under another name.
        if not any(placed.original is other for other in self._placed):
            self._placed.append(placed.stand_in)
            placed.put()


def _is_full(buffer: Buffer) -> bool:
    """Return whether the order of a thread goes on behind what fits into its buffer."""
    return buffer.count >= len(buffer.words) - 1
