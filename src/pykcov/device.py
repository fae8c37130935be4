"""The device: one kcov descriptor, as Python programs use it.

    with pykcov.open() as device:
        device.set_buffer_size(pykcov.BUFFER_WORDS_MAX)
        buffer = device.mmap()
        device.enable(pykcov.TRACE_PC)
        ...
        device.disable()
        print(buffer.pcs(), device.dropped)

Every refused operation raises a `KcovError`, an `OSError` with the errno of kcov(4).
"""

import os
from typing import TYPE_CHECKING, Self

from pykcov import _core
from pykcov._core import (
    Counters,
    DeviceBusyError,
    DeviceNotReadyError,
    InvalidValueError,
    KcovError,
    NoMemoryError,
    NotOwnerError,
    UnknownRequestError,
)
from pykcov.traces import records

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from pykcov.traces.records import Comparison

__all__ = [
    "Buffer",
    "Counters",
    "Device",
    "DeviceBusyError",
    "DeviceNotReadyError",
    "InvalidValueError",
    "KcovError",
    "NoMemoryError",
    "NotOwnerError",
    "UnknownRequestError",
    "get_include",
]


class Buffer(_core.Buffer):
    """The mapped words of a device. `Device.mmap()` and `Buffer.from_fd()` create it.

    Word 0 counts the entries and may be set to anything at any time; the entries follow. The memory stays valid as long
    as this object or a view of it lives, even after the device was closed and its process died.
    """

    def pcs(self) -> "NDArray[np.uint64]":
        """Return the pcs recorded so far, in order. For the modes whose entries are pcs.

        Returns:
            A copy: an array of shape (count,) and type uint64.
        """
        return records.pcs(records.array(self.words))

    def entries(self) -> "NDArray[np.uint64]":
        """Return the entries of TRACE_CMP.

        Returns:
            The buffer itself, not a copy: an array of shape (count, 4) and type uint64. A row is (type, operand 1,
            operand 2, pc).
        """
        return records.entries(records.array(self.words))

    def comparisons(self) -> "list[Comparison]":
        """Return the comparisons recorded so far, decoded. For TRACE_CMP, with or without CMP_BYTES.

        Raises:
            ValueError: the payload of a comparison is missing: another thread is writing it, or the entries are of
                another mode.
        """
        return records.comparisons(self.entries())


class Device(_core.Device):
    """One kcov descriptor: a buffer, a state and a mode. `pykcov.open()` creates it.

    Every method may be called from every thread. Integers of any size are accepted: an out-of-range value is EINVAL
    when its check is reached; a value that is not an integer raises TypeError. Leaving the `with` block closes the
    device.
    """

    def mmap(self) -> Buffer:
        """Map the buffer for reading and writing.

        Raises:
            DeviceNotReadyError: ENXIO: the device is closed.
            InvalidValueError: EINVAL: it has no buffer; call set_buffer_size() first.
        """
        return Buffer(self)

    def __enter__(self) -> Self:
        """Return the device itself."""
        return self


def get_include() -> str:
    """Return the folder of `kcov.h`, for `-I`: the modes, the layout of a buffer, and pykcov's C API."""
    return os.path.join(os.path.dirname(__file__), "core")
