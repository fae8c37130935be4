"""What hits of places say is united in C: it is what traces.arcs.arcs_of() says of the same places, one by one."""

from array import array

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pykcov._implied import Implied
from pykcov.coverage.contexts import Ran
from pykcov.coverage.masks import arcs_in, bytes_of, numbers_of
from pykcov.traces.arcs import LINE_MAX, arcs_of
from pykcov.traces.registered import Site, pack

_BASE = 1 << 47 | 5
_LINES = st.integers(0, 40)
_SITES = st.lists(
    st.tuples(st.lists(_LINES, max_size=4), st.lists(st.tuples(st.integers(-9, 40), st.integers(-9, 40)), max_size=4)),
    min_size=1,
    max_size=12,
)


def _site(offset: int, lines: list[int], arcs: list[tuple[int, int]]) -> Site:
    return offset, 1, 1, 0, 0, tuple(lines), 0, 0, tuple(arcs), ((1, 0, 1, 1, 0),) * (offset % 2)


@given(st.lists(_SITES, max_size=3), st.data())
def test_places_say_what_each_of_them_says(
    files: list[list[tuple[list[int], list[tuple[int, int]]]]], data: st.DataObject
) -> None:
    rows = []
    codes = []
    for number, places in enumerate(files):
        base = _BASE + number
        numbers = pack([_site(offset, *place) for offset, place in enumerate(places)])
        codes.append([((base,), numbers, len(places))])
        rows += [(base << 16 | offset, str(number), *place) for offset, place in enumerate(places)]
    implied = Implied(codes, True)
    hit = data.draw(st.lists(st.sampled_from(rows), max_size=20)) if rows else []
    raw = array("Q", [pc for pc, *_ in hit] + [7]).tobytes()
    found = {
        str(number): (set(numbers_of(int.from_bytes(lines, "little"))), _arcs(implied, number, arcs))
        for number, lines, arcs in implied.of(raw)
    }
    expected = arcs_of((file, lines, arcs) for _, file, lines, arcs in hit)
    ran = {file: {line for _, name, lines, _ in hit if name == file for line in lines if line} for file in expected}
    assert found == {file: (lines, expected[file]) for file, lines in ran.items() if lines}
    assert implied.unknown(raw) == [7]


def _arcs(implied: Implied, number: int, arcs: bytes) -> list[tuple[int, int]]:
    known = arcs_in(implied.arcs(number))
    return sorted(known[bit] for bit in numbers_of(int.from_bytes(arcs, "little")))


def test_numbers_that_no_source_has_are_no_lines() -> None:
    sites = [_site(0, [3, 2**31 - 1], [(3, LINE_MAX + 1), (3, -1)])]
    implied = Implied([[((_BASE,), pack(sites), 1)]], True)
    ((_, lines, arcs),) = implied.of(array("Q", [_BASE << 16]).tobytes())
    assert numbers_of(int.from_bytes(lines, "little")) == [3]
    assert _arcs(implied, 0, arcs) == [(3, -1)]


@pytest.mark.parametrize(
    "code",
    [
        ((), pack([_site(0, [1], [])]), 1),
        ((5,), array("i", [0] * 8), 1),
        ((5,), array("i", [0, 0, 0, 0, 0, 99, 0, 0, 0]), 1),
        5,
    ],
)
def test_what_is_no_code_is_refused(code: object) -> None:
    with pytest.raises((ValueError, TypeError)):
        Implied([[code]], True)  # type: ignore[list-item]


def test_there_is_no_file_of_another_number() -> None:
    with pytest.raises(IndexError):
        Implied([[]], True).arcs(1)


def test_processes_that_know_other_arcs_are_merged() -> None:
    one = Ran(contexts={"a": {"f": 2}}, arcs={"a": {"f": 0b10}}, known_arcs={"f": bytes_of([(1, 2), (1, 3)])})
    other = Ran(
        contexts={"a": {"f": 2}, "b": {"f": 2}},
        arcs={"a": {"f": 0b01}, "b": {"f": 0b11}},
        known_arcs={"f": bytes_of([(1, 4), (1, 3)])},
    )
    one.merge(Ran.loads(other.dumps()))
    known = arcs_in(one.known_arcs["f"])
    ran = {name: {known[bit] for bit in numbers_of(arcs["f"])} for name, arcs in one.arcs.items()}
    assert ran == {"a": {(1, 3), (1, 4)}, "b": {(1, 3), (1, 4)}}
