"""NetBSD: /dev/kcov, sys/sys/kcov.h. From its source; it has not been run there."""

import struct

from pykcov.kernel import requests
from pykcov.kernel.driver import Driver, modes

KCOV_IOC_SETBUFSIZE = requests.bsd("K", 1, 8)
KCOV_IOC_ENABLE = requests.bsd("K", 2, 4)
KCOV_IOC_DISABLE = requests.bsd("K", 3)
KCOV_IOC_REMOTE_ATTACH = requests.bsd("K", 10, 16)


class NetBSD(Driver):
    """One descriptor. The buffer of a remote device is the handle's: 262144 words, and no size is set."""

    kernel = "netbsd"
    platform = "netbsd"
    path = "/dev/kcov"
    modes = modes(pc=1, cmp=2)
    no_mode = -1
    words = range(2, 256 * 1024 + 1)

    def set_buffer_size(self, nmemb: int) -> None:
        """KCOV_IOC_SETBUFSIZE: a uint64_t."""
        self.ioctl(KCOV_IOC_SETBUFSIZE, struct.pack("=Q", nmemb))

    def remote(self, subsystem: int, id: int) -> None:
        """KCOV_IOC_REMOTE_ATTACH: struct kcov_ioc_remote_attach, two uint64_t."""
        self.ioctl(KCOV_IOC_REMOTE_ATTACH, struct.pack("=QQ", subsystem, id))

    def enable(self, mode: int) -> None:
        """KCOV_IOC_ENABLE: an int."""
        self.ioctl(KCOV_IOC_ENABLE, struct.pack("=i", mode))

    def disable(self) -> None:
        """KCOV_IOC_DISABLE."""
        self.ioctl(KCOV_IOC_DISABLE)
