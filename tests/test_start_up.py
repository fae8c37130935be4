"""What commands import: only what they need, as most of a short run or report is imports."""

import os
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "empty.py").touch()
    return tmp_path


def imported(folder: Path, *command: str) -> list[str]:
    """Run Python; return the modules that it and the Pythons which it starts import, each process's in order."""
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", *command],
        cwd=folder,
        env=os.environ | {"COVERAGE_FILE": str(folder / ".coverage")},
        capture_output=True,
        text=True,
        check=True,
    )
    names = [line.rpartition("|")[2].strip() for line in done.stderr.splitlines() if line.startswith("import time:")]
    assert "pykcov" in names
    return names


def test_a_run_imports_neither_numpy_nor_coverage_and_the_rewriter_once(folder: Path) -> None:
    names = imported(folder, "pykcov", "run", "empty.py")
    assert (folder / "pykcov.npz").exists()
    assert {"numpy", "rich", "coverage", "tempfile", "hashlib", "subprocess"}.isdisjoint(names)
    assert {"zipfile", "pathlib", "socket", "selectors"}.isdisjoint(names)
    assert names.count("pykcov.traces.locations") == 2
    # The traced process needs it, the one beside it does not.
    assert names.count("pykcov.instrument.rewrite") == 1


def test_a_report_imports_no_numpy_and_nothing_that_puts_probes_in(folder: Path) -> None:
    imported(folder, "pykcov", "run", "empty.py")
    names = imported(folder, "pykcov", "report")
    assert "coverage" in names
    assert {"numpy", "rich", "pykcov.instrument.rewrite", "pykcov.program"}.isdisjoint(names)


def test_comparisons_are_decoded_with_numpy(folder: Path) -> None:
    """The others would not notice if nothing ever imported it: these arrays are asked for."""
    (folder / "compares.py").write_text("x = 3\nassert x == 3\n")
    imported(folder, "pykcov", "run", "--mode", "cmp", "compares.py")
    assert "numpy" in imported(folder, "pykcov", "report")


def test_the_process_that_watches_a_fuzzer_imports_neither_click_nor_what_only_findings_need(folder: Path) -> None:
    (folder / "harness.py").write_text("def FuzzerRunOne(data):\n    return len(data)\n")
    names = imported(folder, "pykcov", "fuzz", "-q", "--include=__main__", "harness.py", "-runs=1")
    assert "pykcov.fuzz.supervisor" in names
    assert {"click", "coverage", "rich", "numpy", "tempfile", "pykcov.fuzz.minimize"}.isdisjoint(names)
