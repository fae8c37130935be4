"""The file that keeps which pairs earlier runs have seen."""

import json
import threading
from pathlib import Path

import pytest

from pykcov.interleavings import Pair, Place, Seen, SeenError


def pair(before: int, after: int) -> Pair:
    first, second = (Place(pc, "a.py", 1, "f", "read", "x") for pc in (before, after))
    return Pair(first, second, 1)


def test_what_was_saved_is_not_new_to_the_next_run(tmp_path: Path) -> None:
    seen = Seen(tmp_path / "seen")
    assert seen.add([pair(1, 2), pair(2, 1)]) == [pair(1, 2), pair(2, 1)]
    assert seen.add([pair(1, 2)]) == []
    seen.save()
    again = Seen(tmp_path / "seen")
    assert len(again) == 2
    assert again.add([pair(1, 2), pair(1, 1)]) == [pair(1, 1)]


def test_pairs_of_failed_runs_only_have_not_passed_until_a_run_with_them_does(tmp_path: Path) -> None:
    seen = Seen(tmp_path / "seen")
    seen.add([pair(1, 2)], failed=True)
    assert pair(1, 2) in seen
    assert not seen.has_passed(pair(1, 2))
    seen.save()
    again = Seen(tmp_path / "seen")
    assert not again.has_passed(pair(1, 2))
    again.add([pair(1, 2)])
    assert again.has_passed(pair(1, 2))


def test_runs_at_the_same_time_add_to_one_file(tmp_path: Path) -> None:
    runs = [Seen(tmp_path / "seen") for _ in range(8)]
    for number, run in enumerate(runs):
        run.add([pair(0, 0), pair(1, number)])
    threads = [threading.Thread(target=run.save) for run in runs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert json.loads((tmp_path / "seen").read_text())["pairs"]["0-0"] == [8, 0]
    assert len(Seen(tmp_path / "seen")) == 9


@pytest.mark.parametrize(
    "content",
    [
        "",
        "[]",
        "{}",
        '{"format": "another", "pairs": {}}',
        '{"format": "pykcov interleavings 1"}',
        '{"format": "pykcov interleavings 1", "pairs": {"1-2": [1]}}',
        '{"format": "pykcov interleavings 1", "pairs": {"1-2": [-1, 0]}}',
        "[" * 100_000,
        "\xff",
    ],
)
def test_a_file_of_something_else_is_refused_and_left_alone(content: str, tmp_path: Path) -> None:
    path = tmp_path / "seen"
    path.write_text(content, encoding="latin-1")
    with pytest.raises(SeenError, match="seen"):
        Seen(path)
    assert path.read_text(encoding="latin-1") == content
