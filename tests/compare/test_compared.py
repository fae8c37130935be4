"""Entries of a buffer <-> comparisons."""

import struct

import numpy as np
import pytest
from common import BYTES, function, traced
from hypothesis import given
from hypothesis import strategies as st

import pykcov
from pykcov import TRACE_CMP, _core
from pykcov.traces.records import OPERATIONS, comparisons, entries

PYTHON = 1 << 63
EQ = OPERATIONS.index("==")

texts = st.text(st.characters(codec=None), max_size=80)
octets = st.binary(max_size=80)
numbers = st.integers() | st.integers(-(2**600), 2**600)


def assigned(left: object, right: object, const: int = 0, mode: int = BYTES) -> pykcov.Buffer:
    """Have a probe observe `left == right`."""
    (probe,) = _core.compare_probes([(PYTHON | 5, EQ, const)])
    return traced(lambda: probe.__setitem__(right, left), mode)[0]


def text_prefix(text: str) -> tuple[str, int]:
    """Return what is recorded of a str."""
    encoded = text.encode("utf-8", "surrogatepass")
    length = len(encoded) if len(text) <= 64 else len(text)
    prefix = ""
    for character in text:
        if len((prefix + character).encode("utf-8", "surrogatepass")) > 64:
            break
        prefix += character
    return prefix, length


@given(texts, texts)
def test_text_is_its_first_64_bytes_of_utf8(left: str, right: str) -> None:
    (one,) = assigned(left, right).comparisons()

    assert (one.op, one.size, one.pc) == ("==", 0, PYTHON | 5)
    assert (one.operand1, one.length1) == text_prefix(left)
    assert (one.operand2, one.length2) == text_prefix(right)


@given(octets, octets, st.sampled_from([0, 1, 2]))
def test_bytes_are_their_first_64(left: bytes, right: bytes, const: int) -> None:
    (one,) = assigned(left, bytearray(right), const).comparisons()

    assert (one.left, one.right) == (left[:64], right[:64])
    assert (one.const, one.swapped) == (const > 0, const == 2)
    lengths = (one.length2, one.length1) if one.swapped else (one.length1, one.length2)
    assert lengths == (len(left), len(right))


@given(numbers, numbers)
def test_integers_are_whole_or_their_lowest_64_bytes(left: int, right: int) -> None:
    (one,) = assigned(left, right).comparisons()

    fits = [size for size in (1, 2, 4, 8) if all(-(1 << 8 * size - 1) <= n < 1 << 8 * size - 1 for n in (left, right))]
    assert one.size == (fits or [0])[0]
    for number, found, length in ((left, one.operand1, one.length1), (right, one.operand2, one.length2)):
        if one.size:
            assert found == number
        else:
            assert length == number.bit_length() // 8 + 1
            assert found == (number if length <= 64 else number % (1 << 512))


@given(numbers, numbers)
def test_plain_integers_are_the_lowest_64_bits(left: int, right: int) -> None:
    row = assigned(left, right, mode=TRACE_CMP).entries()[0].tolist()

    size = 1 << (row[0] >> 1)
    assert row[1:] == [left % (1 << 8 * size), right % (1 << 8 * size), PYTHON | 5]
    assert row[0] & ~0xE == 0


@given(st.floats(), st.floats())
def test_floats_are_their_bits(left: float, right: float) -> None:
    buffer = assigned(left, right)

    assert buffer.entries()[0, 1:3].tobytes() == struct.pack("<dd", left, right)
    (one,) = buffer.comparisons()
    assert struct.pack("<dd", one.operand1, one.operand2) == struct.pack("<dd", left, right)
    assert assigned(left, right, mode=TRACE_CMP).count == 0


def test_entries_are_the_buffer_itself() -> None:
    buffer = assigned("a", "b")
    rows = buffer.entries()

    assert rows.shape == (3, 4)
    assert rows.dtype == np.uint64
    rows[0, 3] = 77
    assert buffer.words[4] == 77
    buffer.reset()
    assert len(buffer.entries()) == 0
    assert rows.shape == (3, 4)


def test_float_of_native_code_has_4_or_8_bytes() -> None:
    bits = int.from_bytes(struct.pack("<f", 1.5), "little")
    words = np.array([[2 << 1 | 0x10, bits, 0, 5], [3 << 1 | 0x10, 0, 1 << 63, 5]], np.uint64)

    assert [(one.op, one.size, one.operand1) for one in comparisons(words)] == [("", 4, 1.5), ("", 8, 0.0)]


def test_numbers_of_native_code_have_no_sign() -> None:
    words = np.array([[0, 255, 1, 5], [0, 255, 1, PYTHON | 5]], np.uint64)

    assert [one.operand1 for one in comparisons(words)] == [255, -1]


@given(st.lists(st.integers(0, 2**64 - 1), max_size=40))
def test_any_words_are_decoded_or_refused(words: list[int]) -> None:
    rows = entries(np.array([2**64 - 1, *words], np.uint64))

    assert len(rows) == len(words) // 4
    try:
        assert len(comparisons(rows)) <= len(rows)
    except ValueError as error:
        assert "payload" in str(error)  # noqa: PT017


def test_record_without_its_payload_is_refused_by_name() -> None:
    rows = assigned("a" * 40, "b").entries()

    with pytest.raises(ValueError, match="entry 0, of type 0x30148, is not followed by its 3 entries of payload"):
        comparisons(rows[:3])


def test_native_comparisons_are_recorded_in_both_layouts() -> None:
    for mode in (BYTES, TRACE_CMP):
        buffer = traced(lambda: _core.record_cmp(2, True, 0x1FFFF, 3, 99), mode)[0]
        assert buffer.entries().tolist() == [[3, 0xFFFF, 3, 99]]


def test_compare_probe_says_what_it_is_and_refuses_what_it_does_not_know() -> None:
    (probe,) = _core.compare_probes([(5, 3, 2)])

    assert (probe.pc, probe.operation, probe.const) == (5, 3, 2)
    for site, error in [((5, 0, 0), "operation"), ((5, 25, 0), "operation"), ((5, 1, 3), "const"), ((-1, 1, 0), "pc")]:
        with pytest.raises(pykcov.InvalidValueError, match=error):
            _core.compare_probes([site])
    for wrong in (5, [5], [(1, 2)], [("a", 1, 1)]):
        with pytest.raises(TypeError):
            _core.compare_probes(wrong)  # type: ignore[arg-type]
    with pytest.raises(TypeError):
        type(probe)()


def test_dormant_or_in_another_mode_nothing_is_recorded() -> None:
    compared = function("def f(x): return x == 1")

    assert compared(1) is True
    buffer = traced(lambda: compared(1), pykcov.TRACE_PC)[0]
    assert [location.lines for location in pykcov.symbolize(buffer.pcs())] == [(1,)]
    pykcov.halt(True)
    try:
        assert traced(lambda: compared(1))[0].count == 0
    finally:
        pykcov.halt(False)
