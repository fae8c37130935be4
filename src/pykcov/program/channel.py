"""The socket between the traced process and its parent: messages of any size, some with a descriptor.

A message is a tuple of plain values, written with marshal (both ends are the same Python, and the json package is one
that programs want to see traced). It travels as packets of a SOCK_SEQPACKET socket, which are delivered whole or not at
all whatever happens to the sender, so threads need no lock: [number of the message, 8 bytes][1 if it ends][bytes].
"""

import marshal
import os
import sys
from _socket import MSG_NOSIGNAL, SCM_RIGHTS, SOL_SOCKET, socket
from collections.abc import Iterator
from fcntl import F_DUPFD_CLOEXEC, fcntl
from itertools import count
from typing import Any

PACKET = 1 << 16
HEADER = 9
# Descriptors below are left to the program, which may expect to get the lowest ones.
_FIRST_DESCRIPTOR = 200


class Sender:
    """The end in the traced process. It stays usable in the process that made it only, never in a forked child."""

    def __init__(self, descriptor: int) -> None:
        """Take over `descriptor`, a connected socket, which is replaced by one with a high number."""
        self._socket = socket(fileno=_moved_up(descriptor))
        self._identity = _identity(self._socket.fileno())
        self._pid = os.getpid()
        self._numbers = count()

    def receive(self) -> Any:
        """Wait for the next message of the parent and return it; EOFError if there will be none."""
        assembler = Assembler()
        while packet := self._socket.recv(PACKET + HEADER):
            for message in assembler.add(packet):
                return message
        raise EOFError("the collecting process is gone")

    def send(self, message: tuple[Any, ...], descriptor: int | None = None) -> bool:
        """Send a message, with a descriptor if it fits into one packet; return whether it was sent.

        It is not from a forked child, nor if the socket is gone.
        """
        try:
            # The program may have closed all descriptors, and ours may be somebody else's by now.
            if os.getpid() != self._pid or _identity(self._socket.fileno()) != self._identity:
                return False
            rights = []
            if descriptor is not None:
                rights = [(SOL_SOCKET, SCM_RIGHTS, descriptor.to_bytes(4, sys.byteorder))]
            for packet in packets(message, next(self._numbers)):
                self._socket.sendmsg([packet], rights, MSG_NOSIGNAL)
        except OSError:
            return False
        return True

    def close(self) -> None:
        """Close the socket, if it is still ours."""
        try:
            if _identity(self._socket.fileno()) == self._identity:
                self._socket.close()
            else:
                self._socket.detach()
        except OSError:
            self._socket.detach()


def packets(message: Any, number: int) -> Iterator[bytes]:
    """Return the packets of a message; no other message of the sender has this number."""
    data = marshal.dumps(message)
    for start in range(0, len(data), PACKET):
        ends = start + PACKET >= len(data)
        yield number.to_bytes(8, sys.byteorder) + (b"\1" if ends else b"\0") + data[start : start + PACKET]


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
