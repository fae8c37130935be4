"""A test of Hypothesis as a target of choices: what inputs mean, without libFuzzer."""

from random import Random

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pykcov.contrib.hypothesis.choices import Choices, _bytes_of, _plan_of
from pykcov.contrib.hypothesis.example import FRESH

VALUES = st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text() | st.binary()
PLANS = st.lists(VALUES | st.just(FRESH), max_size=5).map(tuple)


def choices_of(strategy: st.SearchStrategy[object], seen: list[object]) -> Choices:
    """Return the target for a test that notes what it draws."""

    @settings(database=None)
    @given(strategy)
    def test(drawn: object) -> None:
        seen.append(drawn)

    return Choices(test, test.hypothesis, {})  # type: ignore[attr-defined]


@given(PLANS, st.integers(0, 2**32))
def test_the_bytes_of_a_plan_ask_for_what_is_planned(values: tuple[object, ...], seed: int) -> None:
    found = _plan_of(_bytes_of(values, Random(seed))).values  # type: ignore[arg-type]
    assert [(type(value), value) for value in found] == [(type(value), value) for value in values]


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.nested_given])
@given(st.binary() | PLANS.map(lambda values: _bytes_of(values, Random(1))))  # type: ignore[arg-type]
def test_any_bytes_are_an_input_and_the_same_example_each_time(data: bytes) -> None:
    seen: list[object] = []
    target = choices_of(st.tuples(st.lists(st.integers()), st.text(), st.floats(allow_nan=False)), seen)
    target(data)
    first = list(seen)
    seen.clear()
    target(data)
    assert seen == first


def test_choices_that_are_missing_differ_from_input_to_input() -> None:
    seen: list[object] = []
    target = choices_of(st.integers(), seen)
    for number in range(20):
        target(_bytes_of((), Random(number)))
    assert len(set(seen)) > 10


def test_bytes_that_are_no_choices_are_drawn_from_as_fuzz_one_input_does() -> None:
    seen: list[object] = []
    target = choices_of(st.integers(0, 255), seen)
    target(b"\xa5")  # no kind of choice begins so
    assert seen == [0xA5]
