"""Tests of every kind come out under the backend as they do under Hypothesis's own."""

import re
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

KINDS = Path(__file__).with_name("kinds.py")


def outcomes(folder: Path, profile: str, *options: str) -> tuple[dict[str, str], str]:
    """Return what became of each test, and the output."""
    shutil.copy(KINDS, folder / "test_kinds.py")
    command = [sys.executable, "-m", "pytest", "-vv", "-p", "no:cacheprovider", "--hypothesis-seed=1"]
    done = subprocess.run(
        [*command, f"--hypothesis-profile={profile}", *options], cwd=folder, capture_output=True, text=True, check=False
    )
    shown = done.stdout + done.stderr
    found = re.findall(r"^test_kinds\.py::(\S+)(?: <- \S+)? (PASSED|FAILED|ERROR|SKIPPED)", shown, re.MULTILINE)
    in_workers = re.findall(r"^\[gw\d\].* (PASSED|FAILED|ERROR|SKIPPED) test_kinds\.py::(\S+)", shown, re.MULTILINE)
    return dict(found) | {name: outcome for outcome, name in in_workers}, shown


def errors(shown: str) -> Counter[str]:
    """Return the types of the errors in pytest's summary."""
    return Counter(re.findall(r"^FAILED test_kinds.py::(\S+ - [\w.]+)", shown, re.MULTILINE))


def test_every_kind_of_test_comes_out_as_without_the_backend(tmp_path: Path) -> None:
    under_default, shown_by_default = outcomes(tmp_path, "default")
    shutil.rmtree(tmp_path / ".hypothesis", ignore_errors=True)
    under_backend, shown = outcomes(tmp_path, "pykcov")
    assert len(under_default) > 20, shown_by_default
    for name, outcome in under_default.items():
        is_to_fail = "_fails" in name
        assert (outcome == "FAILED") == is_to_fail, (name, outcome, shown_by_default)
    assert under_backend == under_default, shown
    assert errors(shown) == errors(shown_by_default)
    assert "PykcovWarning" not in shown


@pytest.mark.slow
def test_every_kind_of_test_comes_out_the_same_in_workers_of_xdist(tmp_path: Path) -> None:
    alone, _ = outcomes(tmp_path, "pykcov")
    in_workers, shown = outcomes(tmp_path, "pykcov", "-n2")
    assert in_workers == alone, shown
