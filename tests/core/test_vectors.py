"""The core answers every vector, with one real thread for each thread of the sequence."""

import gzip
import json
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.timeout(1800)

ROOT = Path(__file__).parents[2]
TOOL = ROOT / "tools" / "replay_vectors.py"
DATA = ROOT / "tests" / "data"


def replay(*arguments: str | Path) -> "subprocess.CompletedProcess[str]":
    return subprocess.run([sys.executable, TOOL, "--jobs=1", *arguments], capture_output=True, text=True, check=False)


@pytest.mark.parametrize("name", ["core", "fixed"])
def test_the_core_answers_every_vector(name: str) -> None:
    done = replay(DATA / f"{name}.jsonl.gz")
    assert done.stdout.splitlines()[-1].endswith("differences=0"), done.stdout + done.stderr
    assert done.stdout.splitlines()[-1].startswith("sequences=2500 ")
    assert done.returncode == 0


SEQUENCE = {
    "id": 5,
    "groups": [0],
    "steps": [
        {"op": "open", "t": 0, "u": 0},
        {"op": "setbuf", "t": 0, "u": 0, "n": 4},
        {"op": "enable", "t": 0, "u": 0, "m": "pc"},
        {"op": "pc", "t": 0, "s": 1, "x": 9, "d": [[0, 0, [3, "p1", "p1", "p1"]]]},
    ],
    "final": {
        "dev": {"0": ["trace", "pc", 3, None, 6]},
        "thr": [0],
        "intr": [],
        "rem": [],
        "live": [1, 0],
        "blocked": [],
    },
}


def write(path: Path, *sequences: dict[str, object]) -> Path:
    text = "".join(json.dumps(sequence) + "\n" for sequence in sequences)
    if path.suffix == ".gz":
        path.write_bytes(gzip.compress(text.encode()))
    else:
        path.write_text(text)
    return path


@pytest.mark.parametrize("name", ["one.jsonl", "one.jsonl.gz"])
def test_a_vector_that_is_right_has_no_difference(tmp_path: Path, name: str) -> None:
    done = replay(write(tmp_path / name, SEQUENCE))
    assert (done.stdout, done.returncode) == ("sequences=1 steps=4 differences=0\n", 0)


def test_every_difference_is_shown_and_the_exit_status_says_so(tmp_path: Path) -> None:
    wrong_answer = SEQUENCE | {"id": 6, "steps": [{"op": "open", "t": 0, "u": 0, "r": "EBUSY"}]}
    wrong_end = SEQUENCE | {"id": 7, "final": {**SEQUENCE["final"], "live": [2, 0]}}  # type: ignore[dict-item]
    done = replay(write(tmp_path / "three.jsonl", SEQUENCE, wrong_answer, wrong_end))
    first, second, last = done.stdout.splitlines()
    assert first.startswith("sequence 6, step 0: ")
    assert first.endswith("expected EBUSY, got ok")
    assert second == "sequence 7, final: live: expected [2, 0], got [1, 0]"
    assert last == "sequences=3 steps=9 differences=2"
    assert done.returncode == 1


def test_one_sequence_can_be_chosen(tmp_path: Path) -> None:
    file = write(tmp_path / "two.jsonl", SEQUENCE, SEQUENCE | {"id": 6})
    assert replay("--only=6", file).stdout == "sequences=1 steps=4 differences=0\n"


def test_no_sequence_at_all_is_not_a_success(tmp_path: Path) -> None:
    assert replay(write(tmp_path / "empty.jsonl")).returncode == 1


def test_a_file_that_is_not_vectors_is_said(tmp_path: Path) -> None:
    (tmp_path / "not.jsonl").write_text("no vector\n")
    done = replay(tmp_path / "not.jsonl")
    assert done.returncode == 2
    assert "line 1 of" in done.stderr
    assert "Traceback" not in done.stderr
