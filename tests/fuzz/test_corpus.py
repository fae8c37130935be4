"""Corpora: the smallest part that reaches as much, merging, and what each input adds."""

import os
import resource
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest
from fuzzing import HEAD, TAIL
from hypothesis import given
from hypothesis import strategies as st

from pykcov.cli import exit_code_of
from pykcov.fuzz.corpus import Coverage, Reached, smallest, together

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


def test_names_of_files_may_be_anything(harness: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    own = corpus(tmp_path / "own", [])
    for name in (b"no\xfftext", b"two\nlines", b"[bold]x"):
        (own / os.fsdecode(name)).write_bytes(name)
    assert exit_code_of(["corpus", "coverage", str(harness), str(own), "--html", str(tmp_path / "html")]) == 0
    names = {line.split()[0] for line in capsys.readouterr().out.splitlines() if line.startswith("  ")}
    assert names == {"Input", "no\\udcfftext", "two\\nlines", "[bold]x"}


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


def test_what_an_input_ends_the_process_with_is_named(
    harness: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    harness.write_text(HARNESS.replace("raise KeyError", "import os; os._exit(3)"))
    own = corpus(tmp_path / "own", [b"ab", b"!", b"a"])
    assert exit_code_of(["corpus", "coverage", str(harness), str(own)]) == 2
    assert "with exit code 3, with " + str(own / "input1") in capsys.readouterr().err


ODD = [b"ab" + bytes([10, number % 256, number // 256]) for number in range(3000)]


@pytest.mark.parametrize("command", ["minimize", "merge", "coverage"])
def test_a_corpus_that_no_command_line_would_hold(
    harness: Path, tmp_path: Path, command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    big = corpus(tmp_path / "a folder whose long name comes with each of the files\n", [*ODD, b"x", b"a"])
    small = tmp_path / "small"
    words = {
        "minimize": [str(big), str(small)],
        "merge": [str(small), str(big)],
        "coverage": [str(big), "--html", str(tmp_path / "html")],
    }[command]
    with few_descriptors():
        assert exit_code_of(["corpus", command, str(harness), *words]) == 0
    if command == "coverage":
        assert "3002 inputs reach" in capsys.readouterr().out
        page = next((tmp_path / "html").glob("*harness_py.html"))
        assert page.stat().st_size < 100_000  # of each location only some of the inputs are named
    else:
        assert len(contents(small)) == 3


@contextmanager
def few_descriptors() -> Iterator[None]:
    """As many as a shell gives to a user, at most; the other process inherits it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (100, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@given(st.lists(st.tuples(st.integers(0, 50), st.integers(0, 2**12 - 1)), max_size=12))
def test_the_smallest_part_reaches_all_and_nothing_in_it_is_superfluous(rows: list[tuple[int, int]]) -> None:
    inputs = [Reached(Path(str(number)), size, places) for number, (size, places) in enumerate(rows)]
    chosen = smallest(inputs)
    assert together(chosen) == together(inputs)
    for one in chosen:
        assert together(other for other in chosen if other is not one) != together(inputs)


@given(st.lists(st.tuples(st.integers(0, 50), st.integers(0, 2**12 - 1)), max_size=12))
def test_what_only_one_input_reaches(rows: list[tuple[int, int]]) -> None:
    inputs = [Reached(Path(str(number)), size, places) for number, (size, places) in enumerate(rows)]
    expected = sum(1 << bit for bit in range(12) if sum(one.places >> bit & 1 for one in inputs) == 1)
    assert Coverage(inputs, [], {}, [], set()).only_here() == expected
