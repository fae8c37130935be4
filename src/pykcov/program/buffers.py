"""Takes what the traced process tells and records, and holds it until the process has ended."""

import array
import os
import selectors
import socket
from typing import Any, NamedTuple

from pykcov._core import Buffer
from pykcov.locations import Location
from pykcov.native.images import Image, read_log
from pykcov.program.channel import HEADER, PACKET, Assembler

# The kernel's PF_EXITING, in the ninth field of /proc/PID/stat.
_EXITING = 4


class Recorded(NamedTuple):
    """What one thread has recorded."""

    name: str
    ident: int
    native_id: int
    dropped: int
    words: bytes
    """The whole entries. No numpy here: it starts threads, and they would take signals that we wait for."""


class Buffers:
    """Reads the socket until the other end is closed or stop() is called. `run` is to be called in a thread."""

    def __init__(self, connection: socket.socket, entry_words: int, nmemb: int) -> None:
        """Take over `connection`, the parent's end. An entry has `entry_words` words, a buffer `nmemb`."""
        self.locations: list[Location] = []
        self.skipped: list[tuple[str, str]] = []
        self.untraced: list[tuple[str, str]] = []
        """Threads that got no device: name and reason."""
        self.images: list[Image] = []
        """The executable and the shared objects of the program."""
        self.forked = 0
        self.interpreters = False
        """Whether the program has loaded what makes other interpreters in its process."""
        self.no_python = False
        """Whether the program could not be compiled: a bare Python has taken over, which says why."""
        self.closed_early = False
        """Whether the program closed the socket, or became another program, before its end."""
        self._threads: dict[int, Recorded] = {}
        self._live: dict[int, tuple[tuple[str, int, int], Buffer]] = {}
        self._image_log: int | None = None
        self._connection = connection
        self._entry_words = entry_words
        self._nmemb = nmemb
        self._assembler = Assembler()
        self._stop_read, self._stop_write = os.pipe()

    def run(self, pid: int) -> None:
        """Take messages of process `pid` until there will be no more."""
        with selectors.DefaultSelector() as selector:
            selector.register(self._connection, selectors.EVENT_READ)
            selector.register(self._stop_read, selectors.EVENT_READ)
            while True:
                ended = any(key.fd == self._stop_read for key, _ in selector.select())
                if not self._take_all():
                    self.closed_early = not (ended or self.no_python or _is_exiting(pid))
                    return
                if ended:
                    return

    def stop(self) -> None:
        """Have run() return when it has read what is there: the process has ended."""
        os.write(self._stop_write, b"\0")

    def close(self) -> None:
        """Close socket and pipe; the program has ended."""
        if self._image_log is not None:
            try:
                self.images = read_log(self._image_log)
            except (OSError, ValueError) as error:
                self.skipped.append(("native code", f"what was loaded is not known: {error}"))
            os.close(self._image_log)
            self._image_log = None
        self._connection.close()
        os.close(self._stop_read)
        os.close(self._stop_write)

    def threads(self) -> list[Recorded]:
        """Return what the threads have recorded, in the order of their first events."""
        self._read(list(self._live))
        return [self._threads[key] for key in sorted(self._threads)]

    def _take_all(self) -> bool:
        """Take the messages that are there; return whether there may be more later."""
        while True:
            try:
                packet, descriptors = _receive(self._connection)
            except BlockingIOError:
                return True
            except ConnectionError:
                return False
            if not packet:
                return False
            try:
                for message in self._assembler.add(packet):
                    self._take(message, descriptors)
            finally:
                for descriptor in descriptors:
                    os.close(descriptor)

    def _take(self, message: Any, descriptors: list[int]) -> None:
        match message:
            case ("thread", key, name, ident, native_id, of_kernel):
                try:
                    # The mapping keeps the memory; the descriptor is closed, however many threads there are.
                    buffer = self._kernel_buffer(descriptors[0]) if of_kernel else Buffer.from_fd(descriptors[0])
                    self._live[key] = (name, ident, native_id), buffer
                except (OSError, IndexError) as error:
                    self.untraced.append((name, f"its buffer could not be mapped: {error}"))
            case ("ended", keys):
                self._read(keys)
            case ("untraced", name, reason):
                self.untraced.append((name, reason))
            case ("locations", rows):
                self.locations.extend(Location(*row) for row in rows)
            case ("skipped", rows):
                self.skipped.extend(rows)
            case ("images",) if descriptors and self._image_log is None:
                self._image_log = os.dup(descriptors[0])
            case ("interpreters",):
                self.interpreters = True
            case ("no python",):
                self.no_python = True
            case ("forked",):
                self.forked += 1

    def _kernel_buffer(self, descriptor: int) -> Buffer:
        """Map the buffer of a kernel's device, which the program shares."""
        # Not before: few runs trace a kernel.
        from pykcov.kernel.buffer import KernelBuffer

        buffer = KernelBuffer.from_driver(descriptor, self._nmemb)
        buffer.compares = self._entry_words > 1
        return buffer

    def _read(self, keys: list[int]) -> None:
        """Copy what these threads have recorded and let go of their buffers."""
        for key in keys:
            if key in self._live:
                identity, buffer = self._live.pop(key)
                words = buffer.words
                count = min(words[0], (len(words) - 1) // self._entry_words)
                entries = words[1 : 1 + count * self._entry_words].tobytes()
                self._threads[key] = Recorded(*identity, buffer.dropped, entries)


def _receive(connection: socket.socket) -> tuple[bytes, list[int]]:
    descriptors = array.array("i")
    packet, rights, _, _ = connection.recvmsg(
        PACKET + HEADER, socket.CMSG_SPACE(descriptors.itemsize), socket.MSG_DONTWAIT | socket.MSG_CMSG_CLOEXEC
    )
    for level, kind, data in rights:
        if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
            descriptors.frombytes(data[: len(data) - len(data) % descriptors.itemsize])
    return packet, descriptors.tolist()


def _is_exiting(pid: int) -> bool:
    """Whether the process is past its last instruction: its descriptors are closed before its parent is told."""
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as file:
            fields = file.read().rpartition(")")[2].split()
    except OSError:
        return True
    return fields[0] == "Z" or bool(int(fields[6]) & _EXITING)
