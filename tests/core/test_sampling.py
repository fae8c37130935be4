"""CMP_SAMPLED: of a place that compares much, the first comparisons of a round and a few of the others."""

from collections.abc import Iterator

import pytest

import pykcov
from pykcov import _core

SAMPLED = _core.TRACE_CMP | _core.CMP_BYTES | _core.CMP_SAMPLED


@pytest.fixture
def device() -> Iterator[pykcov.Device]:
    with pykcov.open() as device:
        device.set_buffer_size(100_000)
        device.mmap()
        device.enable(SAMPLED)
        yield device
        device.disable()
        _core.begin_round(0)


def compared(device: pykcov.Device, operands: range) -> list[int]:
    """Compare each with -1 at one place; return those that were recorded."""
    buffer = device.mmap()
    buffer.reset()
    for number in operands:
        _place[-1] = number
    found = [comparison.operand1 for comparison in buffer.comparisons()]
    return [int(number) for number in found]


(_place,) = _core.compare_probes([(1 << 63 | 77, 1, 0)])


def test_the_first_comparisons_of_a_place_are_all_recorded_in_every_round(device: pykcov.Device) -> None:
    for number in 1, 2:
        _core.begin_round(number)
        assert compared(device, range(8)) == list(range(8))


def test_of_a_loop_few_comparisons_are_recorded_up_to_its_end(device: pykcov.Device) -> None:
    late = set()
    for number in range(1, 41):
        _core.begin_round(number)
        found = compared(device, range(4096))
        assert 20 < len(found) < 90
        late |= {operand // 512 for operand in found}
    assert late == set(range(8))


def test_which_ones_differs_from_round_to_round(device: pykcov.Device) -> None:
    found = []
    for number in 1, 2:
        _core.begin_round(number)
        found.append(compared(device, range(1000)))
    assert found[0] != found[1]


def test_in_round_0_none_is_recorded(device: pykcov.Device) -> None:
    _core.begin_round(0)
    assert compared(device, range(3)) == []
    _core.record_cmp(4, False, 1, 2, 3)
    assert device.mmap().count == 0


def test_other_devices_record_all_whatever_the_round(device: pykcov.Device) -> None:
    device.disable()
    device.enable(_core.TRACE_CMP | _core.CMP_BYTES)
    _core.begin_round(0)
    assert compared(device, range(100)) == list(range(100))
    device.disable()
    device.enable(SAMPLED)
