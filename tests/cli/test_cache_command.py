"""`pykcov cache` shows and removes what was kept."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ENVIRONMENT = {k: v for k, v in os.environ.items() if k not in ("PYTHONDONTWRITEBYTECODE", "PYKCOV_CACHE")}


def run(folder: Path, *words: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "pykcov", *words],
        cwd=folder,
        env=ENVIRONMENT | {"XDG_CACHE_HOME": str(folder / "user")},
        capture_output=True,
        text=True,
        timeout=100,
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "helper.py").write_text("def f():\n    return 1\n")
    (tmp_path / "app.py").write_text("import helper\nprint(helper.f())\n")
    return tmp_path


def test_info_and_clear(folder: Path) -> None:
    for _ in range(2):
        done = run(folder, "run", "-q", "app.py")
        assert (done.returncode, done.stdout) == (0, "1\n"), done.stderr
    shown = run(folder, "cache", "info", ".")
    assert (shown.returncode, shown.stderr) == (0, "")
    assert shown.stdout.splitlines()[1].split() == [".", "1", "0.0"]
    assert any(line.split()[:2] == [str(folder), "1"] for line in run(folder, "cache", "info").stdout.splitlines())
    kept = [path for path in (folder / "__pycache__").iterdir() if ".pykcov-" in path.name]
    assert len(kept) == 1
    (folder / "__pycache__" / (kept[0].name + ".17.18")).write_bytes(b"unfinished")
    done = run(folder, "cache", "clear", ".")
    assert (done.returncode, done.stdout) == (0, "2 files removed\n")
    assert [path.suffix for path in (folder / "__pycache__").iterdir()] == [".pyc"]
    assert run(folder, "cache", "info", ".").stdout.splitlines()[1].split() == [".", "0", "0.0"]


def test_a_folder_that_is_not_there_is_refused(folder: Path) -> None:
    done = run(folder, "cache", "clear", "nowhere")
    assert done.returncode == 2
    assert "nowhere" in done.stderr
