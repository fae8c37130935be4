"""What a backend is: the verbs of one kernel's kcov driver, which answer with the errno of the driver."""

import os
from abc import ABC, abstractmethod
from collections.abc import Mapping
from errno import ENOENT, ENXIO
from fcntl import ioctl
from typing import ClassVar

from pykcov._core import TRACE_CMP, TRACE_PC
from pykcov.device import KcovError
from pykcov.kernel.buffer import KernelBuffer


class Driver(ABC):
    """A descriptor of a kernel's driver. Every verb raises OSError with what the driver answers."""

    kernel: ClassVar[str]
    """The name of the backend, as pykcov.open() takes it."""
    platform: ClassVar[str]
    """What sys.platform begins with where it runs."""
    path: str
    """The device node."""
    modes: ClassVar[Mapping[int, int]]
    """What the driver calls TRACE_PC and TRACE_CMP."""
    no_mode: ClassVar[int]
    """A number that is no mode of the driver's."""
    words: ClassVar[range]
    """The sizes of a buffer that can be both set and mapped."""

    def __init__(self) -> None:
        """Hold no descriptor yet."""
        self.fd = -1

    def open(self) -> None:
        """Open a new device."""
        self.fd = os.open(self.path, os.O_RDWR | os.O_CLOEXEC)

    @abstractmethod
    def set_buffer_size(self, nmemb: int) -> None:
        """Give it `nmemb` words."""

    def mmap(self, nmemb: int) -> KernelBuffer:
        """Map all `nmemb` words."""
        return KernelBuffer.from_driver(self.fd, nmemb)

    @abstractmethod
    def remote(self, subsystem: int, id: int) -> None:
        """Have it record the sections of a handle, from the next enable on."""

    @abstractmethod
    def enable(self, mode: int) -> None:
        """Begin to record, in a mode of the driver's."""

    @abstractmethod
    def disable(self) -> None:
        """Stop."""

    def close(self) -> None:
        """Give the descriptor back."""
        fd, self.fd = self.fd, -1
        os.close(fd)

    def has_ended(self, pid: int, tid: int) -> bool:
        """Return whether a thread that was traced is known to have ended, which frees its device."""
        return False

    def ioctl(self, request: int, arg: int | bytes = 0) -> int:
        """Do one by number: an integer goes by value, bytes by their address."""
        # A bytearray goes by its address, bytes by that of a copy that may have 1024 of them only.
        return ioctl(self.fd, request, bytearray(arg) if isinstance(arg, bytes) else arg)

    def why_not(self, error: OSError) -> KcovError:
        """Say why it could not be opened, and what to do."""
        if error.errno in (ENOENT, ENXIO):
            return KcovError(error.errno, f"open: there is no {self.path}: the kernel was built without kcov")
        return KcovError(error.errno, f"open: {self.path}: {os.strerror(error.errno or 0)}")


def modes(pc: int, cmp: int) -> dict[int, int]:
    """Return the modes of a driver that calls them so."""
    return {TRACE_PC: pc, TRACE_CMP: cmp}
