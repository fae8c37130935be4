"""What guidance proposes, in isolation: from operands and choices to what is tried next."""

import sys
from array import array
from collections.abc import Generator
from random import Random
from types import ModuleType

import pytest
from hypothesis.internal.conjecture.choice import choice_permitted
from hypothesis.internal.intervalsets import IntervalSet

from pykcov._records import records
from pykcov.contrib.hypothesis import climbing
from pykcov.contrib.hypothesis.example import FRESH, Choice, Example, Value, Values, fingerprint, fits, resized
from pykcov.contrib.hypothesis.guidance import Guidance
from pykcov.contrib.hypothesis.meetings import Meeting
from pykcov.contrib.hypothesis.operands import Operands
from pykcov.contrib.hypothesis.places import Place
from pykcov.contrib.hypothesis.pool import Pool
from pykcov.contrib.hypothesis.proposals import Sought, proposals, sought
from pykcov.contrib.hypothesis.waiting import Plan, Rank, Waiting
from pykcov.contrib.hypothesis.words import words
from pykcov.instrument.selection import Selection
from pykcov.traces.records import Comparison, Operand, comparison_of


def compared(op: str, one: Operand, two: Operand, const: bool = False, swapped: bool = False) -> Comparison:
    lengths = [len(operand) if isinstance(operand, (str, bytes)) else 0 for operand in (one, two)]
    return Comparison(op, 0, const, one, two, 1, swapped, *lengths)


def integers(*values: int, lowest: int | None = None, highest: int | None = None) -> Example:
    example = Example()
    constraints = {"min_value": lowest, "max_value": highest, "weights": None, "shrink_towards": 0}
    for value in values:
        example.begin_span(1)
        example.choices.append(Choice("integer", constraints, value))
        example.end_span()
    example.end()
    return example


@pytest.mark.parametrize(
    ("op", "have", "want", "value", "proposed"),
    [
        ("==", 7, 1000, 7, 1000),
        ("==", 9, 1000, 7, 998),  # shifted by 2
        ("==", -700, 1000, 700, -1000),
        ("==", 2100, 3000, 7, 10),  # multiplied by 300
        ("<", 7, 1000, 7, 999),
        ("<", 7, 1000, 7, 1001),
        ("==", "7", "1000", 7, 1000),
        ("==", 7.0, 1000.0, 7, 1000),
        ("==", 0.5, 0.75, 0.5, 0.75),
        ("==", 5.0, 7.5, 0.5, 0.75),  # scaled
        ("==", "word", "secret", "word", "secret"),
        ("==", "word", "secret", " word ", "secret"),
        ("==", "word", "secret", "WORD", "secret"),
        ("==", "word", "secret", "a word!", "a secret!"),
        ("==", "", "secret", "a", "asecret"),
        ("startswith", "word", "un", "word", "unword"),
        ("endswith", "word", "s", "word", "words"),
        ("==", b"word", b"secret", "word", "secret"),
        ("==", "word", "secret", b"word", b"secret"),
        ("==", 3, 5, "abc", "abcab"),  # its length
        ("==", 3, 5, b"abc", b"abcab"),
        ("==", 12, 99, "x12", "x99"),
        ("==", ord("b"), ord("z"), "abc", "azc"),
        ("==", 0x0102, 0x0A0B, b"-\x01\x02-", b"-\x0a\x0b-"),
        ("==", 0x0102, 0x0A0B, b"-\x02\x01-", b"-\x0b\x0a-"),
    ],
)
def test_what_a_choice_led_to_is_replaced_by_what_that_met(
    op: str, have: Operand, want: Operand, value: Value, proposed: Value
) -> None:
    found = [one for _, one in proposals(Sought(op, have, want, side=0, is_left=True), value)]
    assert any(type(one) is type(proposed) and one == proposed for one in found), found


@pytest.mark.parametrize(
    ("have", "want", "value"),
    [(1, 2, True), ("a", 1, "a"), (10_000, 5, 77), ("absent", "x", "text"), (b"\xff", b"a", "text")],
)
def test_nothing_is_proposed_where_an_operand_is_not_from_the_choice(
    have: Operand, want: Operand, value: Value
) -> None:
    assert list(proposals(Sought("==", have, want, side=0, is_left=True), value)) == []


def test_both_operands_are_sought_but_neither_constants_nor_what_is_met_already() -> None:
    assert [(one.have, one.want) for one in sought(compared("==", 1, 2))] == [(1, 2), (2, 1)]
    assert [(one.have, one.want) for one in sought(compared("==", 1, 2, const=True))] == [(2, 1)]
    assert list(sought(compared("==", 2, 2))) == []
    assert len(list(sought(compared("<", 2, 2)))) == 2


def meet(place: Place, comparison: Comparison, example: int) -> bool:
    return Operands(Waiting(), Pool()).note(example, [Meeting(comparison, place)])


def test_a_place_knows_the_side_that_stays_the_same() -> None:
    place = Place()
    assert place.fixed() == -1
    for number in range(1, 12):
        meet(place, compared("==", 5, number), number)
    assert place.varies(1)
    assert not place.varies(0)
    assert place.fixed() == 0


def test_what_a_place_wants_is_looked_at_less_once_it_has_been_met() -> None:
    place = Place()
    meet(place, compared("==", 5, 7), 1)
    assert [place.is_open(7, number) for number in range(100)].count(True) > 20
    meet(place, compared("==", 9, 9), 101)
    closed = [place.is_open(9, number) for number in range(101, 200)].count(True)
    assert 0 < closed < 20
    assert place.is_open(11, 200)


def test_orders_have_been_met_when_they_have_come_out_both_ways() -> None:
    place = Place()
    meet(place, compared("<", 5, 7), 1)
    meet(place, compared("<", 9, 7), 2)
    assert [place.is_open(7, number) for number in range(2, 100)].count(True) < 20


def test_what_was_tried_least_is_tried_first_and_nothing_twice() -> None:
    waiting, example = Waiting(), integers(1, 2)
    assert waiting.add_change(example, 0, 10, "often", Plan((), "first"), Rank.NEW)
    assert waiting.add_change(example, 0, 11, "often", Plan((), "second"), Rank.NEW)
    assert waiting.add_change(example, 1, 12, "rare", Plan((), "third"), Rank.NEW)
    assert not waiting.add_change(example, 0, 10, "other", Plan((), "the same"), Rank.NEW)
    waiting.add("next step", 99, Plan((1,), "fourth"), Rank.FIRST)
    taken = [waiting.take() for _ in range(5)]
    assert [plan and plan.origin for plan in taken] == ["fourth", "first", "third", "second", None]


def test_values_that_differ_have_other_fingerprints() -> None:
    """In their sum, hashes of neighbours made up for each other."""
    assert len({fingerprint((one, other)) for one in range(100) for other in range(100)}) == 10_000
    example = integers(1, 2)
    assert example.fingerprint_with(1, 12) == fingerprint((1, 12))


def test_what_is_not_permitted_does_not_wait() -> None:
    waiting = Waiting()
    assert not waiting.add_change(integers(1, lowest=0, highest=9), 0, 10, "kind", Plan((), "plan"), Rank.NEW)
    assert not waiting


def test_of_one_kind_no_more_than_some_wait() -> None:
    waiting = Waiting()
    added = [waiting.add_change(integers(1), 0, value, "kind", Plan((), ""), Rank.NEW) for value in range(2, 100)]
    assert added.count(True) == len(waiting) == 32


def climbed(example: Example, want: int, number: object) -> int | None:
    """Return how many examples it took until the number that the choices make up was met, None if it never was."""
    assert callable(number)
    steps: Generator[Values, climbing.Met, None] = climbing.climb(example, 1, want, number(*example.values), 0)
    values = next(steps)
    for tried in range(1, 200):
        found = number(*values)
        if found == want:
            return tried
        try:
            values = steps.send([compared("==", found, want)])
        except StopIteration:
            return None
    return None


def test_a_sum_of_choices_is_climbed() -> None:
    assert (climbed(integers(3, 4, 5), 123_456, lambda a, b, c: a + 100 * b - c) or 200) <= 10


def test_days_of_a_calendar_are_climbed_within_their_limits() -> None:
    def day(year: int, month: int, of_month: int) -> int:
        return year * 372 + month * 31 + of_month

    example = integers(1, 2, 3, lowest=0, highest=30)
    assert climbed(example, day(29, 11, 17), day) is not None


def test_a_climb_ends_where_no_choice_changes_the_number() -> None:
    assert climbed(integers(3, 4), 9, lambda *_: 5) is None


@pytest.mark.parametrize(
    ("size", "expected"), [(0, (0, 9)), (1, (0, 1, 9)), (3, (0, 1, 2, 3, 9)), (5, (0, 1, 2, 3, 3, 3, 9))]
)
def test_a_run_of_spans_is_resized(size: int, expected: tuple[int, ...]) -> None:
    example = integers(0, 1, 2, 3, 9)
    assert resized(example.values, example.spans[1:4], size) == expected


def test_the_choice_that_there_is_no_further_element_is_no_element() -> None:
    example = Example()
    for more in (True, True, False):
        example.begin_span(1)
        example.choices.append(Choice("boolean", {"p": 0.5}, more))
        if more:
            example.choices.append(Choice("boolean", {"p": 0.5}, True))
        example.end_span()
    example.end()
    assert [len(run) for run in example.siblings] == [2]


def test_fingerprints_tell_apart_what_is_equal_but_not_the_same() -> None:
    different: list[Values] = [(0.0,), (-0.0,), (0,), (False,), (FRESH,), ("",), (b"",), (0, 0), (0.0, 0)]
    assert len({fingerprint(values) for values in different}) == len(different)
    example = integers(1, 2)
    assert example.fingerprint_with(1, 5) == fingerprint((1, 5))


@pytest.mark.parametrize("text", ["", "a", "abab", "abc", "c", "aaaaaa"])
def test_a_text_fits_as_hypothesis_says_however_often_it_is_asked(text: str) -> None:
    constraints = {"intervals": IntervalSet.from_string("ab"), "min_size": 1, "max_size": 5}
    for _ in range(2):
        assert fits(text, Choice("string", constraints, "a")) == choice_permitted(text, constraints)


def test_a_value_fits_only_what_could_have_drawn_it() -> None:
    choice = integers(1, lowest=0, highest=9).choices[0]
    assert fits(5, choice)
    assert not fits(True, choice)
    assert not fits(10, choice)
    assert not fits("5", choice)


def test_the_first_to_meet_what_others_have_missed_is_known() -> None:
    place = Place()
    assert not meet(place, compared("subscript", "x", "key"), 1)
    assert meet(place, compared("subscript", "key", "key"), 2)
    assert not meet(place, compared("subscript", "key", "key"), 3)
    assert not meet(place, compared("subscript", "never missed", "never missed"), 4)


def test_words_are_found_in_tables_and_regular_expressions_wherever_a_module_holds_them() -> None:
    module = ModuleType("a_lexer")
    module.__file__ = "/somewhere/a_lexer.py"
    code = """
import re
RULES = [(r"<!--+", 1), ("BEGIN", 2)]
KEYS = {"select": {"nested": 1}}
class Parser:
    MARK = re.compile("%%[0-9]")
    search = re.compile("@{2}x").match
"""
    exec(code, vars(module))
    sys.modules["a_lexer"] = module
    try:
        found = words(Selection(["a_lexer"]))[str]
    finally:
        del sys.modules["a_lexer"]
    assert {"<!--", "BEGIN", "select", "nested", "%%0", "@@x"} <= set(found)
    assert "ValueError" not in found  # of __builtins__


def test_random_examples_make_up_for_large_ones() -> None:
    guidance = Guidance()

    def learn(text: str, times: int) -> None:
        for _ in range(times):
            example = Example()
            constraints = {"intervals": IntervalSet.from_string("ab"), "min_size": 0, "max_size": 5000}
            example.choices.append(Choice("string", constraints, text))
            example.end()
            guidance.learn(Plan((), "random" if len(text) < 9 else "mutation"), example, True, {})

    def planned() -> set[str]:
        return {guidance.plan(Random(number)).origin for number in range(20)}

    learn("ab", 5)
    assert planned() > {"random"}
    learn("ab" * 2000, 3)
    assert planned() == {"random"}
    learn("ab", 60)
    assert planned() > {"random"}


def test_a_rest_that_is_too_short_is_grown() -> None:
    found = [value for _, value in proposals(Sought("<", 2, 5, side=0, is_left=True), b"\x01\x05ab")]
    assert b"\x01\x05ab\x01\x05a" in found


def buffer(count: int, *entries: tuple[int, int, int, int]) -> memoryview:
    return memoryview(array("Q", [count, *(word for entry in entries for word in entry), 0, 0])).cast("B").cast("Q")


NUMBERS = (0x103, 1, 2, 10)
TEXTS = (0x20148, 1, 2, 11)
PAYLOAD = ((ord("a"), 0, 0, 0), (ord("b"), 0, 0, 0))


def test_records_come_once_each_and_with_their_payload() -> None:
    found = records(buffer(5, NUMBERS, TEXTS, *PAYLOAD, NUMBERS), 10, set())
    assert [(one.operand1, one.operand2) for one in map(comparison_of, found)] == [(1, 2), ("a", "b\0")]


def test_records_of_closed_places_are_left_out() -> None:
    found = records(buffer(5, NUMBERS, TEXTS, *PAYLOAD, NUMBERS), 10, {10})
    assert [comparison_of(one).pc for one in found] == [11]


@pytest.mark.parametrize(
    ("words", "most", "expected"),
    [
        (buffer(2**64 - 1, NUMBERS), 10, 1),  # word 0 is the user's
        (buffer(0, NUMBERS), 10, 0),
        (buffer(2, NUMBERS, NUMBERS), 0, 0),
        (buffer(2, NUMBERS, TEXTS), 10, 1),  # its payload is not there
        (buffer(4, NUMBERS, (0x30148, 1, 2, 11), *PAYLOAD), 10, 1),  # other entries than it says
        (buffer(4, NUMBERS, (0x20148, 2**64 - 1, 2**64 - 1, 11), *PAYLOAD), 10, 1),
    ],
)
def test_no_record_is_read_that_is_not_there(words: memoryview, most: int, expected: int) -> None:
    assert len(records(words, most, set())) == expected


def test_a_buffer_without_a_word_is_refused() -> None:
    with pytest.raises(ValueError, match="one word"):
        records(memoryview(b""), 1, set())
