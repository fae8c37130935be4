"""The model says what the vectors say; what checks it can also say no."""

from pathlib import Path

import pytest
import vectors
from model_system import ModelSystem

DATA = Path(__file__).parents[1] / "data"


def check(sequence: vectors.Sequence) -> list[vectors.Difference]:
    return vectors.check(sequence, ModelSystem(sequence["groups"]))


@pytest.mark.parametrize("name", ["core", "fixed"])
def test_the_model_answers_every_vector(name: str) -> None:
    sequences = 0
    for sequence in vectors.read(DATA / f"{name}.jsonl.gz"):
        sequences += 1
        assert check(sequence) == []
    assert sequences == 2500


TRACE: vectors.Sequence = {
    "id": 7,
    "groups": [0, 0],
    "steps": [
        {"op": "open", "t": 0, "u": 0},
        {"op": "setbuf", "t": 0, "u": 0, "n": 6},
        {"op": "rattach", "t": 0, "u": 0, "sub": 0, "id": 0},
        {"op": "enable", "t": 0, "u": 0, "m": "pc"},
        {"op": "enter", "t": 1, "h": [0, "G0"]},
        {"op": "pc", "t": 1, "s": 4, "d": [[0, 0, [1, "p4"]]]},
        {"op": "disable", "t": 0, "u": 0, "r": "blocked"},
        {"op": "leave", "t": 1, "h": [0, "G0"], "done": [[6, "ok"]]},
    ],
    "final": {
        "dev": {"0": ["ready", "none", 5, [0, "G0"], 0]},
        "thr": [None, None],
        "intr": [],
        "rem": [[0, "G0", "ready", 0, 0]],
        "live": [1, 1],
        "blocked": [],
    },
}


def test_a_right_vector_has_no_difference() -> None:
    assert check(TRACE) == []


@pytest.mark.parametrize(
    ("step", "change", "where"),
    [
        (0, {"r": "EBUSY"}, "answer to"),
        (5, {"d": [[0, 0, [1, "p5"]]]}, "word 1 of"),
        (5, {"d": []}, "word 0 of"),
        (6, {"r": "ok"}, "answer to"),
        (7, {"done": []}, "answers of earlier steps"),
        (7, {"done": [[6, "ENXIO"]]}, "answers of earlier steps"),
    ],
)
def test_a_wrong_step_is_a_difference(step: int, change: vectors.Step, where: str) -> None:
    steps = [*TRACE["steps"]]
    steps[step] = steps[step] | change
    (difference,) = check(TRACE | {"steps": steps})
    assert difference.step == step
    assert difference.what.startswith(where)


@pytest.mark.parametrize(
    "change",
    [
        {"dev": {"0": ["ready", "none", 5, [0, "G0"], 1]}},
        {"dev": {}},
        {"thr": [None, 0]},
        {"intr": [1]},
        {"rem": []},
        {"live": [2, 1]},
        {"blocked": [6]},
    ],
)
def test_a_wrong_end_is_a_difference(change: dict[str, object]) -> None:
    (difference,) = check(TRACE | {"final": TRACE["final"] | change})
    assert difference.step is None
