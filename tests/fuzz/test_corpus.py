"""Corpora: the smallest part that reaches as much, merging, and what each input adds."""

from collections.abc import Sequence
from pathlib import Path

import pytest
from fuzzing import HEAD, TAIL
from hypothesis import given
from hypothesis import strategies as st

from pykcov.cli import exit_code_of
from pykcov.fuzz.corpus import Reached, smallest

HARNESS = (
    HEAD
    + """
@atheris.instrument_func
def TestOneInput(data):
    if data[:1] == b"a":
        if data[1:2] == b"b":
            return 2
        return 1
    if data[:1] == b"!":
        raise KeyError
"""
    + TAIL
)


@pytest.fixture
def harness(tmp_path: Path) -> Path:
    path = tmp_path / "harness.py"
    path.write_text(HARNESS)
    return path


def corpus(folder: Path, inputs: Sequence[bytes]) -> Path:
    folder.mkdir()
    for number, data in enumerate(inputs):
        (folder / f"input{number}").write_bytes(data)
    return folder


def contents(folder: Path) -> list[bytes]:
    return sorted(path.read_bytes() for path in folder.iterdir())


def test_minimize_keeps_the_small_ones_that_reach_all(harness: Path, tmp_path: Path) -> None:
    big = corpus(tmp_path / "big", [b"ab", b"ab and more", b"a", b"a long one", b"x", b"another x", b"ab"])
    assert exit_code_of(["corpus", "minimize", str(harness), str(big), str(tmp_path / "small")]) == 0
    assert contents(tmp_path / "small") == [b"a", b"ab", b"x"]


def test_minimize_does_not_mix_with_what_is_there(
    harness: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    big = corpus(tmp_path / "big", [b"ab"])
    assert exit_code_of(["corpus", "minimize", str(harness), str(big), str(big)]) == 2
    assert "is not empty" in capsys.readouterr().err


def test_merge_adds_only_what_reaches_something_new(
    harness: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    own = corpus(tmp_path / "own", [b"ab"])
    other = corpus(tmp_path / "other", [b"abc", b"a", b"aa", b"!"])
    assert exit_code_of(["corpus", "merge", str(harness), str(own), str(other)]) == 0
    assert contents(own) == [b"!", b"a", b"ab"]
    assert "2 inputs added" in capsys.readouterr().out


def test_coverage_says_what_each_input_adds_and_raises(
    harness: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    own = corpus(tmp_path / "own", [b"ab", b"!"])
    assert exit_code_of(["corpus", "coverage", str(harness), str(own), "--html", str(tmp_path / "html")]) == 0
    rows = {
        line.split()[0]: line.split() for line in capsys.readouterr().out.splitlines() if line.startswith("  input")
    }
    assert rows["input1"][-1] == "KeyError"
    assert int(rows["input0"][3]) > 0
    page = next((tmp_path / "html").glob("*harness_py.html")).read_text()
    assert "input1" in page


def test_an_empty_corpus_and_a_harness_that_fails_are_told(
    harness: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    own = corpus(tmp_path / "own", [])
    assert exit_code_of(["corpus", "coverage", str(harness), str(own)]) == 2
    assert "there is no input" in capsys.readouterr().err
    harness.write_text("raise KeyError\n")
    (own / "one").write_bytes(b"a")
    assert exit_code_of(["corpus", "coverage", str(harness), str(own)]) == 2
    assert "the harness ended early" in capsys.readouterr().err


@given(st.lists(st.tuples(st.integers(0, 50), st.frozensets(st.integers(0, 12))), max_size=12))
def test_the_smallest_part_reaches_all_and_nothing_in_it_is_superfluous(rows: list[tuple[int, frozenset[int]]]) -> None:
    inputs = [Reached(Path(str(number)), size, places) for number, (size, places) in enumerate(rows)]
    chosen = smallest(inputs)
    everything = frozenset[int]().union(*(one.places for one in inputs))
    assert frozenset[int]().union(*(one.places for one in chosen)) == everything
    for one in chosen:
        assert frozenset[int]().union(*(other.places for other in chosen if other is not one)) != everything
