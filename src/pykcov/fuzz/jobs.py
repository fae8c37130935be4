"""What the processes of one campaign share: -fork, -jobs and -merge have libFuzzer start `pykcov fuzz` again and again.

The first one makes a folder, and names it to the others. There each has, by its process id, the statistics of the
processes that fuzz for it, locked while it or one of these lives, and a list of what they have found.
"""

import fcntl
import os
import time
from _blake2 import blake2b  # hashlib would load OpenSSL
from contextlib import suppress
from pathlib import Path

from pykcov.fuzz import statistics
from pykcov.fuzz.statistics import Snapshot, Statistics

_STATISTICS = ".statistics"
_FOUND = ".found"
_SECONDS = 10
"""For others to end when they are told to."""


class Jobs:
    """The part of one `pykcov fuzz` in a campaign."""

    def __init__(self, folder: Path) -> None:
        """Take part in the campaign of a folder, which exists."""
        self.folder = folder
        self._ended = folder / "ended"
        self._own: list[Statistics] = []
        # Numbers of processes come again.
        self.list = folder / f"{os.getpid()}.{time.monotonic_ns()}{_FOUND}"
        """The list for what is found here."""

    def new_statistics(self) -> Statistics | None:
        """Return those for one more process that fuzzes for this one; None if nobody is to begin any more."""
        import tempfile  # which the processes that fuzz, and tell what they find, do without

        try:
            descriptor, _ = tempfile.mkstemp(_STATISTICS, f"{os.getpid()}.", self.folder)
        except FileNotFoundError:
            return None  # the campaign is over
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        if self._ended.exists():
            return None
        os.truncate(descriptor, statistics.BYTES)
        self._own.append(Statistics(descriptor))
        return self._own[-1]

    def own_executions(self) -> int:
        """Return how many there were in the processes that fuzz for this one."""
        return sum(one.snapshot().executions for one in self._own)

    def snapshots(self) -> list[Snapshot]:
        """Return the numbers of all processes that fuzz or did."""
        return [statistics.read(path) for path in self.folder.glob(f"*{_STATISTICS}")]

    def found(self) -> list[str]:
        """Return the names of what the campaign has found."""
        return names(self.folder)

    def own_found(self) -> list[str]:
        """Return the names of what is found here."""
        return [*dict.fromkeys(name for _, name in _told(self.list))]

    def has_told(self, data: bytes) -> bool:
        """Return whether an input is that of a finding that was told here."""
        return any(known == _digest(data) for known, _ in _told(self.list))

    def others(self) -> set[int]:
        """Return the process ids of the others that live."""
        paths = [path for path in self.folder.glob(f"*{_STATISTICS}") if _is_locked(path)]
        return {int(path.name.partition(".")[0]) for path in paths} - {os.getpid()}

    def end(self, number: int) -> None:
        """Let nobody begin any more; the others that live get a signal."""
        # First: who has not taken its lock yet looks for it afterwards.
        self._ended.touch()
        for process in self.others():
            with suppress(ProcessLookupError):
                os.kill(process, number)

    def wait(self) -> set[int]:
        """Wait until the others have ended; return those that do not."""
        deadline = time.monotonic() + _SECONDS
        while (left := self.others()) and time.monotonic() < deadline:
            time.sleep(0.02)
        return left


def tell(found: Path, data: bytes, name: str) -> int:
    """Add a finding to a list: its input and the name of its folder. Return how many the campaign has by now."""
    with found.open("ab", 0) as file:
        file.write(f"{_digest(data)} {name}\n".encode())
    return len(names(found.parent))


def names(folder: Path) -> list[str]:
    """Return the names of what a campaign has found."""
    return [*dict.fromkeys(name for path in sorted(folder.glob(f"*{_FOUND}")) for _, name in _told(path))]


def _told(found: Path) -> list[tuple[str, str]]:
    lines = found.read_text().splitlines() if found.exists() else []
    return [(digest, name) for digest, _, name in (line.partition(" ") for line in lines)]


def _is_locked(path: Path) -> bool:
    with path.open("rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def _digest(data: bytes) -> str:
    return blake2b(data, digest_size=20).hexdigest()
