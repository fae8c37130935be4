"""What the processes of one campaign share: -fork, -jobs and -merge have libFuzzer start `pykcov fuzz` again and again.

The first one makes a folder, and names it to the others. There each has, by its process id, the statistics of the
processes that fuzz for it, locked while it or one of these lives, and a list of what they have found.
"""

import fcntl
import os
import time
from _blake2 import blake2b  # hashlib would load OpenSSL
from contextlib import suppress

from pykcov.fuzz import statistics
from pykcov.fuzz.statistics import Snapshot, Statistics

_STATISTICS = ".statistics"
_FOUND = ".found"
_SECONDS = 10
"""For others to end when they are told to."""


class Jobs:
    """The part of one `pykcov fuzz` in a campaign."""

    def __init__(self, folder: str) -> None:
        """Take part in the campaign of a folder, which exists."""
        self.folder = folder
        self._ended = os.path.join(folder, "ended")
        self._own: list[Statistics] = []
        self.list = self._new_name(_FOUND)
        """The list for what is found here."""

    def new_statistics(self) -> Statistics | None:
        """Return those for one more process that fuzzes for this one; None if nobody is to begin any more."""
        try:
            descriptor = os.open(self._new_name(_STATISTICS), os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        except FileNotFoundError:
            return None  # the campaign is over
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        if os.path.exists(self._ended):
            return None
        os.truncate(descriptor, statistics.BYTES)
        self._own.append(Statistics(descriptor))
        return self._own[-1]

    def own_executions(self) -> int:
        """Return how many there were in the processes that fuzz for this one."""
        return sum(one.snapshot().executions for one in self._own)

    def snapshots(self) -> list[Snapshot]:
        """Return the numbers of all processes that fuzz or did."""
        return [statistics.read(path) for path in _files(self.folder, _STATISTICS)]

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
        paths = [path for path in _files(self.folder, _STATISTICS) if _is_locked(path)]
        return {int(os.path.basename(path).partition(".")[0]) for path in paths} - {os.getpid()}

    def end(self, number: int) -> None:
        """Let nobody begin any more; the others that live get a signal."""
        # First: who has not taken its lock yet looks for it afterwards.
        os.close(os.open(self._ended, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600))
        for process in self.others():
            with suppress(ProcessLookupError):
                os.kill(process, number)

    def wait(self) -> set[int]:
        """Wait until the others have ended; return those that do not."""
        deadline = time.monotonic() + _SECONDS
        while (left := self.others()) and time.monotonic() < deadline:
            time.sleep(0.02)
        return left

    def _new_name(self, suffix: str) -> str:
        # Numbers of processes come again.
        return os.path.join(self.folder, f"{os.getpid()}.{time.monotonic_ns()}{suffix}")


def make_folder() -> str:
    """Make a folder for a campaign."""
    folder = os.path.abspath(os.path.join(os.environ.get("TMPDIR") or "/tmp", f"pykcov-fuzz-{os.urandom(8).hex()}"))
    try:
        os.mkdir(folder, 0o700)
    except OSError:
        import tempfile  # which knows where else, but takes longer to import than all that is done with the folder

        return tempfile.mkdtemp(prefix="pykcov-fuzz-")
    return folder


def remove_folder(folder: str) -> None:
    """Remove it and the files in it, if it is there yet. What a process that would not end makes meanwhile stays."""
    with suppress(OSError):
        for name in os.listdir(folder):
            os.unlink(os.path.join(folder, name))
        os.rmdir(folder)


def is_open(descriptor: int, status: os.stat_result) -> bool:
    """Return whether a descriptor is that of the same file yet: the program may have closed it, and opened another."""
    with suppress(OSError):
        return os.path.samestat(os.fstat(descriptor), status)
    return False


class List:
    """A list of findings, opened before the program can take the means for that away."""

    def __init__(self, path: str) -> None:
        """Open it."""
        self._path = path
        self._descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
        self._status = os.fstat(self._descriptor)

    def tell(self, data: bytes, name: str) -> int:
        """Add a finding: its input and the name of its folder. Return how many the campaign has by now, if known."""
        if is_open(self._descriptor, self._status):
            with suppress(OSError):
                os.write(self._descriptor, f"{_digest(data)} {name}\n".encode())
        else:
            tell(self._path, data, name)
        try:
            return len(names(os.path.dirname(self._path)))
        except OSError:
            return 0


def tell(found: str, data: bytes, name: str) -> None:
    """Add a finding to a list that is not open; nothing is done if it cannot be."""
    with suppress(OSError), open(found, "ab", 0) as file:
        file.write(f"{_digest(data)} {name}\n".encode())


def names(folder: str) -> list[str]:
    """Return the names of what a campaign has found."""
    return [*dict.fromkeys(name for path in _files(folder, _FOUND) for _, name in _told(path))]


def _files(folder: str, suffix: str) -> list[str]:
    """Return those that there are, also when the campaign is over and its folder gone."""
    names = os.listdir(folder) if os.path.isdir(folder) else []
    return sorted(os.path.join(folder, name) for name in names if name.endswith(suffix))


def _told(found: str) -> list[tuple[str, str]]:
    if not os.path.exists(found):
        return []
    with open(found, encoding="utf-8") as file:
        return [(digest, name) for digest, _, name in (line.rstrip("\n").partition(" ") for line in file)]


def _is_locked(path: str) -> bool:
    with open(path, "rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def _digest(data: bytes) -> str:
    return blake2b(data, digest_size=20).hexdigest()
