"""`pytest --pykcov --pykcov-conditions`: which test saw which condition true, which false, and which decided."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

LIBRARY = "def allowed(a, b, c):\n    if (a or b) and c:\n        return 1\n    return 0\n"
TESTS = """
from lib import allowed

def test_one():
    assert allowed(1, 0, 1)

def test_two():
    assert not allowed(0, 1, 0)
"""


def run(folder: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run([sys.executable, "-m", *arguments], cwd=folder, capture_output=True, text=True, check=False)


def record(folder: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    (folder / "lib.py").write_text(LIBRARY)
    (folder / "test_lib.py").write_text(TESTS)
    return run(folder, "pytest", "-q", "-p", "no:cacheprovider", "--pykcov=lib", *arguments, "test_lib.py")


def conditions(folder: Path) -> dict[str, dict[str, Any]]:
    done = run(folder, "pykcov", "report", "--mcdc", "--format", "json", "-o", "-", ".coverage")
    assert done.returncode == 0, done.stderr
    (decision,) = json.loads(done.stdout)["files"]["lib.py"]["conditions"]
    return {one["source"]: one for one in decision["conditions"]}


def test_conditions_are_those_of_each_test(tmp_path: Path) -> None:
    done = record(tmp_path, "--pykcov-conditions")
    assert done.returncode == 0, done.stdout
    found = conditions(tmp_path)
    one, two = ["test_lib.py::test_one"], ["test_lib.py::test_two"]
    assert (found["a"]["true"], found["a"]["false"], found["a"]["decided_true"]) == (one, two, one)
    assert (found["b"]["true"], found["b"]["decided_true"]) == (two, [])
    assert (found["c"]["decided_true"], found["c"]["decided_false"]) == (one, two)


def test_conditions_of_an_earlier_run_stay(tmp_path: Path) -> None:
    assert record(tmp_path, "--pykcov-mcdc", "-k", "one").returncode == 0
    assert record(tmp_path, "--pykcov-mcdc", "-k", "two", "--pykcov-append").returncode == 0
    found = conditions(tmp_path)
    assert (found["a"]["true"], found["a"]["false"]) == (["test_lib.py::test_one"], ["test_lib.py::test_two"])


def test_a_data_file_without_conditions_is_refused(tmp_path: Path) -> None:
    assert record(tmp_path, "--pykcov-branch").returncode == 0
    done = run(tmp_path, "pykcov", "report", "--conditions", ".coverage")
    assert (done.returncode, done.stdout) == (2, "")
    assert ".coverage: holds no conditions: " in done.stderr


@pytest.mark.parametrize("granularity", ["line", "block", "arc"])
def test_conditions_need_their_own_granularity(tmp_path: Path, granularity: str) -> None:
    done = record(tmp_path, "--pykcov-conditions", f"--pykcov-granularity={granularity}")
    assert done.returncode == 4
    assert f"--pykcov-granularity={granularity} does not tell conditions" in done.stdout + done.stderr


IN_PROCESSES = """
import subprocess
import sys

def call(arguments):
    subprocess.run([sys.executable, "-c", f"import lib; lib.allowed{arguments}"], check=True)

def test_one():
    call("(1, 0, 1)")

def test_two():
    call("(0, 1, 0)")
"""


def test_conditions_that_only_other_processes_saw_are_theirs(tmp_path: Path) -> None:
    (tmp_path / "lib.py").write_text(LIBRARY)
    (tmp_path / "test_lib.py").write_text(IN_PROCESSES)
    arguments = ("--pykcov-source=.", "--pykcov-conditions", "test_lib.py")
    done = run(tmp_path, "pytest", "-q", "-p", "no:cacheprovider", "--pykcov", *arguments)
    assert done.returncode == 0, done.stdout + done.stderr
    found = conditions(tmp_path)
    one, two = ["test_lib.py::test_one"], ["test_lib.py::test_two"]
    assert (found["a"]["true"], found["a"]["false"], found["a"]["decided_true"]) == (one, two, one)
    assert (found["c"]["decided_true"], found["c"]["decided_false"]) == (one, two)
