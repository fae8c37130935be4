"""Probes, the mode that records each place once, and the adopter of threads."""

import copy
import os
import sys
import threading
from collections.abc import Iterator

import pytest
from in_threads import hit, in_thread

import pykcov
from pykcov import _core

TOP = 1 << 63


@pytest.fixture
def no_adopter() -> Iterator[None]:
    yield
    _core.set_adopter(None)


def test_probes_are_numbered_densely_and_never_again() -> None:
    first = _core.probe_count()
    made = _core.probes([TOP | 5, TOP | 6])
    assert [probe.number for probe in made] == [first, first + 1]
    assert [probe.pc for probe in made] == [TOP | 5, TOP | 6]
    del made
    assert _core.probes([TOP])[0].number == first + 2 == _core.probe_count() - 1
    assert _core.probes([]) == []


def test_no_probe_is_made_if_one_cannot_be() -> None:
    count = _core.probe_count()
    with pytest.raises(pykcov.InvalidValueError, match="a pc must be in"):
        _core.probes([TOP, -1])
    with pytest.raises(TypeError):
        _core.probes([TOP, "x"])  # type: ignore[list-item]
    assert _core.probe_count() == count


def test_there_is_a_limit_to_probes_and_it_is_said() -> None:
    _core.probes([TOP])
    with pytest.raises(OverflowError, match=str(_core.PROBES_MAX)):
        _core.probes(range(_core.PROBES_MAX))  # all of them, and there is one already


def test_a_probe_cannot_be_made_or_changed() -> None:
    probe = _core.probes([TOP])[0]
    with pytest.raises(TypeError):
        _core.Probe()
    with pytest.raises(AttributeError):
        probe.pc = 1  # type: ignore[misc]
    with pytest.raises(TypeError):
        _core.Probe.pc = 1  # type: ignore[assignment, method-assign]


def test_a_probe_records_in_order_and_gives_nothing_back(device: pykcov.Device) -> None:
    buffer = device.mmap()
    one, two = _core.probes([TOP | 1, TOP | 2])
    device.enable()
    results = [~one, ~two, ~one]
    device.disable()
    hit(two)
    assert results == [None] * 3
    assert buffer.pcs().tolist() == [TOP | 1, TOP | 2, TOP | 1]


def test_unique_records_each_place_once_an_enable_in_order_of_first_hit(device: pykcov.Device) -> None:
    buffer = device.mmap()
    probes = _core.probes([TOP | number for number in range(4)])
    for round in range(600):  # the generation has 8 bits: it wraps twice
        order = [probes[(round + number) % 4] for number in range(4)]
        device.enable(pykcov.TRACE_UNIQUE_PC)
        for probe in [*order, *reversed(order)]:
            hit(probe)
        device.disable()
        assert buffer.pcs().tolist() == [probe.pc for probe in order], round
        buffer.reset()


def test_unique_devices_do_not_share_what_they_have_seen(device: pykcov.Device) -> None:
    probe = _core.probes([TOP])[0]

    def trace_in_another() -> int:
        with pykcov.open() as other:
            other.set_buffer_size(8)
            other.enable(pykcov.TRACE_UNIQUE_PC)
            hit(probe)
            return other.mmap().count

    device.enable(pykcov.TRACE_UNIQUE_PC)
    hit(probe)
    assert in_thread(trace_in_another) == 1
    device.disable()
    assert device.mmap().count == 1


def test_unique_counts_each_place_that_did_not_fit_once() -> None:
    probes = _core.probes([TOP | number for number in range(10)])
    with pykcov.open() as device:
        device.set_buffer_size(8)
        device.enable(pykcov.TRACE_UNIQUE_PC)
        for probe in probes * 2:
            hit(probe)
        assert (device.mmap().count, device.dropped) == (7, 3)


@pytest.mark.usefixtures("no_adopter")
def test_the_adopter_is_called_once_in_every_thread_and_the_event_is_not_lost() -> None:
    probe, silent = _core.probes([TOP | 1, TOP | 2])
    adopted: dict[int, pykcov.Buffer] = {}

    def adopt() -> None:
        hit(silent)
        device = pykcov.open()
        device.set_buffer_size(8)
        device.enable()
        hit(silent)
        adopted[threading.get_ident()] = device.mmap()
        devices.append(device)

    devices: list[pykcov.Device] = []
    go, done = threading.Event(), threading.Event()

    def existed_before() -> None:
        go.wait()
        hit(probe)
        hit(probe)
        done.set()

    old = threading.Thread(target=existed_before)
    old.start()
    _core.set_adopter(adopt)
    go.set()
    old.join()
    for _ in range(3):
        in_thread(lambda: [~probe for _ in range(2)])
    _core.set_adopter(None)  # before this thread runs code of pykcov, which may have probes of its own
    assert len(devices) == 4
    assert [device.mmap().pcs().tolist() for device in devices] == [[TOP | 1] * 2] * 4
    for device in devices:
        device.close()


@pytest.mark.usefixtures("no_adopter")
def test_a_new_adopter_is_called_again_and_an_attached_thread_later(device: pykcov.Device) -> None:
    probe = _core.probes([TOP])[0]
    called: list[int] = []
    for number in range(5):
        _core.set_adopter(lambda number=number: called.append(number))  # type: ignore[misc]
        hit(probe)
        hit(probe)
    assert called == list(range(5))
    device.enable()
    _core.set_adopter(lambda: called.append(5))
    hit(probe)
    assert called == list(range(5))
    device.disable()
    hit(probe)
    assert called == list(range(6))
    _core.set_adopter(None)
    hit(probe)
    assert called == list(range(6))


@pytest.mark.usefixtures("no_adopter")
def test_an_adopter_that_raises_does_not_disturb_the_program(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[object] = []
    monkeypatch.setattr(sys, "unraisablehook", lambda report: seen.append(report.exc_value))
    error = RuntimeError("no")

    def adopt() -> None:
        raise error

    _core.set_adopter(adopt)
    in_thread(lambda: hit(_core.probes([TOP])[0]))
    assert seen == [error]


@pytest.mark.usefixtures("no_adopter")
def test_a_ctrl_c_in_the_adopter_is_the_programs() -> None:
    def adopt() -> None:
        raise KeyboardInterrupt

    _core.set_adopter(adopt)
    with pytest.raises(KeyboardInterrupt):
        in_thread(lambda: hit(_core.probes([TOP])[0]))


@pytest.mark.usefixtures("no_adopter")
def test_the_adopter_is_off_in_a_forked_child() -> None:
    called: list[int] = []
    _core.set_adopter(lambda: called.append(1))
    child = os.fork()
    if child == 0:
        called.clear()  # what pykcov does before a fork may have probes of its own
        hit(_core.probes([TOP])[0])
        os._exit(len(called))
    assert os.waitpid(child, 0)[1] == 0


def test_an_adopter_is_callable() -> None:
    with pytest.raises(TypeError, match="callable or None, not int"):
        _core.set_adopter(3)  # type: ignore[arg-type]


def test_a_copied_probe_is_the_registered_one() -> None:
    from pykcov.traces import locations

    probe = locations.probe(TOP | 12345)
    assert copy.copy(probe) is probe
