"""The running kernel's device beside one of pykcov's own: both append to one buffer, in the order of what happens.

A thread is either in its program or in the kernel, so its entries of both never meet.
"""

import sys
from errno import ENXIO

from pykcov import _core
from pykcov.device import KcovError
from pykcov.kernel.device import KernelDevice, driver, kernels
from pykcov.kernel.driver import Driver


def open_beside(device: _core.Device, nmemb: int) -> KernelDevice:
    """Open the running kernel's device, with at least `nmemb` words, and have `device` share its buffer.

    It is to be enabled after `device`, in the same thread. KcovError as pykcov.open() and the devices raise it.
    """
    kernel = KernelDevice(running_driver())
    try:
        step = kernel.words.step
        kernel.set_buffer_size(max(kernel.words[0], -(-nmemb // step) * step))
        device.share_buffer(kernel.mmap())
    except BaseException:
        kernel.close()
        raise
    return kernel


def running_driver() -> Driver:
    """Return the backend of the kernel that runs, not open yet; KcovError: it is of no known system."""
    for name in kernels():
        try:
            return driver(name)
        except KcovError:
            continue
    raise KcovError(ENXIO, f"open: no kernel with a kcov that pykcov knows runs here: this is {sys.platform}")
