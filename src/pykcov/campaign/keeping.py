"""Keeps what slices report: at once in files, and in the store as soon as that can be reached.

A thread of its own writes to the store. A database that goes away, or has no room, holds nothing up: results wait, and
each is tried again. What could not be written in the end stays in the folder, which is named.
"""

import queue
import shutil
import tempfile
import threading
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from sqlalchemy.exc import InterfaceError, InternalError, OperationalError

from pykcov.campaign.slices import Result
from pykcov.campaign.store.store import Recorded, Store
from pykcov.counted import counted

_RETRY_SECONDS = 2.0


class Report(NamedTuple):
    """A result for the store."""

    word: str
    harness: str
    result: Result
    seen: Mapping[int, int]


class Keeping:
    """The store, and the inputs that a campaign has at hand. A context manager."""

    def __init__(
        self,
        store: Store,
        campaign: int,
        revision: str,
        say: Callable[[str], object],
        recorded: Callable[[Report, Recorded], object],
    ) -> None:
        """Begin to write.

        say: takes a line for the user.
        recorded: called, in the thread that writes, when a result is in the store.
        """
        self.store = store
        self._campaign, self._revision = campaign, revision
        self._say, self._recorded = say, recorded
        self._folder = Path(tempfile.mkdtemp(prefix="pykcov-campaign-"))
        self._reports: queue.SimpleQueue[Report | None] = queue.SimpleQueue()
        self._taken = self._written = 0  # each is counted by one thread
        self._giving_up = threading.Event()
        self._away = ""
        self._refused: list[Report] = []
        self._thread = threading.Thread(target=self._write_all, name="pykcov-store")
        self._thread.start()

    def take(self, report: Report) -> None:
        """Keep what a slice has reported."""
        with suppress(OSError):  # there is no room: they are in the report, too
            for digest, data in report.result.new.items():
                (self._folder / digest).write_bytes(data)
        self._taken += 1
        self._reports.put(report)

    def inputs(self, digests: Iterable[str]) -> dict[str, bytes]:
        """Return inputs, from files or from the store. SQLAlchemyError if that cannot be reached."""
        found: dict[str, bytes] = {}
        rest = []
        for digest in digests:
            try:
                found[digest] = (self._folder / digest).read_bytes()
            except OSError:
                rest.append(digest)
        if rest:
            stored = self.store.data(rest)
            with suppress(OSError):
                for digest, data in stored.items():
                    (self._folder / digest).write_bytes(data)
            found |= stored
        return found

    def finish(self, seconds: float) -> int:
        """Write what waits, for so long at most; return how many results could not be written."""
        self._reports.put(None)
        self._thread.join(seconds)
        self._giving_up.set()
        self._thread.join()
        waiting = self._taken - self._written
        if waiting:
            left = self._save_rest()
            self._say(f"{counted(waiting, 'result')} could not be written to the store ({self._away}): {left}")
        else:
            shutil.rmtree(self._folder, ignore_errors=True)
        return waiting

    def _write_all(self) -> None:
        while (report := self._reports.get()) is not None:
            if not self._write(report):
                self._reports.put(report)  # for _save_rest()
                return

    def _write(self, report: Report) -> bool:
        """Write a result, again and again until it is written; return whether it is."""
        while True:
            try:
                recorded = self.store.record(
                    self._campaign, report.word, report.harness, report.result, report.seen, self._revision
                )
            except (OperationalError, InterfaceError, InternalError) as error:
                why = _reason(error)
                if not self._away:
                    self._say(f"the store cannot be written to, results wait: {why}")
                self._away = why
                if self._giving_up.wait(_RETRY_SECONDS):
                    return False
                continue
            except Exception as error:  # it cannot be stored, now or later: it must not hold others up
                self._say(f"a result of {report.harness} cannot be stored: {_reason(error)}")
                self._away = self._away or _reason(error)
                self._refused.append(report)
                return True
            if self._away:
                self._say("the store can be written to again")
                self._away = ""
            self._written += 1
            self._recorded(report, recorded)
            return True

    def _save_rest(self) -> str:
        """Save inputs and findings that are not in the store as files."""
        folder = self._folder / "not-stored"
        reports = list(self._refused)
        while not self._reports.empty():
            waiting = self._reports.get()
            reports += [waiting] if waiting is not None else []
        for report in reports:
            own = folder / "".join(each if each.isalnum() else "_" for each in report.harness)
            own.mkdir(parents=True, exist_ok=True)
            datas = dict(report.result.new) | {finding.name: finding.input for finding in report.result.findings}
            for name, data in datas.items():
                (own / name).write_bytes(data)
        return f"their inputs are in {folder}; `pykcov campaign import` takes them in"


def _reason(error: Exception) -> str:
    lines = str(getattr(error, "orig", None) or error).strip().splitlines()
    return lines[0] if lines else type(error).__name__
