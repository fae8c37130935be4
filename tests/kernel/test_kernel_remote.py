"""What kernel threads do on behalf of a program: Linux's vhost worker runs in remote sections of the common handle."""

import fcntl
import os
import time

import pytest

import pykcov

VHOST_SET_OWNER = 0xAF01


@pytest.mark.parametrize("id", [None, 4711])
def test_the_work_of_a_vhost_worker_is_its_owners(vmlinux: str, id: int | None) -> None:
    with pykcov.open("linux") as device:
        device.set_buffer_size(8192)
        buffer = device.mmap()
        device.remote_attach(pykcov.REMOTE_COMMON, id)
        device.enable(pykcov.TRACE_PC)
        os.getppid()
        own = buffer.count
        vhost = os.open("/dev/vhost-vsock", os.O_RDWR)
        fcntl.ioctl(vhost, VHOST_SET_OWNER)
        deadline = time.monotonic() + 60
        while buffer.count == 0 and time.monotonic() < deadline:
            time.sleep(0.01)
        os.close(vhost)
        device.disable()
    # A device with handles does not record the thread that enabled it.
    assert own == 0
    assert any(place.file.endswith("drivers/vhost/vhost.c") for place in pykcov.symbolize(buffer.pcs()))


def test_a_handle_is_free_again_when_its_device_is_disabled(kcov: None) -> None:
    for _ in range(2):
        with pykcov.open("linux") as device:
            device.set_buffer_size(512)
            device.remote_attach(pykcov.REMOTE_COMMON, 99)
            device.remote_attach(1, 3)
            assert device.handles == [(0, 99), (1, 3)]
            device.enable()
            device.disable()
