"""KernelDevice: a kernel's kcov descriptor with the methods, errors and buffer of pykcov.Device.

    with pykcov.open("linux") as device:
        device.set_buffer_size(1 << 16)
        buffer = device.mmap()
        device.enable(pykcov.TRACE_PC)
        os.stat("/")
        device.disable()
        print(pykcov.symbolize(buffer.pcs()))

The class of an error is that of pykcov's own device for the same mistake, its errno the driver's own.
"""

import os
import sys
from _thread import get_native_id
from contextlib import suppress
from errno import EBUSY, EEXIST, EINVAL, ENOMEM, ENOTTY, ENXIO
from operator import index
from types import TracebackType
from typing import NamedTuple, NoReturn, Self
from warnings import warn

from pykcov._core import REMOTE_COMMON, TRACE_CMP, TRACE_PC
from pykcov.device import (
    DeviceBusyError,
    DeviceNotReadyError,
    InvalidValueError,
    KcovError,
    NoMemoryError,
    NotOwnerError,
    UnknownRequestError,
)
from pykcov.kernel.buffer import KernelBuffer
from pykcov.kernel.driver import Driver
from pykcov.kernel.freebsd import FreeBSD
from pykcov.kernel.linux import Linux, without_comparisons
from pykcov.kernel.locations import located
from pykcov.kernel.netbsd import NetBSD
from pykcov.kernel.openbsd import OpenBSD
from pykcov.native.locations import set_kernel_locator
from pykcov.warnings import PykcovWarning

# Whoever asks what pcs stand for may have some of a kernel from now on.
set_kernel_locator(located)


_backends: dict[str, type[Driver]] = {"linux": Linux, "openbsd": OpenBSD, "netbsd": NetBSD, "freebsd": FreeBSD}


def kernels() -> list[str]:
    """Return the names of all backends."""
    return list(_backends)


def driver(kernel: str) -> Driver:
    """Return the backend of this name, not open yet. ValueError: there is none of this name."""
    if kernel not in _backends:
        raise ValueError(
            f"kernel={kernel!r}: expected one of {', '.join(map(repr, _backends))}, or None for pykcov's own"
        )
    backend = _backends[kernel]
    if not sys.platform.startswith(backend.platform):
        raise KcovError(ENXIO, f"open: {kernel!r} is another system than this one, {sys.platform}")
    return backend()


class _Tracing(NamedTuple):
    """Who is traced."""

    mode: int
    pid: int
    tid: int


class KernelDevice:
    """One descriptor of a kernel's driver. `pykcov.open(kernel)` makes one; leaving the `with` block closes it."""

    def __init__(self, driver: Driver) -> None:
        """Open a device of this driver."""
        self._driver = driver
        self._nmemb = 0
        self._buffer: KernelBuffer | None = None
        self._handles: list[tuple[int, int]] = []
        self._tracing: _Tracing | None = None
        try:
            driver.open()
        except OSError as error:
            raise driver.why_not(error) from None

    def __enter__(self) -> Self:
        """Return the device itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None, /
    ) -> None:
        """Close it."""
        self.close()

    def __del__(self) -> None:
        """Close what was not closed, and say it."""
        if getattr(self, "_driver", None) is not None and self._driver.fd >= 0:
            warn(f"unclosed {self!r}", ResourceWarning, stacklevel=2, source=self)
            self.close()

    def __repr__(self) -> str:
        """Name the kernel, state and size."""
        return f"<pykcov.KernelDevice kernel={self.kernel!r} state={self.state!r} nmemb={self._nmemb}>"

    @property
    def kernel(self) -> str:
        """The name of the backend: 'linux', 'openbsd', 'netbsd' or 'freebsd'."""
        return self._driver.kernel

    @property
    def nmemb(self) -> int:
        """Words in the buffer, 0 before set_buffer_size()."""
        return self._nmemb

    @property
    def words(self) -> range:
        """The sizes that a buffer may have."""
        return self._driver.words

    @property
    def state(self) -> str:
        """'none' (no buffer), 'ready', 'trace' or 'closed', as far as this process can know."""
        if self._driver.fd < 0:
            return "closed"
        if self._nmemb == 0:
            return "none"
        return "ready" if self._traced() is None else "trace"

    @property
    def mode(self) -> int:
        """The mode while the state is 'trace', else 0."""
        traced = self._traced()
        return 0 if traced is None else traced.mode

    @property
    def handles(self) -> list[tuple[int, int]]:
        """The attached handles: subsystem and id of each."""
        return list(self._handles)

    @property
    def dropped(self) -> int:
        """1 if the buffer is full, so that entries may be lost, else 0: kernels do not count them."""
        return self._buffer.dropped if self._buffer is not None else 0

    def fileno(self) -> int:
        """Return the descriptor (ENXIO: closed)."""
        self._need_open("fileno")
        return self._driver.fd

    def set_buffer_size(self, nmemb: int) -> None:
        """Give the device its buffer of `nmemb` 64-bit words.

        Refuses (InvalidValueError) a size that the driver takes but that cannot be mapped, which then would be all
        that the device can ever have: Linux maps whole pages only, multiples of 512 words.
        """
        nmemb = index(nmemb)
        self._need_open("set_buffer_size")
        if self._nmemb:
            raise DeviceBusyError(EBUSY, f"set_buffer_size: the device has a buffer of {self._nmemb} words already")
        words = self._driver.words
        if nmemb not in words:
            steps = f" in steps of {words.step}" if words.step > 1 else ""
            raise InvalidValueError(
                EINVAL,
                f"set_buffer_size: a buffer that {self.kernel} can map has {words[0]} to {words[-1]} words{steps}, "
                f"not {nmemb}",
            )
        try:
            self._driver.set_buffer_size(nmemb)
        except OSError as error:
            busy = "the device has a buffer already: whoever shares its descriptor has set it"
            self._refuse("set_buffer_size", error, {EBUSY: busy, ENOMEM: f"the kernel has no room for {nmemb} words"})
        self._nmemb = nmemb

    def mmap(self) -> KernelBuffer:
        """Map the buffer, for reading and writing (EINVAL: set_buffer_size() comes first; ENXIO: closed)."""
        self._need_open("mmap")
        if not self._nmemb:
            raise InvalidValueError(EINVAL, "mmap: the device has no buffer; call set_buffer_size() first")
        if self._buffer is None:
            try:
                self._buffer = self._driver.mmap(self._nmemb)
            except OSError as error:
                self._refuse("mmap", error, {EINVAL: f"the driver does not map {self._nmemb} words"})
        return self._buffer

    def remote_attach(self, subsystem: int = REMOTE_COMMON, id: int | None = None) -> None:
        """Take events from kernel threads that work for a handle, from the next enable on.

        Linux: `id` is 1 to 2**32-1; by default, for REMOTE_COMMON, the number of this process. It takes one common
        handle and up to 256 of other subsystems. OpenBSD: REMOTE_COMMON alone, for this process.
        """
        self._need_open("remote_attach")
        if not self._nmemb:
            raise DeviceNotReadyError(ENXIO, "remote_attach: the device has no buffer; call set_buffer_size() first")
        if self._traced() is not None:
            raise DeviceNotReadyError(ENXIO, "remote_attach: the device is in state 'trace', not 'ready'")
        number = os.getpid() if id is None else index(id)
        try:
            self._driver.remote(index(subsystem), number)
        except OSError as error:
            self._refuse("remote_attach", error, {EINVAL: f"there is no handle ({subsystem}, {number})"})
        self._handles.append((subsystem, number))

    def enable(self, mode: int = TRACE_PC) -> None:
        """Trace the calling thread, or the attached handles: TRACE_PC or TRACE_CMP.

        What this call itself runs in the kernel behind the driver's switch is taken out of the buffer again.
        """
        mode = index(mode)
        self._need_open("enable")
        buffer = self.mmap() if self._nmemb else None
        # Of a remote device others may count at any moment.
        words = buffer.words if buffer is not None and not self._handles else [0]
        tracing = _Tracing(mode, os.getpid(), get_native_id())
        number = self._driver.modes.get(mode, self._driver.no_mode)
        before = words[0]
        try:
            self._driver.enable(number)
        except OSError as error:
            self._refuse_enable(error, mode)
        words[0] = before
        self._tracing = tracing
        if buffer is not None:
            buffer.compares = bool(mode & TRACE_CMP)

    def disable(self, wait: bool = True) -> None:
        """Stop tracing the calling thread. Kernels do not wait for sections; `wait` is there for pykcov's own.

        What this call itself runs in the kernel is taken out of the buffer again.
        """
        self._need_open("disable")
        words = self._buffer.words if self._buffer is not None and not self._handles else [0]
        before = words[0]
        try:
            self._driver.disable()
        except OSError as error:
            raise NotOwnerError(error.errno, f"disable: {self._why_not_mine()}") from None
        words[0] = before
        self._tracing = None

    def ioctl(self, request: int, arg: int | bytes = 0) -> int:
        """Do one by number: an integer goes by value, bytes by their address. ENOTTY for an unknown request."""
        self._need_open("ioctl")
        try:
            return self._driver.ioctl(request, arg)
        except OSError as error:
            self._refuse("ioctl", error, {ENOTTY: f"{self.kernel} has no request {request:#x}"})

    def close(self, wait: bool = True) -> None:
        """Close the device; the calling thread is not traced by it any more. Twice is once.

        Another thread goes on being traced until it ends, which no driver lets anybody else change: PykcovWarning.
        """
        if self._driver.fd < 0:
            return
        traced = self._traced()
        if traced is not None and traced.pid == os.getpid():
            if traced.tid == get_native_id():
                with suppress(KcovError):  # somebody else has disabled it by its descriptor
                    self.disable()
            else:
                warn(
                    f"closed while thread {traced.tid} is traced: only that thread could have called disable(); it is "
                    "traced, and can have no other device, until it ends",
                    PykcovWarning,
                    stacklevel=2,
                )
        self._tracing = self._buffer = None
        self._driver.close()

    def _traced(self) -> _Tracing | None:
        """Return who is traced: nobody any more if that thread has ended, which frees the device."""
        traced = self._tracing
        if traced is not None and self._driver.has_ended(traced.pid, traced.tid):
            self._tracing = traced = None
        return traced

    def _need_open(self, operation: str) -> None:
        if self._driver.fd < 0:
            raise DeviceNotReadyError(ENXIO, f"{operation}: the device is closed")

    def _refuse_enable(self, error: OSError, mode: int) -> NoReturn:
        traced = self._traced()
        if not self._nmemb:
            message = "enable: the device has no buffer; call set_buffer_size() first"
            raise DeviceNotReadyError(error.errno, message) from None
        if traced is not None and (traced.pid, traced.tid) != (os.getpid(), get_native_id()):
            message = f"enable: the device traces thread {traced.tid} already"
            raise DeviceNotReadyError(error.errno, message) from None
        if traced is not None:
            raise DeviceBusyError(error.errno, "enable: this device traces the calling thread already") from None
        if without_comparisons(error):
            message = "enable: this kernel records no comparisons: it was built without CONFIG_KCOV_ENABLE_COMPARISONS"
            raise InvalidValueError(EINVAL, message) from None
        if mode not in self._driver.modes:
            message = f"enable: no such mode; {self.kernel} has TRACE_PC and TRACE_CMP"
            raise InvalidValueError(error.errno, message) from None
        self._refuse(
            "enable",
            error,
            {
                EBUSY: "the calling thread is traced already, by another device or whoever started it; that one has "
                "to be disabled first, in this thread",
                EEXIST: f"another device has one of these handles: {self._handles}",
                EINVAL: f"the driver does not take these handles: {self._handles}"
                if self._handles
                else "the device traces another process already, which shares its descriptor",
            },
        )

    def _why_not_mine(self) -> str:
        traced = self._traced()
        if traced is None:
            return "the device does not trace the calling thread: it was not enabled, or somebody has disabled it"
        if traced.pid != os.getpid():
            return "this is a forked child, which is not traced: only the parent's thread can disable the device"
        if traced.tid == get_native_id():
            return "the calling thread is not traced any more: somebody has disabled the device by its descriptor"
        return f"only the thread that enabled the device, {traced.tid}, may disable it"

    def _refuse(self, operation: str, error: OSError, sentences: dict[int, str]) -> NoReturn:
        number = error.errno or EINVAL
        kind = _kinds.get(number, KcovError)
        raise kind(number, f"{operation}: {sentences.get(number, os.strerror(number))}") from None


_kinds: dict[int, type[KcovError]] = {
    EBUSY: DeviceBusyError,
    EEXIST: DeviceBusyError,
    EINVAL: InvalidValueError,
    ENXIO: DeviceNotReadyError,
    ENOMEM: NoMemoryError,
    ENOTTY: UnknownRequestError,
}
