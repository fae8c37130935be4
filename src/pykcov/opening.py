"""open(): a device of pykcov's own, or the running kernel's."""

from typing import TYPE_CHECKING, Literal, overload

from pykcov.device import Device

if TYPE_CHECKING:
    from pykcov.kernel.device import KernelDevice


@overload
def open(kernel: None = None) -> Device: ...
@overload
def open(kernel: Literal["linux", "openbsd", "netbsd", "freebsd"]) -> "KernelDevice": ...
def open(kernel: str | None = None) -> "Device | KernelDevice":
    """Open a new device, without a buffer yet.

    Args:
        kernel: 'linux', 'openbsd', 'netbsd' or 'freebsd' opens the running kernel's own device instead, which records
            kernel code (docs/kernel.md).

    Raises:
        OSError: the process has no descriptor left.
        KcovError: the kernel has no such device; the message says why.
        ValueError: no kernel has this name.
    """
    if kernel is None:
        return Device()
    # Most programs have no use for it, and its backends take time to import.
    from pykcov.kernel.device import KernelDevice, driver

    return KernelDevice(driver(kernel))
