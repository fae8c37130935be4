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
    """Open a new device, without a buffer yet. OSError if the process has no descriptor left.

    kernel: the running kernel's own device instead, which records kernel code (docs/kernel.md): 'linux', 'openbsd',
    'netbsd' or 'freebsd'. KcovError says why there is none, ValueError that there is no kernel of this name.
    """
    if kernel is None:
        return Device()
    # Most programs have no use for it, and its backends take time to import.
    from pykcov.kernel.device import KernelDevice, driver

    return KernelDevice(driver(kernel))
