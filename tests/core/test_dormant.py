"""Probes are dormant while nobody records, and awake as long as anybody may."""

import os
import threading

import pytest
from in_threads import hit, in_thread

import pykcov
from pykcov import _core

PROBE = _core.probes([1 << 63])[0]


def recorded(hits: int) -> int:
    """Trace some hits with a device of our own; return how many there are in its buffer."""
    with pykcov.open() as device:
        device.set_buffer_size(64)
        device.enable()
        for _ in range(hits):
            hit(PROBE)
        device.disable()
        return hits_in(device)


def hits_in(device: pykcov.Device) -> int:
    """Count those of our probe: what runs at a fork may have probes, too."""
    return int((device.mmap().pcs() == PROBE.pc).sum())


def test_one_who_stops_leaves_the_others_awake(device: pykcov.Device) -> None:
    device.enable()
    for hits in range(3):
        assert in_thread(lambda hits=hits: recorded(hits)) == hits
        hit(PROBE)
    device.disable()
    assert hits_in(device) == 3


def test_a_thread_that_ends_with_its_device_enabled_blinds_nobody(device: pykcov.Device) -> None:
    def leave_enabled() -> pykcov.Device:
        own = pykcov.open()
        own.set_buffer_size(64)
        own.enable()
        hit(PROBE)
        return own

    for _ in range(3):
        with in_thread(leave_enabled) as left:
            device.enable()
            hit(PROBE)
            device.disable()
            assert hits_in(left) == 1
    assert hits_in(device) == 3


def test_an_adopter_that_goes_leaves_devices_awake_and_the_other_way_round(device: pykcov.Device) -> None:
    asked: list[int] = []
    device.enable()
    _core.set_adopter(lambda: asked.append(threading.get_ident()))
    _core.set_adopter(None)
    hit(PROBE)
    _core.set_adopter(lambda: asked.append(threading.get_ident()))
    try:
        device.disable()
        assert in_thread(lambda: (threading.get_ident(), hit(PROBE)))[0] in asked
    finally:
        _core.set_adopter(None)
    assert hits_in(device) == 1


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
@pytest.mark.parametrize("enabled", [False, True])
@pytest.mark.parametrize("adopted", [False, True])
def test_a_forked_child_records_whoever_recorded_before(device: pykcov.Device, enabled: bool, adopted: bool) -> None:
    if adopted:
        _core.set_adopter(lambda: None)
    if enabled:
        device.enable()
    child = os.fork()
    if child == 0:
        try:
            os._exit(int(recorded(3) == 3 and recorded(2) == 2))
        finally:
            os._exit(0)
    _, status = os.waitpid(child, 0)
    if adopted:
        _core.set_adopter(None)
    hit(PROBE)
    if enabled:
        device.disable()
    assert os.waitstatus_to_exitcode(status) == 1
    assert hits_in(device) == int(enabled)


def test_a_thread_whose_device_another_one_has_closed_is_asked_by_the_next_adopter() -> None:
    probe = _core.probes([1 << 63 | 1 << 40])[0]
    opened: list[_core.Device] = []
    asked: list[str] = []

    def adopt(name: str) -> None:
        device = _core.Device()
        device.set_buffer_size(64)
        device.enable(_core.TRACE_PC)
        opened.append(device)
        asked.append(name)

    steps = [threading.Event() for _ in range(6)]

    def work() -> None:
        for begin, done in zip(steps[::2], steps[1::2], strict=True):
            begin.wait()
            hit(probe)
            hit(probe)
            done.set()

    thread = threading.Thread(target=work)
    thread.start()
    buffers = []
    try:
        for number, (begin, done) in enumerate(zip(steps[::2], steps[1::2], strict=True)):
            _core.set_adopter(lambda number=number: adopt(str(number)))
            begin.set()
            done.wait()
            buffers.append(_core.Buffer(opened[-1]))
            _core.set_adopter(None)
            opened[-1].close()
    finally:
        _core.set_adopter(None)
        thread.join()
    assert asked == ["0", "1", "2"]
    assert [buffer.count for buffer in buffers] == [2, 2, 2]


def test_events_look_whom_they_follow_only_while_a_device_that_follows_traces(device: pykcov.Device) -> None:
    before = _core.followed()
    with pykcov.group():
        device.remote_attach(follow=True)
    seen = [_core.followed() - before]
    for _ in range(2):
        device.enable()
        seen.append(_core.followed() - before)
        device.disable()
        seen.append(_core.followed() - before)
    device.enable()
    device.close()
    seen.append(_core.followed() - before)
    assert seen == [0, 1, 0, 1, 0, 0]


def test_events_look_until_the_last_thread_has_left_a_device_that_follows(device: pykcov.Device) -> None:
    before = _core.followed()
    looked, stopped, left = threading.Event(), threading.Event(), threading.Event()

    def work() -> None:
        with pykcov.group(group):
            hit(PROBE)
            looked.set()
            stopped.wait()
            hit(PROBE)
            left.set()

    with pykcov.group() as group:
        device.remote_attach(follow=True)
    device.enable()
    thread = threading.Thread(target=work)
    thread.start()
    looked.wait()
    device.disable(wait=False)
    seen = [device.state, _core.followed() - before]
    stopped.set()
    left.wait()
    seen += [device.state, _core.followed() - before]
    thread.join()
    assert seen == ["stopping", 1, "ready", 0]
    assert hits_in(device) == 1
