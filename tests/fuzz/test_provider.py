"""FuzzedDataProvider makes the same values of the same bytes as that of Atheris, whatever is asked for."""

import gzip
import json
import math
import struct
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pykcov.fuzz._provider import FuzzedDataProvider

try:
    import atheris
except ImportError:
    atheris = None

needs_atheris = pytest.mark.skipif(atheris is None, reason="Atheris, which this compares with, is not installed")

RECORDED = Path(__file__).parents[1] / "data" / "provider.json.gz"

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


def test_recorded_calls_give_the_recorded_values_of_atheris() -> None:
    for data, calls in json.loads(gzip.decompress(RECORDED.read_bytes())):
        provider = FuzzedDataProvider(bytes.fromhex(data))
        for name, arguments, expected, left in calls:
            given = [list(range(arguments[0]))] if name == "PickValueInList" else arguments
            value = getattr(provider, name)(*given)
            assert (ascii(value), provider.remaining_bytes()) == (expected, left), (data, name, arguments)


@needs_atheris
@settings(max_examples=400, deadline=None)
@given(st.binary(max_size=200), st.lists(CALLS, max_size=12))
def test_any_calls_give_the_values_of_atheris(data: bytes, calls: list[tuple[str, tuple[Any, ...]]]) -> None:
    ours, theirs = FuzzedDataProvider(data), atheris.FuzzedDataProvider(data)
    for name, arguments in calls:
        expected = bits(getattr(theirs, name)(*arguments))
        assert bits(getattr(ours, name)(*arguments)) == expected, (name, arguments)
        assert ours.remaining_bytes() == theirs.remaining_bytes()


@needs_atheris
@pytest.mark.parametrize("kind", range(14))
def test_special_floats_are_those_of_atheris(kind: int) -> None:
    data = bytes([kind]) + b"\x12\xff\x80" * 5
    assert bits(FuzzedDataProvider(data).ConsumeFloatList(2)) == bits(
        atheris.FuzzedDataProvider(data).ConsumeFloatList(2)
    )


@pytest.mark.parametrize(
    ("name", "arguments", "error"),
    [
        ("ConsumeBytes", (-1,), TypeError),
        ("ConsumeBytes", (2.5,), TypeError),
        ("ConsumeBytes", (None,), TypeError),
        ("ConsumeBytes", (2**70,), TypeError),
        ("ConsumeInt", (-1,), TypeError),
        ("ConsumeIntInRange", (3, 1), RuntimeError),
        ("ConsumeIntInRange", (2**80, 1), RuntimeError),
        ("ConsumeIntInRange", (1.5, 2), TypeError),
        ("ConsumeFloatInRange", (2.0, 1.0), RuntimeError),
        ("ConsumeFloatInRange", ("x", 1.0), TypeError),
        ("ConsumeIntListInRange", (2, 3, 1), RuntimeError),
        ("PickValueInList", ([],), IndexError),
        ("PickValueInList", ((1, 2),), TypeError),
    ],
)
def test_bad_arguments_raise_what_atheris_raises(name: str, arguments: tuple[Any, ...], error: type[Exception]) -> None:
    for provider in (FuzzedDataProvider, *([atheris.FuzzedDataProvider] if atheris is not None else [])):
        with pytest.raises(error):
            getattr(provider(b"abc"), name)(*arguments)


@pytest.mark.parametrize("data", ["abc", bytearray(b"abc"), None])
def test_only_bytes_are_taken(data: Any) -> None:
    with pytest.raises(TypeError):
        FuzzedDataProvider(data)
