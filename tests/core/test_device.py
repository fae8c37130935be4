"""One device: its states, its errors in words and numbers, and what is no device."""

import errno
import gc
import os
import pickle
import warnings
from collections.abc import Callable
from typing import Any

import pytest
from in_threads import in_thread

import pykcov
from pykcov import _core

pytestmark = pytest.mark.usefixtures("nothing_left")

OPERATIONS: list[Callable[[pykcov.Device], Any]] = [
    lambda device: device.set_buffer_size(8),
    lambda device: device.enable(),
    lambda device: device.disable(),
    lambda device: device.remote_attach(),
    lambda device: device.mmap(),
    lambda device: device.mmap_offset(0),
    lambda device: device.fileno(),
    lambda device: device.ioctl(0),
    lambda device: device.ioctl(pykcov.KIODISABLE),
]


def test_goes_through_its_states() -> None:
    with pykcov.open() as device:
        assert (device.state, device.nmemb, device.mode) == ("none", 0, 0)
        device.set_buffer_size(8)
        assert (device.state, device.nmemb, device.mode) == ("ready", 8, 0)
        device.enable(pykcov.TRACE_CMP)
        assert (device.state, device.mode) == ("trace", pykcov.TRACE_CMP)
        device.disable()
        assert (device.state, device.mode) == ("ready", 0)
    assert device.state == "closed"


@pytest.mark.parametrize("nmemb", [0, -1, pykcov.BUFFER_WORDS_MAX + 1, 2**64, -(2**200), 10**100])
def test_a_buffer_of_no_possible_size_is_refused_with_the_size(nmemb: int) -> None:
    with pykcov.open() as device:
        with pytest.raises(pykcov.InvalidValueError, match=f"not {nmemb}$") as caught:
            device.set_buffer_size(nmemb)
        assert caught.value.errno == errno.EINVAL
        device.set_buffer_size(1)  # it may still get one


def test_a_second_buffer_is_refused_before_its_size_is_looked_at(device: pykcov.Device) -> None:
    with pytest.raises(pykcov.DeviceBusyError, match="64 words already") as caught:
        device.set_buffer_size(-5)
    assert caught.value.errno == errno.EBUSY


def test_enable_needs_a_buffer_and_says_so() -> None:
    with pykcov.open() as device, pytest.raises(pykcov.DeviceNotReadyError, match="set_buffer_size") as caught:
        device.enable()
    assert caught.value.errno == errno.ENXIO


@pytest.mark.parametrize("mode", [0, 3, -1, 4, 0x102, 0x10000, 2**31, 2**64, -(2**70)])
def test_no_mode_but_the_documented_ones(device: pykcov.Device, mode: int) -> None:
    with pytest.raises(pykcov.InvalidValueError):
        device.enable(mode)
    assert device.state == "ready"


def test_one_thread_has_one_device_and_one_device_one_thread(device: pykcov.Device) -> None:
    with pykcov.open() as other:
        other.set_buffer_size(8)
        device.enable()
        with pytest.raises(pykcov.DeviceBusyError, match="attached"):
            other.enable()
        with pytest.raises(pykcov.DeviceBusyError):
            device.enable()  # busy comes before the state
        with pytest.raises(pykcov.DeviceNotReadyError, match="'trace'"):
            in_thread(device.enable)
        device.disable()


def test_only_its_owner_disables(device: pykcov.Device) -> None:
    with pytest.raises(pykcov.NotOwnerError):
        device.disable()
    device.enable()
    with pytest.raises(PermissionError, match="only the thread") as caught:
        in_thread(device.disable)
    assert caught.value.errno == errno.EPERM
    assert device.state == "trace"
    device.disable()


@pytest.mark.parametrize("operation", OPERATIONS)
def test_nothing_works_on_a_closed_device(operation: Callable[[pykcov.Device], Any]) -> None:
    device = pykcov.open()
    device.close()
    with pytest.raises(pykcov.DeviceNotReadyError, match="closed") as caught:
        operation(device)
    assert caught.value.errno == errno.ENXIO
    device.close()  # twice is once


@pytest.mark.parametrize("nonsense", [None, "8", 8.0, [8], object()])
def test_what_is_no_integer_is_a_type_error(device: pykcov.Device, nonsense: Any) -> None:
    with pykcov.open() as fresh, pytest.raises(TypeError):
        fresh.set_buffer_size(nonsense)
    with pytest.raises(TypeError):
        device.enable(nonsense)
    with pytest.raises(TypeError):
        device.remote_attach(nonsense, 1)
    with pytest.raises(TypeError):
        device.mmap_offset(nonsense)
    with pytest.raises(TypeError):
        device.ioctl(nonsense)


def test_what_acts_as_an_integer_is_one(device: pykcov.Device) -> None:
    class Mode:
        def __index__(self) -> int:
            return pykcov.TRACE_PC

    device.enable(Mode())  # type: ignore[arg-type]
    device.disable()


def test_closed_by_another_thread_it_records_nothing_more(device: pykcov.Device) -> None:
    buffer = device.mmap()
    device.enable()
    _core.record_pc(1)
    in_thread(device.close)
    _core.record_pc(2)
    assert buffer.pcs().tolist() == [1]
    assert _core.attached() == device.serial  # dying, until the next operation of this thread
    with pykcov.open() as other:
        other.set_buffer_size(8)
        other.enable()
        other.disable()
    assert _core.attached() is None


def test_recorded_words_outlive_the_device(device: pykcov.Device) -> None:
    buffer = device.mmap()
    device.enable()
    for pc in range(100):
        _core.record_pc(pc)
    device.close()
    assert buffer.pcs().tolist() == list(range(63))
    assert (buffer.count, buffer.dropped, device.dropped) == (63, 37, 37)


def test_dropped_counts_since_the_last_enable(device: pykcov.Device) -> None:
    device.enable()
    _core.record_pc(1, 70)
    device.disable()
    assert device.dropped == 7
    device.enable()
    assert device.dropped == 0
    _core.record_pc(1)
    device.disable()
    assert device.dropped == 1


def test_garbage_is_closed_and_said() -> None:
    before = _core.live()
    devices = [pykcov.open()]
    descriptor = devices[0].fileno()
    with pytest.warns(ResourceWarning, match="unclosed <pykcov.Device"):
        devices.clear()
    assert _core.live() == before
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(descriptor)


def test_a_closed_device_is_no_garbage_to_speak_of() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        device = pykcov.open()
        device.close()
        del device
        gc.collect()


def test_a_descriptor_that_somebody_else_closed_is_not_closed_again() -> None:
    device = pykcov.open()
    number = device.fileno()
    os.close(number)
    reader, writer = os.pipe()
    os.dup2(reader, number)
    device.close()
    os.fstat(number)  # still there
    for descriptor in {reader, writer, number}:
        os.close(descriptor)


def test_ioctl_does_the_same_by_number() -> None:
    with pykcov.open() as device:
        assert device.ioctl(pykcov.KIOSETBUFSIZE, 64) == 0
        with pytest.raises(pykcov.InvalidValueError):
            device.ioctl(pykcov.KIOENABLE)
        assert device.ioctl(pykcov.KIOENABLE, pykcov.TRACE_CMP) == 0
        assert device.mode == pykcov.TRACE_CMP
        assert device.ioctl(pykcov.KIODISABLE) == 0
        pykcov.remote.register(7, 8)
        assert device.ioctl(pykcov.KIOREMOTEATTACH, (7, 8)) == 0
        assert device.handle == (7, 8, False)
        with pytest.raises(TypeError, match="subsystem, id"):
            device.ioctl(pykcov.KIOREMOTEATTACH, 7)
    pykcov.remote.unregister(7, 8)


@pytest.mark.parametrize("request_number", [0, 12345, -1, 2**32, 2**64, -(2**80)])
def test_an_unknown_request_is_not_a_typewriter(device: pykcov.Device, request_number: int) -> None:
    with pytest.raises(pykcov.UnknownRequestError, match=str(request_number)) as caught:
        device.ioctl(request_number)
    assert caught.value.errno == errno.ENOTTY


@pytest.mark.parametrize(
    ("nmemb", "offset", "mapped"),
    [
        (1, 0, True),
        (1, 4095, True),
        (1, 4096, False),
        (513, 4096, True),
        (513, 8191, True),
        (513, 8192, False),
        (64, -1, False),
        (64, -(2**70), False),
        (64, 2**70, False),
    ],
)
def test_can_be_mapped_up_to_its_last_page(nmemb: int, offset: int, mapped: bool) -> None:
    with pykcov.open() as device:
        device.set_buffer_size(nmemb)
        if mapped:
            assert device.mmap_offset(offset) == offset
        else:
            with pytest.raises(pykcov.InvalidValueError, match=f"byte {offset}$"):
                device.mmap_offset(offset)


def test_knows_a_device_by_its_descriptor(device: pykcov.Device) -> None:
    with pykcov.open() as empty:
        assert pykcov.is_device(empty.fileno())
    assert pykcov.is_device(device.fileno())
    assert pykcov.is_device(device)
    copy = os.dup(device.fileno())
    assert pykcov.is_device(copy)
    os.close(copy)
    assert not pykcov.is_device(copy)


def test_knows_what_is_no_device() -> None:
    impostor = os.memfd_create("kcov-not")
    assert not any(pykcov.is_device(fd) for fd in [impostor, 0, -1, 10**6, 2**40])
    os.close(impostor)
    with pykcov.open() as device:
        pass
    assert not pykcov.is_device(device)
    with pytest.raises(TypeError):
        pykcov.is_device("3")


def test_the_error_classes_are_os_errors_that_pickle() -> None:
    with pykcov.open() as device, pytest.raises(OSError, match="set_buffer_size") as caught:
        device.set_buffer_size(0)
    again = pickle.loads(pickle.dumps(caught.value))
    assert type(again) is pykcov.InvalidValueError
    assert (again.errno, str(again)) == (caught.value.errno, str(caught.value))


def test_says_what_it_is(device: pykcov.Device) -> None:
    assert repr(device) == f"<pykcov.Device {device.serial} state='ready' nmemb=64>"
