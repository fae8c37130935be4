"""The numbers of other systems' ioctls, against what a C compiler makes of their headers' macros; not run there."""

import struct
import subprocess
from pathlib import Path

import pytest

from pykcov._core import TRACE_CMP, TRACE_PC
from pykcov.kernel import driver, freebsd, linux, netbsd, openbsd
from pykcov.kernel.driver import Driver

# <sys/ioccom.h> of the BSDs, <asm-generic/ioctl.h> of Linux, and how their kcov.h use it.
PROGRAM = """
#include <stdint.h>
#include <stdio.h>

#define BSD(direction, group, number, length) \\
    ((unsigned long)((direction) | (((length) & 0x1fff) << 16) | ((group) << 8) | (number)))
#define BSD_IO(g, n) BSD(0x20000000u, g, n, 0)
#define BSD_IOW(g, n, t) BSD(0x80000000u, g, n, sizeof(t))
#define BSD_IOWINT(g, n) BSD(0x20000000u, g, n, sizeof(int))
#define LINUX(direction, group, number, length) \\
    ((unsigned long)(((unsigned)(direction) << 30) | ((unsigned)(length) << 16) | ((group) << 8) | (number)))

struct kio_remote_attach { int subsystem, id; };
struct kcov_ioc_remote_attach { uint64_t subsystem, id; };
struct kcov_remote_arg { uint32_t trace_mode, area_size, num_handles; uint64_t common_handle, handles[]; };

int main(void)
{
    printf("%lu %lu %lu %lu ", BSD_IOW('K', 1, unsigned long), BSD_IOW('K', 2, int), BSD_IO('K', 3),
           BSD_IOW('K', 4, struct kio_remote_attach));
    printf("%lu %lu %lu %lu ", BSD_IOW('K', 1, uint64_t), BSD_IOW('K', 2, int), BSD_IO('K', 3),
           BSD_IOW('K', 10, struct kcov_ioc_remote_attach));
    printf("%lu %lu %lu ", BSD_IOWINT('c', 4), BSD_IOWINT('c', 2), BSD_IO('c', 3));
    printf("%lu %lu %lu %lu\\n", LINUX(2, 'c', 1, sizeof(long)), LINUX(0, 'c', 100, 0), LINUX(0, 'c', 101, 0),
           LINUX(1, 'c', 102, sizeof(struct kcov_remote_arg)));
    return 0;
}
"""


def test_the_numbers_are_those_of_the_headers(tmp_path: Path) -> None:
    (tmp_path / "numbers.c").write_text(PROGRAM)
    subprocess.run(["cc", "-w", "numbers.c", "-o", "numbers"], cwd=tmp_path, check=True)
    text = subprocess.run([tmp_path / "numbers"], check=True, capture_output=True, text=True).stdout
    assert [int(number) for number in text.split()] == [
        *(openbsd.KIOSETBUFSIZE, openbsd.KIOENABLE, openbsd.KIODISABLE, openbsd.KIOREMOTEATTACH),
        *(netbsd.KCOV_IOC_SETBUFSIZE, netbsd.KCOV_IOC_ENABLE, netbsd.KCOV_IOC_DISABLE, netbsd.KCOV_IOC_REMOTE_ATTACH),
        *(freebsd.KIOSETBUFSIZE, freebsd.KIOENABLE, freebsd.KIODISABLE),
        *(linux.KCOV_INIT_TRACE, linux.KCOV_ENABLE, linux.KCOV_DISABLE, linux.KCOV_REMOTE_ENABLE),
    ]


Calls = list[tuple[int, object]]


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> Calls:
    """What the verbs would ask of a driver: request and argument."""
    made: Calls = []

    def ioctl(fd: int, request: int, argument: object) -> int:
        made.append((request, bytes(argument) if isinstance(argument, bytearray) else argument))
        return 0

    monkeypatch.setattr(driver, "ioctl", ioctl)
    return made


def verbs(one: Driver) -> None:
    one.set_buffer_size(4096)
    one.remote(1, 7)
    one.enable(one.modes[TRACE_CMP])
    one.disable()


def test_openbsd(calls: Calls) -> None:
    verbs(openbsd.OpenBSD())
    assert calls == [
        (0x80084B01, struct.pack("=Q", 4096)),
        (0x80084B04, struct.pack("=ii", 1, 7)),
        (0x80044B02, struct.pack("=i", 2)),
        (0x20004B03, 0),
    ]


def test_netbsd(calls: Calls) -> None:
    verbs(netbsd.NetBSD())
    assert calls == [
        (0x80084B01, struct.pack("=Q", 4096)),
        (0x80104B0A, struct.pack("=QQ", 1, 7)),
        (0x80044B02, struct.pack("=i", 2)),
        (0x20004B03, 0),
    ]


def test_freebsd(calls: Calls) -> None:
    one = freebsd.FreeBSD()
    one.set_buffer_size(4096)
    one.enable(one.modes[TRACE_PC])
    one.disable()
    assert calls == [(0x20046304, 4096), (0x20046302, 0), (0x20006303, 0)]
    with pytest.raises(OSError, match="not supported"):
        one.remote(0, 1)


def test_linux_remote_handles(calls: Calls) -> None:
    one = linux.Linux("/nonexistent")
    verbs(one)
    one.remote(0, 9)
    one.enable(0)
    handles = struct.pack("=Q", 1 << 56 | 7)
    assert calls == [
        (0x80086301, 4096),
        (0x40186366, struct.pack("=IIIxxxxQ", 1, 4096, 1, 0) + handles),
        (0x6365, 0),
        (0x40186366, struct.pack("=IIIxxxxQ", 0, 4096, 1, 9) + handles),
    ]
