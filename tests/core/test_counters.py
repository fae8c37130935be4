"""The counter map of a device: what is counted beside each mode, where, and how long the memory lives."""

import ctypes
import os
import threading
from collections.abc import Sequence

import numpy as np
import pytest
from in_threads import hit, in_thread

import pykcov
from pykcov import _core

TOP = 1 << 63
CMP = pykcov.TRACE_CMP
MODES = {
    "pc": pykcov.TRACE_PC,
    "unique": pykcov.TRACE_UNIQUE_PC,
    "cmp": CMP,
    "cmp-bytes": CMP | pykcov.CMP_BYTES,
}


@pytest.fixture
def probes() -> list[_core.Probe]:
    return _core.probes([TOP | number for number in range(4)])


def counts(counters: pykcov.Counters | None, probes: Sequence[_core.Probe]) -> list[int]:
    """What was counted at each probe."""
    assert counters is not None
    view = memoryview(counters)
    return [view[probe.number] for probe in probes]


def hit_each(probes: Sequence[_core.Probe], times: Sequence[int]) -> None:
    for probe, count in zip(probes, times, strict=True):
        for _ in range(count):
            hit(probe)


@pytest.mark.parametrize("mode", MODES)
def test_each_probe_counts_in_its_own_place_beside_what_the_mode_records(
    mode: str, device: pykcov.Device, probes: list[_core.Probe]
) -> None:
    compare = _core.compare_probes([(TOP | 9, 1, 0), (TOP | 10, 1, 0)])
    counters = device.set_counters()
    device.enable(MODES[mode])
    hit_each(probes, [1, 0, 3, 2])
    compare[0][5] = 6
    compare[1]["abc"] = "xyz"
    _core.record_pc(3)  # has no number, and so no counter
    device.disable()
    assert counts(counters, probes) == [1, 0, 3, 2]
    assert sum(bytes(counters)) == 6
    buffer = device.mmap()
    one, *_, three, four = (probe.pc for probe in probes)
    if mode == "pc":
        assert buffer.pcs().tolist() == [one, three, three, three, four, four, 3]
    elif mode == "unique":
        assert buffer.pcs().tolist() == [one, three, four]
    else:
        expected = [(6, 5), ("xyz", "abc")] if mode == "cmp-bytes" else [(6, 5)]
        assert [(record.operand1, record.operand2) for record in buffer.comparisons()] == expected
    assert device.dropped == 0


@pytest.mark.parametrize("mode", MODES)
def test_nobody_but_the_core_sees_that_there_is_a_map(mode: str, device: pykcov.Device) -> None:
    device.set_counters(1)
    device.enable(MODES[mode])
    assert device.mode == device.mmap().mode == MODES[mode]
    device.disable()
    assert (device.mode, device.mmap().mode) == (0, MODES[mode])


def test_a_counter_stays_at_255(device: pykcov.Device, probes: list[_core.Probe]) -> None:
    counters = device.set_counters()
    device.enable(CMP)
    hit_each(probes, [254, 255, 256, 1000])
    assert counts(counters, probes) == [254, 255, 255, 255]
    memoryview(counters)[probes[0].number] = 7  # it is in the user's hands, too
    hit(probes[0])
    device.disable()
    assert counts(counters, probes) == [8, 255, 255, 255]


@pytest.mark.parametrize("mode", MODES)
def test_hits_beyond_the_map_are_dropped_and_write_nothing(
    mode: str, device: pykcov.Device, probes: list[_core.Probe]
) -> None:
    counters = device.set_counters(probes[1].number)
    device.enable(MODES[mode])
    hit_each(probes, [1, 2, 3, 1])
    assert device.dropped == device.mmap().dropped == 6
    device.disable()
    assert counts(counters, probes[:1]) == [1]
    assert sum(bytes(counters)) == 1
    assert device.mmap().count == {"pc": 7, "unique": 4}.get(mode, 0)  # the mode records all the same
    device.enable(CMP)
    assert device.dropped == 0


def test_a_full_buffer_stops_no_counter(probes: list[_core.Probe]) -> None:
    with pykcov.open() as device:
        device.set_buffer_size(3)
        counters = device.set_counters()
        device.enable()
        hit_each(probes, [3, 0, 0, 2])
        assert (device.mmap().count, device.dropped) == (2, 3)
        assert counts(counters, probes) == [3, 0, 0, 2]


def test_nothing_is_counted_while_nothing_traces(device: pykcov.Device, probes: list[_core.Probe]) -> None:
    counters = device.set_counters()
    hit_each(probes, [1, 1, 1, 1])
    device.enable()
    hit(probes[0])
    in_thread(lambda: hit(probes[1]))
    pykcov.halt(True)
    try:
        hit(probes[2])
    finally:
        pykcov.halt(False)
    with pykcov.remote.interrupt():
        hit(probes[3])
    device.disable()
    hit_each(probes, [1, 1, 1, 1])
    assert counts(counters, probes) == [1, 0, 0, 0]
    assert device.mmap().pcs().tolist() == [probes[0].pc]


def test_a_map_can_be_taken_away_changed_and_given_back(device: pykcov.Device, probes: list[_core.Probe]) -> None:
    assert device.counters is None
    first = device.set_counters()

    def trace() -> None:
        device.enable()
        hit(probes[0])
        device.disable()

    trace()
    assert device.set_counters(None) is None
    assert device.counters is None
    trace()
    second = device.set_counters(probes[0].number + 1)
    trace()
    assert device.set_counters(first) is first
    trace()
    assert (counts(first, probes[:1]), counts(second, probes[:1])) == ([2], [1])
    assert (len(first), len(second)) == (_core.PROBES_MAX, probes[0].number + 1)
    assert device.mmap().count == 4


def test_threads_with_devices_of_their_own_share_a_map(device: pykcov.Device, probes: list[_core.Probe]) -> None:
    counters = device.set_counters()
    barrier = threading.Barrier(4)

    def trace(number: int) -> None:
        with pykcov.open() as own:
            own.set_buffer_size(8)
            assert own.set_counters(counters) is counters
            own.enable(CMP)
            barrier.wait()
            for _ in range(100):
                hit(probes[number])

    threads = [threading.Thread(target=trace, args=[number]) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert counts(counters, probes) == [100] * 4
    assert counts(device.counters, probes) == [100] * 4


def test_the_threads_of_a_remote_device_count_in_one_place_and_never_past_255(
    device: pykcov.Device, probes: list[_core.Probe]
) -> None:
    counters = device.set_counters()
    with pykcov.group() as group:
        device.remote_attach()
        device.enable(pykcov.TRACE_UNIQUE_PC)

    def work() -> None:
        hit(probes[1])
        with pykcov.remote.section(pykcov.REMOTE_COMMON, group):
            hit_each(probes, [10, 0, 5000, 0])

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    device.disable()
    few, *rest = counts(counters, probes)
    assert 10 <= few <= 40
    assert rest == [0, 255, 0]
    assert sorted(device.mmap().pcs().tolist()) == [probes[0].pc, probes[2].pc]


def test_an_interrupt_section_is_recorded_but_not_counted(device: pykcov.Device, probes: list[_core.Probe]) -> None:
    counters = device.set_counters()
    with pykcov.group() as group:
        device.remote_attach()
        device.enable()
        with pykcov.remote.interrupt(), pykcov.remote.section(pykcov.REMOTE_COMMON, group):
            hit(probes[0])
        device.disable()
    assert device.mmap().pcs().tolist() == [probes[0].pc]
    assert counts(counters, probes) == [0] * 4


def test_a_forked_child_counts_into_the_same_map(device: pykcov.Device, probes: list[_core.Probe]) -> None:
    counters = device.set_counters()
    device.enable(CMP)
    hit(probes[0])
    child = os.fork()
    if child == 0:
        hit(probes[1])  # attached to nothing
        with pykcov.open() as own:
            own.set_buffer_size(8)
            own.set_counters(counters)
            own.enable(CMP)
            hit_each(probes, [1, 0, 2, 0])
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
    device.disable()
    assert counts(counters, probes) == [2, 0, 2, 0]


def test_reset_sets_the_counters_of_all_probes_to_0(device: pykcov.Device, probes: list[_core.Probe]) -> None:
    counters = device.set_counters()
    device.enable(CMP)
    hit_each(probes, [1, 2, 3, 300])
    counters.reset()
    assert not any(bytes(counters))
    hit(probes[3])
    device.disable()
    assert counts(counters, probes) == [0, 0, 0, 1]
    small = device.set_counters(1)
    small.reset()
    assert bytes(small) == b"\0"


def test_counters_are_writable_bytes_for_numpy_and_for_c(device: pykcov.Device, probes: list[_core.Probe]) -> None:
    counters = device.set_counters(probes[-1].number + 1)
    view = memoryview(counters)
    assert (view.format, view.itemsize, view.shape, view.readonly) == ("B", 1, (len(counters),), False)
    array = np.frombuffer(view, np.uint8)
    address = ctypes.addressof(ctypes.c_ubyte.from_buffer(counters))
    assert array.flags.writeable
    device.enable()
    hit_each(probes, [0, 1, 2, 0])
    device.disable()
    assert np.flatnonzero(array).tolist() == [probes[1].number, probes[2].number]
    assert ctypes.string_at(address, len(counters)) == array.tobytes()
    assert repr(counters) == f"<pykcov.Counters size={len(counters)}>"


@pytest.mark.usefixtures("nothing_left")
def test_a_view_lives_longer_than_its_device(probes: list[_core.Probe]) -> None:
    with pykcov.open() as device:
        device.set_buffer_size(8)
        view = memoryview(device.set_counters())
        device.enable(CMP)
        hit(probes[0])
    assert device.counters is None
    forgotten = pykcov.open()
    forgotten.set_counters(3)
    with pytest.warns(ResourceWarning, match="unclosed"):
        del forgotten
    assert view[probes[0].number] == 1
    view[probes[0].number] = 2


@pytest.mark.usefixtures("nothing_left")
def test_a_device_that_others_closed_does_not_take_its_map_from_under_its_owner(probes: list[_core.Probe]) -> None:
    device = pykcov.open()
    device.set_buffer_size(8)
    view = memoryview(device.set_counters())
    device.enable(CMP)
    hit(probes[0])
    in_thread(device.close)
    hit(probes[0])
    assert view[probes[0].number] == 1
    assert device.counters is None
    _core.thread_exit()
    view[probes[0].number] += 1


@pytest.mark.parametrize("size", [0, -1, _core.PROBES_MAX + 1, 2**64])
def test_there_are_1_to_probes_max_counters(size: int, device: pykcov.Device) -> None:
    with pytest.raises(pykcov.InvalidValueError, match=f"1 to {_core.PROBES_MAX} counters, not {size}"):
        device.set_counters(size)
    assert device.counters is None
    assert len(device.set_counters(size=_core.PROBES_MAX)) == _core.PROBES_MAX


def test_a_map_cannot_change_while_events_may_be_counted_in_it(device: pykcov.Device) -> None:
    counters = device.set_counters(5)
    device.remote_attach()
    device.enable()

    def refused() -> bool:
        for argument in (5, None, counters, 0):  # EBUSY comes before EINVAL
            with pytest.raises(pykcov.DeviceBusyError, match="still open"):
                device.set_counters(argument)
        return True

    assert refused()
    inside, leave = threading.Event(), threading.Event()

    def work() -> None:
        with pykcov.remote.section(pykcov.REMOTE_COMMON):
            inside.set()
            leave.wait()

    thread = threading.Thread(target=work)
    thread.start()
    inside.wait()
    device.disable(wait=False)
    assert device.state == "stopping"
    assert refused()
    leave.set()
    thread.join()
    assert device.set_counters(None) is None


def test_a_closed_device_gets_none_and_what_is_no_number_is_said() -> None:
    device = pykcov.open()
    counters = device.set_counters(5)
    with pytest.raises(TypeError):
        device.set_counters("5")  # type: ignore[call-overload]
    device.close()
    for argument in (5, None, counters, 0):  # ENXIO comes before EINVAL
        with pytest.raises(pykcov.DeviceNotReadyError, match="set_counters: the device is closed"):
            device.set_counters(argument)
    with pytest.raises(TypeError):
        pykcov.Counters()
