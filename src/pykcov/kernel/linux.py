"""Linux: /sys/kernel/debug/kcov, include/uapi/linux/kcov.h."""

import os
import struct
from errno import EACCES, EINVAL, ENOENT, EPERM
from mmap import PAGESIZE
from pathlib import Path

from pykcov.device import KcovError
from pykcov.kernel import requests
from pykcov.kernel.driver import Driver, modes

KCOV_INIT_TRACE = requests.linux("c", 1, 8, read=True)
KCOV_ENABLE = requests.linux("c", 100)
KCOV_DISABLE = requests.linux("c", 101)
KCOV_REMOTE_ENABLE = requests.linux("c", 102, 24, write=True)

# struct kcov_remote_arg: trace_mode, area_size, num_handles, common_handle; handles follow.
_REMOTE = struct.Struct("=IIIxxxxQ")
_COMMON = 0
_PAGE_WORDS = PAGESIZE // 8
_ENOTSUPP = 524


class Linux(Driver):
    """One descriptor. A buffer is mapped as a whole or not at all, so its size must be whole pages."""

    kernel = "linux"
    platform = "linux"
    path = "/sys/kernel/debug/kcov"
    modes = modes(pc=0, cmp=1)
    no_mode = 0xFFFF
    words = range(_PAGE_WORDS, (2**31 - 1) // 8 + 1, _PAGE_WORDS)

    def __init__(self, path: str = "") -> None:
        """Take the node of the debugfs that is mounted, or another path."""
        super().__init__()
        self.path = path or os.path.join(_debugfs() or os.path.dirname(self.path), "kcov")
        self.nmemb = 0
        self.handles: list[int] = []

    def set_buffer_size(self, nmemb: int) -> None:
        """KCOV_INIT_TRACE."""
        self.ioctl(KCOV_INIT_TRACE, nmemb)
        self.nmemb = nmemb

    def remote(self, subsystem: int, id: int) -> None:
        """Keep a handle for KCOV_REMOTE_ENABLE, which takes at most one common one and 256 others."""
        if not (0 <= subsystem < 1 << 8 and 0 < id < 1 << 32):
            raise OSError(EINVAL, os.strerror(EINVAL))
        self.handles.append(subsystem << 56 | id)

    def enable(self, mode: int) -> None:
        """KCOV_ENABLE, or KCOV_REMOTE_ENABLE for the handles."""
        if not self.handles:
            self.ioctl(KCOV_ENABLE, mode)
            return
        common = [handle for handle in self.handles if handle >> 56 == _COMMON]
        others = [handle for handle in self.handles if handle >> 56 != _COMMON]
        head = _REMOTE.pack(mode, self.nmemb, len(others), common[-1] if common else 0)
        self.ioctl(KCOV_REMOTE_ENABLE, head + struct.pack(f"={len(others)}Q", *others))

    def disable(self) -> None:
        """KCOV_DISABLE."""
        self.ioctl(KCOV_DISABLE)

    def has_ended(self, pid: int, tid: int) -> bool:
        """Ask /proc."""
        return os.path.exists("/proc/self") and not os.path.exists(f"/proc/{pid}/task/{tid}")

    def why_not(self, error: OSError) -> KcovError:
        """Tell a kernel without kcov, debugfs that is not mounted, and missing permission from each other."""
        number = error.errno or EINVAL
        if number in (EACCES, EPERM):
            return KcovError(number, f"open: no permission for {self.path}: run as root (debugfs is root's alone)")
        if number == ENOENT and self.path == Linux.path and not _debugfs():
            return KcovError(
                number, "open: debugfs is not mounted: `mount -t debugfs none /sys/kernel/debug`, as root, mounts it"
            )
        if number == ENOENT:
            kernel = os.uname()
            return KcovError(
                number,
                f"open: there is no {self.path}: this kernel ({kernel.release} {kernel.machine}) was built without "
                "CONFIG_KCOV=y; docs/kernel.md says how to get one that has it",
            )
        return super().why_not(error)


def without_comparisons(error: OSError) -> bool:
    """Return whether the driver says that it was built without CONFIG_KCOV_ENABLE_COMPARISONS."""
    return error.errno == _ENOTSUPP


def _debugfs(mounts: str = "/proc/self/mounts") -> str:
    """Return where debugfs is mounted, '' if nowhere."""
    try:
        rows = [line.split() for line in Path(mounts).read_text("utf-8", "surrogateescape").splitlines()]
    except OSError:
        return ""
    return next((row[1] for row in rows if len(row) > 2 and row[2] == "debugfs"), "")
