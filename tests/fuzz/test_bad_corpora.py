"""What is not a corpus, or no file of one, does not stop `pykcov fuzz` silently."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from fuzzing import Ran, fuzz, write_harness


def run(folder: Path, *words: str) -> Ran:
    write_harness(
        folder,
        """
        @atheris.instrument_func
        def TestOneInput(data):
            if data[:1] == b"a":
                pass
        """,
    )
    return fuzz(folder, "harness.py", "-seed=1", *words)


def unreadable(path: Path) -> None:
    path.write_bytes(b"x")
    path.chmod(0)


def huge(path: Path) -> None:
    path.touch()
    os.truncate(path, 300 << 20)  # a hole


@pytest.mark.parametrize(
    "make",
    [
        unreadable,
        lambda path: path.symlink_to("nowhere"),
        lambda path: os.mkfifo(path),
        lambda path: path.mkdir(),
        lambda path: path.touch(),
        huge,
    ],
    ids=["unreadable", "dangling link", "fifo", "folder", "empty", "huge"],
)
def test_the_other_inputs_of_a_corpus_are_run(tmp_path: Path, make: Callable[[Path], object]) -> None:
    (tmp_path / "corpus").mkdir()
    (tmp_path / "corpus" / "good").write_bytes(b"a")
    make(tmp_path / "corpus" / "odd")
    ran = run(tmp_path, "-runs=500", "corpus")
    assert ran.code == 0, ran.output
    assert ran.executions == 500
    assert not ran.findings


def test_an_empty_corpus_takes_what_is_found(tmp_path: Path) -> None:
    (tmp_path / "corpus").mkdir()
    ran = run(tmp_path, "-runs=20000", "corpus")
    assert ran.code == 0, ran.output
    assert b"a" in [path.read_bytes()[:1] for path in (tmp_path / "corpus").iterdir()]


def test_a_file_in_the_place_of_a_corpus_is_an_input_to_run(tmp_path: Path) -> None:
    (tmp_path / "input").write_bytes(b"a")
    ran = run(tmp_path, "input")
    assert ran.code == 0, ran.output
    assert f"Executed {tmp_path / 'input'} in " in ran.output
    assert ran.executions > 0


def test_a_corpus_that_is_not_there_is_named(tmp_path: Path) -> None:
    ran = run(tmp_path, "nowhere")
    assert ran.code == 1, ran.output
    assert f'ERROR: The required directory "{tmp_path}/nowhere" does not exist' in ran.output
