"""The benchmark runs, compares like with like, and says what it could not do. No test looks at a time."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"

Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """run.py WORDS..., with output to the test's folder."""

    def run(*words: str) -> "subprocess.CompletedProcess[str]":
        command = [sys.executable, str(BENCHMARKS / "run.py"), "-o", str(tmp_path / "out.md"), *words]
        return subprocess.run(command, capture_output=True, text=True, timeout=280)

    return run


@pytest.fixture
def cells(tmp_path: Path) -> Callable[[], dict[tuple[str, str], dict[str, Any]]]:
    """What was measured: by workload and configuration."""

    def cells() -> dict[tuple[str, str], dict[str, Any]]:
        found = json.loads((tmp_path / "out.json").read_text())["cells"]
        return {(cell["workload"], cell["configuration"]): cell for cell in found}

    return cells


def test_a_table_of_ratios_and_the_parts_of_them(run: Run, cells: Any, tmp_path: Path) -> None:
    names = ["control", "dormant", "pc", "unique", "cmp-bytes", "counters+cmp-bytes", "coverage", "settrace"]
    done = run("--quick", "richards", "toml_load", *(word for name in names for word in ("-c", name)))
    assert done.returncode == 0, done.stdout + done.stderr
    text = (tmp_path / "out.md").read_text()
    assert done.stdout.strip() == text.strip()
    assert "| workload | bare, ms | " + " | ".join(names) + " |" in text
    for row in ("| richards | ", "| toml_load | ", "| **geometric mean** | "):
        assert text.count(row) == (1 if "mean" in row else 6)
    found = cells()
    assert set(found) == {(workload, name) for workload in ("richards", "toml_load") for name in ["bare", *names]}
    for (workload, name), cell in found.items():
        assert len(cell["cpu"]) == len(cell["wall"]) == len(cell["ratios"]) == 1, (workload, name)
        assert cell["functions"] > 10
    for workload in ("richards", "toml_load"):
        dormant, pc, unique = (found[workload, name]["parts"] for name in ("dormant", "pc", "unique"))
        assert dormant == pc
        assert pc["events"] > 10_000
        assert unique["events"] > pc["events"]
        compared, both = (found[workload, name]["parts"]["events"] for name in ("cmp-bytes", "counters+cmp-bytes"))
        assert both == compared + pc["events"]
        assert 0 < pc["locations"] <= pc["probes"] < unique["probes"]
        assert found[workload, "coverage"]["parts"]["lines"] > 50


@pytest.mark.parametrize("configuration", ["pc", "unique"])
def test_every_workload_gives_the_same_result_with_probes(configuration: str, run: Run, cells: Any) -> None:
    done = run("--quick", "--iterations", "1", "-c", configuration)
    assert done.returncode == 0, done.stdout + done.stderr
    found = cells()
    helpers = {"__init__", "pure", "pyperformance_program", "sources"}
    names = {path.stem for path in (BENCHMARKS / "workloads").glob("*.py")} - helpers
    assert {workload for workload, _ in found} == names
    # Those on libraries that are not installed here are named as missing.
    assert all(found[name, configuration]["ratios"] or found[name, configuration]["missing"] for name in names)
    measured = [name for name in names if found[name, configuration]["ratios"]]
    assert len(measured) >= 12
    assert all(found[name, configuration]["parts"]["events"] for name in measured)


def test_what_is_not_there_is_said(run: Run, cells: Any, tmp_path: Path) -> None:
    (tmp_path / "slipcover.py").write_text("raise ModuleNotFoundError('gone', name='slipcover')")
    done = subprocess.run(
        [sys.executable, str(BENCHMARKS / "run.py"), "--quick", "toml_load", "-c", "slipcover", "-o", "out.md"],
        cwd=tmp_path,
        env={"PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=280,
    )
    assert done.returncode == 0, done.stderr
    assert "## Not measured\n\n- slipcover: gone (toml_load)" in done.stdout
    assert cells()["toml_load", "slipcover"]["ratios"] == []


def test_a_worker_that_dies_is_a_failure(tmp_path: Path) -> None:
    (tmp_path / "slipcover.py").write_text("class Slipcover:\n    def __init__(self):\n        raise OSError('broken')")
    done = subprocess.run(
        [sys.executable, str(BENCHMARKS / "run.py"), "--quick", "toml_load", "-c", "slipcover", "-o", "out.md"],
        cwd=tmp_path,
        env={"PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=280,
    )
    assert done.returncode == 1
    assert "## Failed\n\n- slipcover: OSError: broken (toml_load)" in done.stdout
    assert "| toml_load |" in done.stdout


def test_a_wrong_result_is_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    from measurements import Results

    results = Results(["one"], ["bare", "pc"])
    good, bad = {"cpu": 10, "wall": 10, "checksum": 1}, {"cpu": 20, "wall": 20, "checksum": 2}
    results.add_round("one", {"bare": good, "pc": bad})
    assert [cell.configuration for cell in results.problems()] == ["pc"]
    assert results.measured("pc") == []
    results = Results(["one"], ["bare", "pc"])
    for cpu in (10, 11, 12, 13, 14):
        results.add_round("one", {"bare": good, "pc": {"cpu": cpu, "wall": 1, "checksum": 1}})
    assert (results.cell("one", "pc").ratio, results.cell("one", "pc").spread) == (1.2, pytest.approx(0.1))
    assert results.geometric_mean("pc") == pytest.approx(1.2)
    assert results.problems() == []


def test_everything_can_be_listed_and_nonsense_is_refused(run: Run) -> None:
    done = run("--list")
    assert done.returncode == 0
    assert {"richards", "json_pure", "bare", "pc", "atheris"} <= {line.split()[0] for line in done.stdout.splitlines()}
    assert all(len(line.split()) > 2 for line in done.stdout.splitlines())
    for words in (["nonsense"], ["-c", "nonsense"], ["--rounds", "x"]):
        assert run(*words).returncode == 2
