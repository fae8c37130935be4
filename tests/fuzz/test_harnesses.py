"""Harnesses for Atheris over real libraries run as they are, under both; without Atheris under pykcov alone."""

import os
import re
import subprocess
import sys
from importlib.machinery import PathFinder
from pathlib import Path

import pytest

HERE = Path(__file__).parents[2]
HARNESSES = sorted((HERE / "benchmarks" / "fuzz" / "harnesses").glob("fuzz_*.py"))
LIBRARIES = Path(os.environ.get("PYKCOV_FUZZ_LIBRARIES", HERE / ".bench" / "fuzz")).absolute()

ATHERIS = PathFinder.find_spec("atheris") is not None

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not LIBRARIES.exists(), reason="their libraries are not installed: make fuzz-harnesses"),
]


def run(folder: Path, *words: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, *words, "-runs=300", "-seed=1"],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        env=os.environ | {"PYTHONPATH": str(LIBRARIES), "MICRO": "magic_4"},
        timeout=600,
    )


@pytest.mark.parametrize("path", HARNESSES, ids=lambda path: path.stem)
def test_a_harness_runs(tmp_path: Path, path: Path) -> None:
    ours = run(tmp_path, "-m", "pykcov", "fuzz", "-d", "out", "--minimize=0", str(path))
    missing = re.search(r"ModuleNotFoundError: (.*)", ours.stdout)
    if missing is not None and "INITED" not in ours.stdout:
        pytest.skip(f"{missing[1]}: its library cannot be had for this Python")
    for ran in (ours, *([run(tmp_path, str(path))] if ATHERIS else [])):
        # Some have bugs that are found as soon.
        assert ran.returncode == 0 or "Uncaught Python exception" in ran.stdout, ran.stdout
        assert "INITED" in ran.stdout
    if ours.returncode == 0:
        assert "pykcov: 300 executions, 0 findings" in ours.stdout
    else:
        assert (ours.returncode, len([*(tmp_path / "out" / "findings").iterdir()])) == (77, 1)
