"""OpenBSD: /dev/kcov, sys/sys/kcov.h. From its source; it has not been run there."""

import struct

from pykcov.kernel import requests
from pykcov.kernel.driver import Driver, modes

KIOSETBUFSIZE = requests.bsd("K", 1, 8)
KIOENABLE = requests.bsd("K", 2, 4)
KIODISABLE = requests.bsd("K", 3)
KIOREMOTEATTACH = requests.bsd("K", 4, 8)


class OpenBSD(Driver):
    """One descriptor. Words are those of a 64-bit machine."""

    kernel = "openbsd"
    platform = "openbsd"
    path = "/dev/kcov"
    modes = modes(pc=1, cmp=2)
    no_mode = 0
    words = range(2, 256 * 1024 + 1)

    def set_buffer_size(self, nmemb: int) -> None:
        """KIOSETBUFSIZE: an unsigned long."""
        self.ioctl(KIOSETBUFSIZE, struct.pack("=Q", nmemb))

    def remote(self, subsystem: int, id: int) -> None:
        """KIOREMOTEATTACH: struct kio_remote_attach, two ints."""
        self.ioctl(KIOREMOTEATTACH, struct.pack("=ii", subsystem, id))

    def enable(self, mode: int) -> None:
        """KIOENABLE: an int."""
        self.ioctl(KIOENABLE, struct.pack("=i", mode))

    def disable(self) -> None:
        """KIODISABLE."""
        self.ioctl(KIODISABLE)
