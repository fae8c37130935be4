"""Operands that are huge, hostile or not what they seem: the program notices nothing, and no record is half written."""

import gc
import mmap
import re
import sys
from typing import Any

import numpy as np
import pytest
from common import BYTES, function, recorded, traced

from pykcov import TRACE_CMP

ADDRESS = re.compile("0x[0-9a-f]+")
COMPARE = "def f(x, y): return x == y"
ALL = """
def f(x, y):
    found = []
    for operation in (
        lambda: x == y, lambda: x != y, lambda: x < y, lambda: x <= y, lambda: x > y, lambda: x >= y, lambda: x in y,
        lambda: y in x, lambda: x[y], lambda: y[x], lambda: x.find(y), lambda: x.startswith(y), lambda: y.split(x),
        lambda: x == 1, lambda: 'a' != x, lambda: x in (1, 'a'), lambda: 'a' in x, lambda: x['a'], lambda: x.find('a'),
    ):
        try:
            found.append(operation())
        except Exception as error:
            found.append(type(error))
    try:
        match x:
            case 1 | 'a' | {'k': 1}: found.append('matched')
    except Exception as error:
        found.append(type(error))
    return found
"""


class Hostile:
    """Whoever asks it anything is told of in `asked`."""

    asked: list[str] = []  # noqa: RUF012

    def __eq__(self, other: object) -> bool:
        self.asked.append("eq")
        raise ValueError("never equal")

    def __hash__(self) -> int:
        self.asked.append("hash")
        return 1

    def __getattribute__(self, name: str) -> Any:
        if name != "asked":
            object.__getattribute__(self, "asked").append(name)
        return object.__getattribute__(self, name)

    def __bool__(self) -> bool:
        self.asked.append("bool")
        return True

    def __repr__(self) -> str:
        self.asked.append("repr")
        return "hostile"


class Recursive:
    """Its comparison compares."""

    def __init__(self, depth: int) -> None:
        self.depth = depth

    def __eq__(self, other: object) -> Any:
        return self.depth == 0 or Recursive(self.depth - 1) == other

    def __hash__(self) -> int:
        return 0


def values() -> list[Any]:
    return [
        *(None, True, 0, -1, 2**63, -(2**63) - 1, 1.5, float("nan"), "", "a", "\ud800", b"", b"a", bytearray(b"a"), 1j),
        *((), (1, "a"), [], ["a"], {}, {"a": 1}, {1}, frozenset(["a"]), range(3), slice(1), str, int, len, "a".find),
        *(
            np.int64(3),
            np.float64(1),
            np.str_("a"),
            np.array([1, 2]),
            np.array(["a"]),
            memoryview(b"a"),
        ),
    ]


def test_any_two_objects_have_the_result_that_they_have_without_probes() -> None:
    namespace: dict[str, Any] = {}
    exec(ALL, namespace)
    bare, probed = namespace["f"], function(ALL)
    for left in values():
        for right in values():
            expected = ADDRESS.sub("", repr(bare(left, right)))
            for mode in (BYTES, TRACE_CMP):
                result = traced(lambda: probed(left, right), mode)[1]  # noqa: B023
                assert ADDRESS.sub("", repr(result)) == expected


def test_objects_are_asked_nothing_that_the_program_would_not_have_asked() -> None:
    namespace: dict[str, Any] = {}
    exec(ALL, namespace)
    others = [1, "a", b"a", 2**100, {1: 2}, {"a": 1}, ("a",), [1], {1, "a"}, Hostile()]
    asked = []
    for run in (namespace["f"], lambda x, y: traced(lambda: function(ALL)(x, y))[1]):
        Hostile.asked = []
        for other in others:
            run(Hostile(), other)
            run(other, Hostile())
            run([Hostile()], other)
            run(other, [Hostile()])
        asked.append(Hostile.asked)

    assert asked[0] == asked[1]


def test_array_is_compared_as_an_array() -> None:
    compared = function(COMPARE)

    buffer, result, _ = traced(lambda: compared(np.array([1, 2]), 2))

    assert isinstance(result, np.ndarray)
    assert result.tolist() == [False, True]
    assert buffer.count == 0


def test_comparison_that_raises_is_recorded_and_raises() -> None:
    compared = function("def f(x): return x['no']")

    buffer, result, _ = traced(lambda: compared({"yes": 1}))

    assert repr(result) == "KeyError('no')"
    assert [(one.operand1, one.operand2) for one in buffer.comparisons()] == [("no", "yes")]


def test_comparison_that_compares_is_recorded_in_the_order_in_which_it_runs() -> None:
    source = "class R:\n def __init__(s, n): s.n = n\n def __eq__(s, o): return s.n == 0 or R(s.n - 1) == o\n"

    found = recorded(source + "def f(): return R(3) == 7")

    assert [(one.operand1, one.operand2) for one in found] == [(0, 3), (0, 2), (0, 1), (0, 0)]


def test_recursion_without_end_ends_as_it_does_without_probes() -> None:
    source = "class R:\n def __eq__(s, o): return R() == o\ndef f(): return R() == 1"

    assert isinstance(traced(function(source))[1], RecursionError)


def test_operand_that_changes_while_it_is_compared_was_recorded_as_it_was_before() -> None:
    source = """
class Changes:
    def __eq__(self, other):
        other.clear()
        return True
    __hash__ = None
def f(x): return x in [Changes()], Changes() == x, x == bytearray(b'')
"""
    found = recorded(source, bytearray(b"before"))

    assert [(one.operand1, one.operand2) for one in found] == [(b"", b"")]


def test_container_that_changes_size_between_comparisons_is_read_anew() -> None:
    source = "def f(x):\n for _ in range(3):\n  7 in x\n  x.append(len(x))\n"

    assert [one.operand2 for one in recorded(source, [])] == [0, 0, 1]


def test_set_with_removed_members_has_the_others_recorded() -> None:
    members = set(range(100, 120))
    for member in range(100, 118):
        members.remove(member)

    assert sorted(one.operand2 for one in recorded("def f(x): return 1 in x", members)) == [118, 119]


def test_integer_of_a_million_bits_is_recorded_by_its_lowest_bytes() -> None:
    huge = (1 << 1_000_000) + 12345

    (one,) = recorded(COMPARE, huge, -huge)

    assert (one.operand1, one.operand2) == (12345, (1 << 512) - 12345)
    assert (one.length1, one.length2) == (125001, 125001)


def test_integer_of_a_million_bits_is_cut_to_64_bits_in_plain_mode() -> None:
    huge = (1 << 1_000_000) + 12345

    (one,) = recorded(COMPARE, huge, -huge, mode=TRACE_CMP)

    assert (one.size, one.operand1, one.operand2) == (8, 12345, -12345)


@pytest.mark.parametrize("kind", [bytes, bytearray])
def test_of_a_gigabyte_only_the_beginning_is_touched(kind: type) -> None:
    size = 1 << 30
    big = kind(size)  # Zero pages that take memory once they are touched.
    compared = function("def f(x, y): return x == y or x in (b'a', b'b') or x != b'c'")

    before = _resident()
    buffer, _, _ = traced(lambda: compared(big, b"abc"))

    assert _resident() - before < size // 4
    first = buffer.comparisons()[0]
    assert (first.length1, first.length2) == (size, 3)


def _resident() -> int:
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * mmap.PAGESIZE


def test_str_of_a_gigabyte_is_recorded_by_its_beginning() -> None:
    big = "é" * (1 << 28)

    (one,) = recorded("def f(x): return x == 'é'", big)

    assert (one.operand1, one.operand2, one.length2) == ("é", "é" * 32, 1 << 28)


@pytest.mark.parametrize("nmemb", range(2, 40))
def test_full_buffer_holds_no_half_record(nmemb: int) -> None:
    source = "def f(x):\n x == 'a' * 64\n x == 1\n x in ('bb', 'cc')\n x.find('d' * 33)\n x == ''"
    compared = function(source)
    whole = traced(lambda: compared("x" * 100))[0]
    records = [len(whole.entries()), *whole.comparisons()]

    buffer, _, dropped = traced(lambda: compared("x" * 100), nmemb=nmemb)

    found = buffer.comparisons()
    assert set(found) <= set(records[1:])
    assert buffer.count <= (nmemb - 1) // 4
    assert buffer.count + dropped == records[0]
    assert len(buffer.entries()) == buffer.count


@pytest.mark.parametrize("mode", [BYTES, TRACE_CMP])
@pytest.mark.parametrize("count", [2**64 - 1, 2**64 - 3, 2**62, 1000])
def test_count_set_to_anything_means_full(count: int, mode: int) -> None:
    compared = function(COMPARE)

    def call() -> None:
        buffer.words[0] = count
        compared("a" * 40, "b")
        compared(1, 2)

    import pykcov

    with pykcov.open() as device:
        device.set_buffer_size(100)
        buffer = device.mmap()
        device.enable(mode)
        call()
        device.disable()
        assert device.dropped == (5 if mode == BYTES else 1)
        assert buffer.words[0] == count
        assert buffer.words[1:].tolist() == [0] * 99


def test_references_are_as_without_probes() -> None:
    compared = function(ALL)
    operands = ["some text of its own"[:-1], {"k" * 3: object()}, [object()], 10**30, b"bytes"[:-1] + b"x"]
    before = [sys.getrefcount(operand) for operand in operands]
    for pair in range(len(operands) ** 2):
        traced(lambda: compared(operands[pair % len(operands)], operands[pair // len(operands)]))  # noqa: B023
    gc.collect()

    assert [sys.getrefcount(operand) for operand in operands] == before
