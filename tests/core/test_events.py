"""Events that instrumentation of other making records."""

import numpy as np
import pytest

import pykcov
from pykcov import _core
from pykcov.traces import records


@pytest.mark.parametrize(
    ("count", "expected"),
    [
        (0, []),
        (1, [10]),
        (3, [10, 11, 12]),
        (4, [10, 11, 12, 13]),
        (5, [10, 11, 12, 13]),
        (2**64 - 1, [10, 11, 12, 13]),
    ],
)
def test_pcs_are_as_many_as_the_count_says_and_fit(count: int, expected: list[int]) -> None:
    words = np.array([count, 10, 11, 12, 13], dtype=np.uint64)
    assert records.pcs(words).tolist() == expected


def test_pcs_are_a_copy(device: pykcov.Device) -> None:
    buffer = device.mmap()
    device.enable()
    _core.record_pc(5)
    device.disable()
    pcs = buffer.pcs()
    buffer.words[1] = 6
    assert pcs.tolist() == [5]


def test_comparisons_are_the_kernels_bit_for_bit(device: pykcov.Device) -> None:
    buffer = device.mmap()
    device.enable(pykcov.TRACE_CMP)
    _core.record_cmp(1, True, 0x1FF, 2, 77)
    _core.record_cmp(8, False, 2**64 - 1, 3, 78)
    _core.record_switch(32, 2**40, [5, 6], 79)
    _core.record_switch(24, 1, [5], 80)
    _core.record_pc(81)
    device.disable()
    assert buffer.words[:17].tolist() == [4, 1, 0xFF, 2, 77, 6, 2**64 - 1, 3, 78, 5, 5, 2**40, 79, 5, 6, 2**40, 79]


def test_each_case_of_a_switch_that_does_not_fit_is_dropped(device: pykcov.Device) -> None:
    device.enable(pykcov.TRACE_CMP)
    _core.record_switch(8, 1, range(20), 79)
    device.disable()
    assert (device.mmap().count, device.dropped) == (15, 5)


@pytest.mark.parametrize("size", [0, 3, 16, -8, 2**40])
def test_an_operand_of_no_possible_size_is_refused(size: int) -> None:
    with pytest.raises(pykcov.InvalidValueError, match=f"not {size}$"):
        _core.record_cmp(size, False, 1, 2, 3)


@pytest.mark.parametrize("number", [-1, 2**64])
def test_what_is_no_word_is_refused(number: int) -> None:
    with pytest.raises(pykcov.InvalidValueError, match="a pc"):
        _core.record_pc(number)
    with pytest.raises(pykcov.InvalidValueError, match="an operand"):
        _core.record_cmp(1, False, number, 2, 3)
    with pytest.raises(pykcov.InvalidValueError, match="a case"):
        _core.record_switch(8, 1, [number], 3)


def test_a_full_buffer_of_accesses_counts_what_did_not_fit() -> None:
    with pykcov.open() as device:
        device.set_buffer_size(6)
        device.enable(_core.TRACE_ACCESS)
        _core.record_pc(5, 3)
        device.disable()
        assert (device.mmap().count, device.dropped) == (2, 1)
