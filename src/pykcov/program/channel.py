"""The sockets between traced processes and the one that collects: messages of any size, some with a descriptor.

A message is a tuple of plain values, written with marshal (both ends are the same Python, and the json package is one
that programs want to see traced). It travels as packets of a SOCK_SEQPACKET socket, which are delivered whole or not at
all whatever happens to the sender, so threads need no lock: [number of the message, 8 bytes][1 if it ends][bytes].
"""

import marshal
import os
import sys
from _socket import (
    AF_UNIX,
    CMSG_SPACE,
    MSG_CMSG_CLOEXEC,
    MSG_DONTWAIT,
    MSG_NOSIGNAL,
    SCM_RIGHTS,
    SOCK_SEQPACKET,
    SOL_SOCKET,
    socket,
)
from collections.abc import Iterator
from fcntl import F_DUPFD_CLOEXEC, fcntl
from itertools import count
from typing import Any

PACKET = 1 << 16
HEADER = 9
# Descriptors below are left to the program, which may expect to get the lowest ones.
_FIRST_DESCRIPTOR = 200


class Sender:
    """The end in a traced process. A forked child, and a process that has closed it, connect anew."""

    def __init__(self, descriptor: int) -> None:
        """Take over `descriptor`, a connected socket, which is replaced by one with a high number."""
        self.address = ""
        """Where to connect anew; '': nowhere."""
        self._use(descriptor)
        self._numbers = count()

    def _use(self, descriptor: int) -> None:
        self._socket = socket(fileno=_moved_up(descriptor))
        self._socket.settimeout(None)  # whatever default the program has set
        self._identity = _identity(self._socket.fileno())
        self._pid = os.getpid()

    def receive(self) -> Any:
        """Wait for the next message of the parent and return it; EOFError if there will be none."""
        assembler = Assembler()
        while packet := self._socket.recv(PACKET + HEADER):
            for message in assembler.add(packet):
                return message
        raise EOFError("the collecting process is gone")

    def send(self, message: tuple[Any, ...], descriptor: int | None = None) -> bool:
        """Send a message, with a descriptor if it fits into one packet; return whether it was sent."""
        try:
            # The program may have closed all descriptors, and ours may be somebody else's by now.
            if not self._is_ours() and not self.reconnect():
                return False
            rights = []
            if descriptor is not None:
                rights = [(SOL_SOCKET, SCM_RIGHTS, descriptor.to_bytes(4, sys.byteorder))]
            for packet in packets(message, next(self._numbers)):
                self._socket.sendmsg([packet], rights, MSG_NOSIGNAL)
        except OSError:
            return False
        return True

    def reconnect(self) -> bool:
        """Leave the socket to whose it is, and connect as the calling process; return whether that was possible."""
        forker = self._pid
        self.close()
        if not self.address:
            return False
        try:
            self._use(connect(self.address))
            for packet in packets(("process", self._pid, forker), next(self._numbers)):
                self._socket.sendmsg([packet], [], MSG_NOSIGNAL)
        except OSError:
            return False
        return True

    def close(self) -> None:
        """Close the socket, if it is still ours."""
        try:
            if self._socket.fileno() >= 0 and _identity(self._socket.fileno()) == self._identity:
                self._socket.close()
        except OSError:
            pass
        self._socket.detach()

    def _is_ours(self) -> bool:
        # No contextlib.suppress(): it may have probes, and would stand in the trace of the program.
        try:
            descriptor = self._socket.fileno()
            return os.getpid() == self._pid and descriptor >= 0 and _identity(descriptor) == self._identity
        except OSError:
            return False


def connect(address: str) -> int:
    """Return a descriptor that is connected to the process that collects; OSError if that has ended."""
    name, _, token = address.partition(":")
    connection = socket(AF_UNIX, SOCK_SEQPACKET)
    connection.settimeout(None)
    try:
        connection.connect("\0" + name)
        # Who else finds the name, which everybody on the machine may read, does not have this.
        connection.sendmsg([token.encode()], [], MSG_NOSIGNAL)
    except OSError:
        connection.close()
        raise
    return connection.detach()


def packets(message: Any, number: int) -> Iterator[bytes]:
    """Return the packets of a message; no other message of the sender has this number."""
    data = marshal.dumps(message)
    for start in range(0, len(data), PACKET):
        ends = start + PACKET >= len(data)
        yield number.to_bytes(8, sys.byteorder) + (b"\1" if ends else b"\0") + data[start : start + PACKET]


def receive(connection: socket) -> tuple[bytes, list[int]]:
    """Return the next packet, b"" at the end, and the descriptors that came with it. BlockingIOError: none is there."""
    packet, rights, _, _ = connection.recvmsg(PACKET + HEADER, CMSG_SPACE(4), MSG_DONTWAIT | MSG_CMSG_CLOEXEC)
    descriptors: list[int] = []
    for level, kind, data in rights:
        if level == SOL_SOCKET and kind == SCM_RIGHTS:
            descriptors += memoryview(data[: len(data) & ~3]).cast("i").tolist()
    return packet, descriptors


class Assembler:
    """Makes messages of packets, which may come mixed from several threads."""

    def __init__(self) -> None:
        """Start with nothing received."""
        self._parts: dict[bytes, list[bytes]] = {}

    def add(self, packet: bytes) -> Iterator[Any]:
        """Take a packet; yield the message that it completes, if it does."""
        number, ends, data = packet[:8], packet[8:9], packet[9:]
        parts = self._parts.setdefault(number, [])
        parts.append(data)
        if ends == b"\1":
            del self._parts[number]
            yield marshal.loads(b"".join(parts))


def _identity(descriptor: int) -> tuple[int, int]:
    status = os.fstat(descriptor)
    return status.st_dev, status.st_ino


def _moved_up(descriptor: int) -> int:
    try:
        moved = fcntl(descriptor, F_DUPFD_CLOEXEC, _FIRST_DESCRIPTOR)
    except OSError:  # a limit of fewer descriptors
        os.set_inheritable(descriptor, False)
        return descriptor
    os.close(descriptor)
    return moved
