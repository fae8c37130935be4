"""Of programs with a race, the report names the two accesses whose order makes a run fail."""

from collections.abc import Callable
from pathlib import Path

import pytest
from races import RACES, Race
from scheduling import alternating, one_after_the_other

import pykcov
from pykcov.interleavings import Pair, Seen


def pairs_seen(kind: type[Race], way: Callable[[Race, bool], None], swapped: bool) -> tuple[bool, list[Pair]]:
    """Return whether a run went well, and its pairs."""
    with pykcov.trace("accesses", follow=True, include=["races"]) as trace:
        race = kind()
        way(race, swapped)
    assert trace.dropped == 0
    return race.is_right(), trace.interleavings()


@pytest.mark.parametrize("kind", RACES)
def test_the_interleaving_that_fails_is_the_one_that_no_passing_run_had(kind: type[Race], tmp_path: Path) -> None:
    seen = Seen(tmp_path / "seen")
    failed: list[Pair] = []
    for way in (one_after_the_other, alternating):
        for swapped in (False, True):
            is_right, pairs = pairs_seen(kind, way, swapped)
            seen.add(pairs, failed=not is_right)
            failed = failed or ([] if is_right else pairs)
    named = [pair for pair in failed if not seen.has_passed(pair)]
    assert any(
        all(
            place.operation == operation and text in place.text
            for place, (operation, text) in zip((pair.before, pair.after), kind.failing, strict=True)
        )
        for pair in named
    )


def test_there_are_twelve() -> None:
    assert len(set(RACES)) == 12
