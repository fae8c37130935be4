"""What the pcs of other processes stand for: each tells it, in a log in shared memory, before they can be recorded.

The process whose trace it is reads the log when it comes upon a pc that it does not know. A process that is forked from
it, or borrows a device of it (lending.py), appends what it registers: one write() each, which is whole or, if the
process is killed in the middle of it, has a checksum that is wrong.
"""

import marshal
import os
from _blake2 import blake2b
from _thread import RLock
from errno import EBADF
from typing import NamedTuple

from pykcov.traces import locations
from pykcov.traces.locations import Location


class Descriptor(NamedTuple):
    """A file that a process has open, for others."""

    pid: int
    number: int
    device: int
    inode: int

    @classmethod
    def of(cls, number: int) -> "Descriptor":
        """Name one of this process's."""
        status = os.fstat(number)
        return cls(os.getpid(), number, status.st_dev, status.st_ino)

    def open(self) -> int:
        """Open the same file here, for reading and writing. FileNotFoundError if it is closed there."""
        opened = os.open(self._path, os.O_RDWR | os.O_CLOEXEC)
        if self._names(os.fstat(opened)):
            return opened
        os.close(opened)
        raise FileNotFoundError(f"process {self.pid} has closed it")

    def exists(self) -> bool:
        """Return whether it is still open there."""
        try:
            return self._names(os.stat(self._path))
        except OSError:
            return False

    @property
    def _path(self) -> str:
        return f"/proc/{self.pid}/fd/{self.number}"

    def _names(self, status: os.stat_result) -> bool:
        return (status.st_dev, status.st_ino) == (self.device, self.inode)


_MAGIC = b"pykcovPL"
_HEADER = len(_MAGIC) + 8 + 4
_BATCH = 1000


class _Log:
    """Frames of: magic, length and checksum of the rest, rows of locations in marshal's format."""

    def __init__(self, number: int) -> None:
        # Not before: a program under `pykcov run` must not find imported what it did not import.
        from fcntl import F_GETFL, F_SETFL, fcntl

        # Each write goes behind what others have written meanwhile.
        fcntl(number, F_SETFL, fcntl(number, F_GETFL) | os.O_APPEND)
        self.inode = Descriptor.of(number).inode
        self._number = number
        self._lock = RLock()
        self._read = 0
        self._found: list[Location] = []  # what was read, and nobody was told of yet
        self._codes: set[int] = set()  # those that the log has: what pcs have in common but for their lowest 16 bits

    def descriptor(self) -> Descriptor:
        """Name it for others. OSError if the program has closed it."""
        found = Descriptor.of(self._number)
        if found.inode != self.inode:
            raise OSError(EBADF, "the log of places was closed")
        return found

    def append(self, batch: list[Location]) -> None:
        """Tell what is not in the log yet."""
        with self._lock:
            self._collect()
            new = [tuple(location) for location in batch if location.pc >> 16 not in self._codes]
            for start in range(0, len(new), _BATCH):
                rows = marshal.dumps(new[start : start + _BATCH])
                os.write(self._number, _MAGIC + len(rows).to_bytes(8, "little") + _checksum(rows) + rows)

    def read(self) -> list[Location]:
        """Return what was appended since the last time."""
        with self._lock:
            self._collect()
            found, self._found = self._found, []
            return found

    def _collect(self) -> None:
        self.descriptor()
        data = os.pread(self._number, os.fstat(self._number).st_size - self._read, self._read)
        at = done = 0
        while (start := data.find(_MAGIC, at)) >= 0:
            begin = start + _HEADER
            end = begin + int.from_bytes(data[start + 8 : start + 16], "little")
            if end <= len(data) and _checksum(data[begin:end]) == data[start + 16 : begin]:
                rows = [Location(*row) for row in marshal.loads(data[begin:end])]
                self._found += rows
                self._codes.update(location.pc >> 16 for location in rows)
                at = done = end
            else:
                at = start + len(_MAGIC)  # who wrote this was killed, or is still at it
        self._read += done

    def forked(self) -> None:
        """Forget a lock that a thread may have held which is not there in a forked child."""
        self._lock = RLock()


def _checksum(rows: bytes) -> bytes:
    return blake2b(rows, digest_size=4).digest()


_lock = RLock()
_shared: _Log | None = None
_told: dict[int, _Log] = {}  # by inode


def share() -> Descriptor:
    """Return the log of this process, for others to append to. OSError if the program has closed it."""
    with _lock:
        if _shared is None:
            _use(_Log(os.memfd_create("pykcov places", os.MFD_CLOEXEC)))
        assert _shared is not None
        return _shared.descriptor()


def tell(descriptor: Descriptor) -> None:
    """Append to another process's log, from now on, what the pcs of this one stand for."""
    with _lock:
        if descriptor.inode in _told:
            return
        log = _told[descriptor.inode] = _Log(descriptor.open())
        if _shared is None:
            _use(log)
    locations.add_listener(log.append)


def tell_after_fork() -> None:
    """Append to the log that is shared with the parent what this process, a forked child, registers from now on."""
    if _shared is not None and _shared.inode not in _told:
        locations.add_listener(_shared.append, existing=False)
        _told[_shared.inode] = _shared


def _use(log: _Log) -> None:
    global _shared
    _shared = log
    locations.set_teacher(_learn)


def _learn() -> list[Location]:
    try:
        return [] if _shared is None else _shared.read()
    except OSError:
        return []  # the program has closed it


def _after_fork() -> None:
    global _lock
    _lock = RLock()
    for log in (_shared, *_told.values()):
        if log is not None:
            log.forked()


os.register_at_fork(after_in_child=_after_fork)
