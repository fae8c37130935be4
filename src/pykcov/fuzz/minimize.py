"""Makes an input shorter while it goes on to do the same."""

import json
import socket
import subprocess
import time
from collections.abc import Callable

from pykcov.fuzz import jobs, sanitizers
from pykcov.fuzz.candidates import LOCATIONS, NOTHING, Verdict
from pykcov.fuzz.settings import Settings

Same = Callable[[bytes], bool]


def minimize(data: bytes, same: Same, seconds: float) -> bytes:
    """Return the shortest input that was found in so many seconds and for which `same` holds, as it does for `data`.

    Pieces are left out, halves first, then smaller ones, as long as that goes on to help; then bytes are made plain.
    """
    deadline = time.monotonic() + seconds
    size = max(len(data) // 2, 1)
    while size:
        shorter = _without_pieces(data, size, same, deadline)
        if time.monotonic() > deadline:
            return shorter
        size = size if size == 1 and len(shorter) < len(data) else size // 2
        data = shorter
    return _plain(data, same, deadline)


def _without_pieces(data: bytes, size: int, same: Same, deadline: float) -> bytes:
    # From the end: programs read the beginning first, so that what is behind a failure goes at once.
    at = len(data) - size
    while at > -size and data and time.monotonic() < deadline:
        candidate = data[: max(at, 0)] + data[max(at + size, 0) :]
        if len(candidate) < len(data) and same(candidate):
            data = candidate
            at = min(at, len(data)) - size
        else:
            at -= size
    return data


def _plain(data: bytes, same: Same, deadline: float) -> bytes:
    for at, byte in enumerate(data):
        if time.monotonic() > deadline:
            break
        if byte not in b"0 a":
            candidate = data[:at] + b"0" + data[at + 1 :]
            if same(candidate):
                data = candidate
    return data


class Judge:
    """A process that runs the harness and says what inputs do (fuzz/candidates.py). A context manager."""

    def __init__(self, settings: Settings) -> None:
        """Start it."""
        self._connection, theirs = socket.socketpair()
        settings = settings._replace(candidates=theirs.fileno(), statistics=None, dump=None, findings=None)
        self._reports = jobs.make_folder()
        self._process = subprocess.Popen(
            settings.command_line(),
            env=sanitizers.environment(self._reports),
            pass_fds=[theirs.fileno()],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        theirs.close()
        self._stream = self._connection.makefile("rwb")

    def __enter__(self) -> "Judge":
        """Return it."""
        return self

    def __exit__(self, *_: object) -> None:
        """End it."""
        self._stream.close()
        self._connection.close()
        try:
            self._process.wait(2)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        jobs.remove_folder(self._reports)

    def verdict(self, data: bytes, locations: bool = False) -> Verdict:
        """Return what an input does, and where it was last if `locations`; NOTHING if the process is gone."""
        try:
            number = len(data) | (LOCATIONS if locations else 0)
            self._stream.write(number.to_bytes(8, "little") + data)
            self._stream.flush()
            answer = self._stream.readline()
        except OSError:
            return NOTHING
        return Verdict(*json.loads(answer)) if answer else NOTHING
