"""Where the time of a campaign goes."""

import math
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pykcov.campaign.allocation import FLOOR, Record, Turns, duration, in_words, record_of, weights


def test_good_turing_and_chao_are_as_in_the_books() -> None:
    record = record_of({1: 1, 2: 1, 3: 2, 4: 3, 5: 0}, reached=4, executions=1000, processor=2.0, barren=1000)
    assert (record.singletons, record.doubletons, record.places) == (2, 1, 5)
    assert record.discovery == 2 / 1000
    assert record.left == 2.0
    assert record.seconds_to_next == 1.0  # 500 executions a second, and one of 500 finds something


def test_without_singletons_it_takes_as_long_again_as_nothing_was_found() -> None:
    record = Record(executions=2_000, processor=2, reached=1, places=2, barren=998)
    assert record.discovery == 1 / 1000
    assert record.seconds_to_next == 1.0


def test_where_all_is_reached_nothing_is_in_sight() -> None:
    record = Record(executions=100, processor=1, reached=2, places=2)
    assert record.seconds_to_next == math.inf
    assert in_words("x", record) == "x: all places are reached"


def test_the_next_new_place_is_told_in_words() -> None:
    record = Record(executions=2_400_000, processor=2400, singletons=1, places=9, barren=2_400_000)
    assert in_words("parse_date", record) == (
        "the next new place in parse_date is expected after about 40 minutes of one core"
    )


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0.2, "1 second"), (89, "89 seconds"), (100, "2 minutes"), (7200, "2 hours"), (1e6, "12 days")],
)
def test_times_are_told_as_people_do(seconds: float, words: str) -> None:
    assert duration(seconds) == words


def test_targets_that_have_not_run_come_first() -> None:
    assert weights([Record(), Record(executions=10, processor=1), Record()]) == [0.5, 0, 0.5]


@given(st.lists(st.builds(Record, st.integers(1, 10**9), st.floats(0.001, 1e6), st.integers(0, 1000)), min_size=1))
def test_each_target_has_its_floor_and_together_they_have_all(records: list[Record]) -> None:
    shares = weights(records)
    assert math.isclose(sum(shares), 1)
    assert min(shares) >= FLOOR / len(records) * 0.999


def test_more_goes_where_more_is_expected() -> None:
    shares = weights([Record(10_000, 10, 9, 0, 1, 2, 10_000), Record(10_000, 10, 0, 0, 1, 2, 10_000)])
    assert shares[0] > 0.75 > 0.25 > shares[1]


def test_turns_are_given_by_weight_evenly_and_to_those_allowed_only() -> None:
    turns = Turns(3)
    taken = [turns.next([0.5, 0.25, 0.25], [True] * 3) for _ in range(8)]
    assert Counter(taken) == {0: 4, 1: 2, 2: 2}
    assert turns.next([0.5, 0.25, 0.25], [False, True, False]) == 1
    assert turns.next([0.5, 0.25, 0.25], [False] * 3) is None
