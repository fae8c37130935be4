"""One property test of each kind that a test suite may have. test_kinds.py runs them under both backends.

Those whose names end in `_fails` are to fail.
"""

import asyncio
import datetime
import os
import threading
import time
import unittest
import zlib

import anyio
import django
import pytest
from django.conf import settings as django_settings
from hypothesis import HealthCheck, Phase, assume, example, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

ONE = zlib.crc32(b"one")

if not django_settings.configured:
    django_settings.configure(
        DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}}, USE_TZ=True
    )
    django.setup()

from hypothesis.extra import django as extra_django  # noqa: E402
from hypothesis.extra import numpy as extra_numpy  # noqa: E402


class Counter(RuleBasedStateMachine):
    """A machine without a fault."""

    def __init__(self) -> None:
        super().__init__()
        self.number = 0

    @rule(step=st.integers(0, 9))
    def add(self, step: int) -> None:
        self.number += step

    @precondition(lambda self: self.number > 5)
    @rule()
    def clear(self) -> None:
        self.number = 0

    @invariant()
    def is_positive(self) -> None:
        assert self.number >= 0


class Fragile(Counter):
    """A machine that breaks."""

    @invariant()
    def is_small(self) -> None:
        assert self.number < 3


TestCounter = Counter.TestCase
TestFragile_fails = Fragile.TestCase
TestCounter.settings = TestFragile_fails.settings = settings(max_examples=15, deadline=None)


@pytest.mark.asyncio
@settings(max_examples=30, deadline=None)
@given(st.integers())
async def test_asyncio(number: int) -> None:
    await asyncio.sleep(0)
    assert number == number + 0


@pytest.mark.asyncio
@settings(max_examples=30, deadline=None)
@given(st.integers())
async def test_asyncio_fails(number: int) -> None:
    await asyncio.sleep(0)
    assert number < 1000


@pytest.mark.anyio
@settings(max_examples=30, deadline=None)
@given(st.integers())
async def test_anyio(number: int) -> None:
    await anyio.sleep(0)
    assert number == number + 0


@pytest.mark.anyio
@settings(max_examples=30, deadline=None)
@given(st.integers())
async def test_anyio_fails(number: int) -> None:
    await anyio.sleep(0)
    assert number < 1000


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@settings(suppress_health_check=list(HealthCheck), max_examples=10, deadline=None)
@given(st.lists(st.integers(), min_size=300, max_size=2000), st.binary(min_size=4000))
def test_huge_collections(numbers: list[int], data: bytes) -> None:
    assert len(numbers) >= 300
    assert len(data) >= 4000


@settings(max_examples=5)
@given(st.lists(st.integers(), min_size=10_000))
def test_too_large_fails(numbers: list[int]) -> None:
    pass


@settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.integers().filter(lambda number: number % 3 == 0), st.text().filter(str.isprintable))
def test_filters(number: int, text: str) -> None:
    assert number % 3 == 0
    assert text.isprintable()


@given(st.integers().filter(lambda number: number == ONE + 0.5))
def test_filter_that_nothing_passes_fails(number: int) -> None:
    pass


@given(st.integers())
def test_assumption_that_nothing_meets_fails(number: int) -> None:
    assume(number != number)


@example(number=ONE)
@given(number=st.integers(0, 9))
def test_explicit_example_fails(number: int) -> None:
    assert number != ONE


@settings(deadline=20, max_examples=10)
@given(st.integers())
def test_deadline_fails(number: int) -> None:
    time.sleep(0.05)


@settings(phases=[Phase.explicit])
@example(number=1)
@given(number=st.integers())
def test_without_generation(number: int) -> None:
    assert number == 1


_ran: list[int] = []


@settings(deadline=None)
@given(st.integers())
def test_flaky_fails(number: int) -> None:
    _ran.append(number)
    assert len(_ran) != 5


@settings(max_examples=2, deadline=None)
@given(st.integers())
def test_long(number: int) -> None:
    time.sleep(0.3)


@settings(max_examples=5, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.integers())
def test_nested(number: int) -> None:
    inner: list[int] = []

    @settings(max_examples=5, database=None, deadline=None, suppress_health_check=list(HealthCheck))
    @given(st.integers())
    def within(other: int) -> None:
        inner.append(other)

    within()
    assert inner


@settings(max_examples=10, deadline=None)
@given(st.integers())
def test_threads(number: int) -> None:
    doubled: list[int] = []
    threads = [threading.Thread(target=lambda: doubled.append(number * 2)) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert doubled == [number * 2] * 3


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 9))
def test_in_threads_of_its_own(number: int) -> None:
    assert number in range(10)


def test_property_in_two_threads_at_once() -> None:
    failed: list[BaseException] = []

    def work() -> None:
        try:
            test_in_threads_of_its_own()
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failed


@settings(max_examples=5, deadline=None)
@given(st.integers(0, 3))
def test_forks(number: int) -> None:
    child = os.fork()
    if not child:
        os._exit(number)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == number


@settings(deadline=None)
@given(st.tuples(st.dates(), st.uuids(), st.decimals(allow_nan=False), st.from_regex(r"\A[a-z]{3}\Z"), st.functions()))
def test_composed_strategies(drawn: tuple[datetime.date, ...]) -> None:
    assert drawn[0].year > 0


@settings(max_examples=30, deadline=None)
@given(st.recursive(st.none(), st.lists))
def test_recursive_strategy(tree: object) -> None:
    assert tree is None or isinstance(tree, list)


class TestUnittest(unittest.TestCase):
    """hypothesis with unittest."""

    @settings(deadline=None)
    @given(st.integers())
    def test_number(self, number: int) -> None:
        assert number == number + 0


class TestDjango(extra_django.TestCase):
    """A transaction for each example."""

    @settings(max_examples=10, deadline=None)
    @given(st.integers())
    def test_number(self, number: int) -> None:
        from django.db import connection

        with connection.cursor() as cursor:
            cursor.execute("select %s", [number % 1000])
            assert cursor.fetchone() == (number % 1000,)


@settings(max_examples=30, deadline=None)
@given(extra_numpy.arrays(int, extra_numpy.array_shapes(max_dims=2, max_side=4)))
def test_numpy(array: object) -> None:
    assert array.sum() == array.T.sum()  # type: ignore[attr-defined]


@settings(max_examples=10, deadline=None)
@given(st.data())
def test_pandas(data: st.DataObject) -> None:
    extra_pandas = pytest.importorskip("hypothesis.extra.pandas")
    frame = data.draw(extra_pandas.data_frames([extra_pandas.column("a", dtype=int)]))
    assert len(frame["a"]) == len(frame)
