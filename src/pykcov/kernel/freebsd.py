"""FreeBSD: /dev/kcov, sys/sys/kcov.h. From its source; it has not been run there."""

import os
from errno import EOPNOTSUPP

from pykcov.kernel import requests
from pykcov.kernel.driver import Driver, modes

KIOENABLE = requests.bsd("c", 2, 4, by_value=True)
KIODISABLE = requests.bsd("c", 3)
KIOSETBUFSIZE = requests.bsd("c", 4, 4, by_value=True)


class FreeBSD(Driver):
    """One descriptor. Its ioctls take integers by value; there are no remote sections."""

    kernel = "freebsd"
    platform = "freebsd"
    path = "/dev/kcov"
    modes = modes(pc=0, cmp=1)
    no_mode = -1
    words = range(2, (1 << 24) + 1)

    def set_buffer_size(self, nmemb: int) -> None:
        """KIOSETBUFSIZE."""
        self.ioctl(KIOSETBUFSIZE, nmemb)

    def remote(self, subsystem: int, id: int) -> None:
        """Not in FreeBSD."""
        raise OSError(EOPNOTSUPP, os.strerror(EOPNOTSUPP))

    def enable(self, mode: int) -> None:
        """KIOENABLE."""
        self.ioctl(KIOENABLE, mode)

    def disable(self) -> None:
        """KIODISABLE."""
        self.ioctl(KIODISABLE)
