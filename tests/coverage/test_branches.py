"""Branches: reports and data files show what those of `coverage run --branch` show."""

import importlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from coverage import CoverageData

import pykcov
from pykcov.traces.arcs import ArcsError
from pykcov.traces.tracefile import TraceFile

PROGRAM = """
import sys

def one_line(x): return x

def conditions(x):
    if x and (x > 2 or
              x < 0):
        x += 1
    elif x: x -= 1
    return x if x else None

def loops(n):
    for i in range(n):
        if i == 2:
            continue
        if i == 5:
            break
        one_line(i)
    else:
        n = 0
    while n:
        n -= 1
        if n == 7: return n

def leaves(x):
    if x.missing:
        one_line(x)

def cleaned_up(x):
    try:
        for y in x:
            one_line(y)
    finally:
        if x:
            one_line(x)
    with open(__file__) as file:
        if x == [1]:
            file.read()

def matched(x):
    match x:
        case [1, y] if y:
            return y
        case {"a": 1}:
            return 1
        case _:
            pass

def generated(n):
    for i in range(n):
        if i % 2:
            yield i

class Body:
    if sys.argv:
        a = 1
    else:
        a = 2

def test_all():
    one_line(1)
    conditions(3); conditions(1)
    loops(4); loops(8)
    for wrong in (leaves, cleaned_up):
        try:
            wrong(3)
        except (AttributeError, TypeError):
            pass
    cleaned_up([1])
    matched([1, 2]); matched({"b": 1})
    list(generated(3))
    next(generated(9))

if __name__ == "__main__":
    test_all()
"""
ENVIRONMENT = {**os.environ, "COVERAGE_CORE": "ctrace" if find_spec("coverage.tracer") else "pytrace"}
KINDS = ("executed_lines", "missing_lines", "executed_branches", "missing_branches")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "test_program.py").write_text(PROGRAM)
    return tmp_path


def run(folder: Path, *words: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", *words], cwd=folder, env=ENVIRONMENT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def shown(file: Path) -> dict[str, Any]:
    found = json.loads(file.read_text())["files"]["test_program.py"]
    return {kind: found[kind] for kind in KINDS}


def by_coverage(folder: Path) -> dict[str, Any]:
    run(folder, "coverage", "run", "--branch", "test_program.py")
    run(folder, "coverage", "json", "-o", "theirs.json")
    return shown(folder / "theirs.json")


def test_a_trace_has_the_branches_of_coverage(folder: Path) -> None:
    run(folder, "pykcov", "run", "--branch", "test_program.py")
    run(folder, "pykcov", "report", "--format", "json", "-o", "ours.json")
    ours = shown(folder / "ours.json")
    assert ours == by_coverage(folder)
    assert len(ours["executed_branches"]) > 20
    assert len(ours["missing_branches"]) > 5


@pytest.mark.parametrize("format", ["xml", "lcov", "html"])
def test_every_format_has_branches(folder: Path, format: str) -> None:
    run(folder, "pykcov", "run", "--branch", "test_program.py")
    run(folder, "pykcov", "report", "--format", format, "-o", "out")
    out = folder / "out"
    text = "".join(file.read_text() for file in out.glob("*.html")) if out.is_dir() else out.read_text()
    assert {"xml": 'branch="true"', "lcov": "BRDA:", "html": 'class="par run show_par"'}[format] in text


def test_each_test_has_the_branches_of_coverage(folder: Path) -> None:
    expected = by_coverage(folder)
    run(folder, "pytest", "-q", "-p", "no:cacheprovider", "--pykcov", "--pykcov-branch", "test_program.py")
    data = CoverageData(str(folder / ".coverage"))
    data.read()
    assert data.has_arcs()
    assert "test_program.py::test_all" in data.measured_contexts()
    run(folder, "coverage", "json", "-o", "ours.json")
    ours = shown(folder / "ours.json")
    # Only as a script does it run what is below `if __name__`.
    assert {tuple(arc) for arc in ours["executed_branches"]} ^ {
        tuple(arc) for arc in expected["executed_branches"]
    } == {
        (PROGRAM.count("\n") - 1, PROGRAM.count("\n")),
        (PROGRAM.count("\n") - 1, -1),
    }


BRANCHING = """
def branching(x):
    if x:
        return 1
    return 2
"""


@pytest.fixture
def branching(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    """A module of its own: what has probes once keeps them, and other tests want none in theirs."""
    (tmp_path / "branching_of_a_test.py").write_text(BRANCHING.lstrip())
    monkeypatch.syspath_prepend(tmp_path)
    yield importlib.import_module("branching_of_a_test")
    del sys.modules["branching_of_a_test"]


def test_a_trace_tells_arcs(branching: ModuleType) -> None:
    with pykcov.trace(granularity="arc", include=[branching.__name__]) as trace:
        branching.branching(0)
    assert trace.arcs() == {branching.__file__: [(-1, 2), (2, 4), (4, -1)]}


def test_arcs_of_lines_alone_are_refused(branching: ModuleType) -> None:
    with pykcov.trace(include=[branching.__name__]) as trace:
        branching.branching(1)
    with pytest.raises(ArcsError, match="granularity 'arc', not with 'line'"):
        trace.arcs()
    with pytest.raises(ArcsError):
        TraceFile(granularity="block").arcs()


@pytest.mark.parametrize("words", [("--granularity", "line"), ("--mode", "cmp")])
def test_branches_of_what_has_none_are_refused(folder: Path, words: tuple[str, str]) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "pykcov", "run", "--branch", *words, "test_program.py"],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert f"--branch and {' '.join(words)} exclude each other" in done.stderr
    assert not (folder / "pykcov.npz").exists()


def test_the_tool_that_compares_test_suites_starts() -> None:
    tool = Path(__file__).parents[2] / "tools" / "pytest_branches.py"
    done = subprocess.run([sys.executable, tool, "--help"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "click" in done.stdout
