"""Observability files and explanations, with lines from probes: as Hypothesis writes them itself."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

WORK = """
import threading


def steps(number):
    total = 0
    for one in range(number % 7):
        total += one
    if number > 100:
        total += 1
    else:
        total -= 1
    try:
        if number % 3 == 0:
            raise KeyError(number)
        total += 2
    except KeyError:
        total -= 2
    return total


def in_a_thread(number):
    thread = threading.Thread(target=steps, args=(number,))
    thread.start()
    thread.join()
"""
TESTS = """
from hypothesis import Phase, given, settings, strategies as st
import work

@settings(max_examples=25, database=None)
@given(st.integers())
def test_steps(number):
    work.steps(number)

@settings(max_examples=25, database=None)
@given(st.integers(), st.integers())
def test_failing(one, two):
    result = work.steps(one)
    if one > 1000:
        result = None
    assert result is not None

@settings(max_examples=10, database=None)
@given(st.integers())
def test_in_a_thread(number):
    work.in_a_thread(number)
"""

OBSERVED = {"HYPOTHESIS_EXPERIMENTAL_OBSERVABILITY": "1"}
WITHOUT_US = {**OBSERVED, "HYPOTHESIS_NO_PLUGINS": "1"}


def run(folder: Path, name: str, environment: dict[str, str], *options: str) -> tuple[list[dict[str, Any]], str]:
    """Return the observations, and the output."""
    folder.mkdir()
    (folder / "work.py").write_text(WORK)
    (folder / "test_it.py").write_text(TESTS)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--hypothesis-seed=1", *options]
    done = subprocess.run(
        [*command, f"test_it.py::{name}"],
        cwd=folder,
        env=os.environ | environment,
        capture_output=True,
        text=True,
        check=False,
    )
    files = folder.glob(".hypothesis/observed/*cases.jsonl")
    lines = [line for file in files for line in file.read_text().splitlines()]
    return [json.loads(line) for line in lines], done.stdout


def covered(observations: list[dict[str, Any]]) -> list[tuple[str, dict[str, list[int]]]]:
    """Return what each example was, and its lines, by the names of the files.

    Without the line behind a test's first one, which is that of a function of Hypothesis with a borrowed name.
    """
    return [
        (
            one["representation"],
            {
                Path(file).name: [line for line in lines if (Path(file).name, line) != ("test_it.py", 6)]
                for file, lines in (one["coverage"] or {}).items()
            },
        )
        for one in observations
    ]


def test_lines_are_those_that_hypothesis_traces(tmp_path: Path) -> None:
    own, _ = run(tmp_path / "own", "test_steps", WITHOUT_US)
    ours, _ = run(tmp_path / "ours", "test_steps", OBSERVED)
    expected = dict(covered(own))
    # Not all are the same: Hypothesis draws constants of modules, of which there are more.
    both = {example: lines for example, lines in covered(ours)[1:] if example in expected}
    assert len(both) >= 10
    assert both == {example: expected[example] for example in both}


def test_the_explain_phase_says_the_same(tmp_path: Path) -> None:
    own, own_output = run(tmp_path / "own", "test_failing", WITHOUT_US)
    ours, our_output = run(tmp_path / "ours", "test_failing", OBSERVED)
    assert "or any other generated value" in own_output
    explained = [
        re.split("Failing test case|Falsifying example", output)[1].partition("=====")[0].replace(folder, "/")
        for folder, output in (("/own/", own_output), ("/ours/", our_output))
    ]
    assert explained[0] == explained[1]
    assert [one["coverage"] for one in ours].count(None) == [one["coverage"] for one in own].count(None)


@pytest.mark.parametrize("options", [(), ("--hypothesis-profile=pykcov",), ("--pykcov",)])
def test_lines_are_there_with_the_backend_and_in_a_traced_run(tmp_path: Path, options: tuple[str, ...]) -> None:
    ours, output = run(tmp_path / "ours", "test_steps", OBSERVED, *options)
    assert "1 passed" in output
    assert {name for _, lines in covered(ours) for name in lines} >= {"test_it.py", "work.py"}


def test_lines_that_an_example_causes_in_a_thread_are_there(tmp_path: Path) -> None:
    ours, _ = run(tmp_path / "ours", "test_in_a_thread", OBSERVED)
    assert all(len(lines["work.py"]) > 8 for _, lines in covered(ours)[1:])  # the first is traced


def test_pykcov_is_not_imported_without_observations() -> None:
    code = (
        "import sys; from hypothesis import given, strategies as st;"
        "given(st.integers())(lambda number: None)();"
        "print([name for name in sys.modules if name.split('.')[0] == 'pykcov'])"
    )
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert shown == "[]\n"
