"""FuzzedDataProvider makes the same values of the same bytes as that of Atheris, whatever is asked for."""

import math
import struct
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pykcov.fuzz._provider import FuzzedDataProvider

atheris = pytest.importorskip("atheris", reason="Atheris, which this compares with, is not installed")

counts = st.integers(0, 40) | st.sampled_from([2**31, 2**64 - 1])
sizes = st.integers(0, 20)
lengths = st.integers(0, 6)
whole = st.integers(-(2**70), 2**70) | st.integers(-300, 300) | st.sampled_from([-(2**63), 2**63 - 1, 2**64 - 1, 2**64])
pairs = st.tuples(whole, whole).map(sorted)
floats = st.floats(allow_nan=False)
float_pairs = st.tuples(floats, floats).map(sorted)

CALLS = st.one_of(
    *(
        st.tuples(st.just(name), st.tuples())
        for name in (
            *("ConsumeBool", "ConsumeFloat", "ConsumeRegularFloat", "ConsumeProbability"),
            *("remaining_bytes", "buffer"),
        )
    ),
    *(
        st.tuples(st.just(name), st.tuples(counts))
        for name in ("ConsumeBytes", "ConsumeUnicode", "ConsumeUnicodeNoSurrogates", "ConsumeString")
    ),
    *(st.tuples(st.just(name), st.tuples(sizes)) for name in ("ConsumeInt", "ConsumeUInt")),
    *(
        st.tuples(st.just(name), st.tuples(lengths))
        for name in ("ConsumeFloatList", "ConsumeRegularFloatList", "ConsumeProbabilityList")
    ),
    st.tuples(st.just("ConsumeIntInRange"), pairs.map(tuple)),
    st.tuples(st.just("ConsumeIntList"), st.tuples(lengths, sizes)),
    st.tuples(st.just("ConsumeIntListInRange"), st.tuples(lengths, pairs).map(lambda both: (both[0], *both[1]))),
    st.tuples(st.just("ConsumeFloatInRange"), float_pairs.map(tuple)),
    st.tuples(
        st.just("ConsumeFloatListInRange"), st.tuples(lengths, float_pairs).map(lambda both: (both[0], *both[1]))
    ),
    st.tuples(st.just("PickValueInList"), st.tuples(st.integers(1, 70000).map(lambda size: list(range(size))))),
)


def bits(value: Any) -> Any:
    """Return what can be compared exactly: NaN is itself, and -0.0 is not 0.0."""
    if isinstance(value, float):
        return "nan" if math.isnan(value) else struct.pack("<d", value)
    if isinstance(value, list):
        return [bits(item) for item in value]
    return type(value), value


@settings(max_examples=400, deadline=None)
@given(st.binary(max_size=200), st.lists(CALLS, max_size=12))
def test_any_calls_give_the_values_of_atheris(data: bytes, calls: list[tuple[str, tuple[Any, ...]]]) -> None:
    ours, theirs = FuzzedDataProvider(data), atheris.FuzzedDataProvider(data)
    for name, arguments in calls:
        expected = bits(getattr(theirs, name)(*arguments))
        assert bits(getattr(ours, name)(*arguments)) == expected, (name, arguments)
        assert ours.remaining_bytes() == theirs.remaining_bytes()


@pytest.mark.parametrize("kind", range(14))
def test_special_floats_are_those_of_atheris(kind: int) -> None:
    data = bytes([kind]) + b"\x12\xff\x80" * 5
    assert bits(FuzzedDataProvider(data).ConsumeFloatList(2)) == bits(
        atheris.FuzzedDataProvider(data).ConsumeFloatList(2)
    )


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("ConsumeBytes", (-1,)),
        ("ConsumeBytes", (2.5,)),
        ("ConsumeBytes", (None,)),
        ("ConsumeBytes", (2**70,)),
        ("ConsumeInt", (-1,)),
        ("ConsumeIntInRange", (3, 1)),
        ("ConsumeIntInRange", (2**80, 1)),
        ("ConsumeIntInRange", (1.5, 2)),
        ("ConsumeFloatInRange", (2.0, 1.0)),
        ("ConsumeFloatInRange", ("x", 1.0)),
        ("ConsumeIntListInRange", (2, 3, 1)),
        ("PickValueInList", ([],)),
        ("PickValueInList", ((1, 2),)),
    ],
)
def test_bad_arguments_raise_what_atheris_raises(name: str, arguments: tuple[Any, ...]) -> None:
    with pytest.raises(Exception) as theirs:  # noqa: PT011
        getattr(atheris.FuzzedDataProvider(b"abc"), name)(*arguments)
    with pytest.raises(theirs.type):
        getattr(FuzzedDataProvider(b"abc"), name)(*arguments)


@pytest.mark.parametrize("data", ["abc", bytearray(b"abc"), None])
def test_only_bytes_are_taken(data: Any) -> None:
    with pytest.raises(TypeError):
        FuzzedDataProvider(data)
