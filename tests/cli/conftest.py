"""Runs programs under pykcov and bare, as a user does: in processes of their own."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from pykcov.tracefile import TraceFile

Run = Callable[..., "subprocess.CompletedProcess[str]"]


def _run(folder: Path, words: list[str], **options: object) -> "subprocess.CompletedProcess[str]":
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST", "COV_"))}
    environment |= options.pop("env", {})  # type: ignore[operator]
    return subprocess.run(  # type: ignore[call-overload, no-any-return]
        [sys.executable, *words],
        cwd=options.pop("cwd", folder),
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        **({"stdin": subprocess.DEVNULL} | options if "input" not in options else options),
    )


@pytest.fixture
def bare(tmp_path: Path) -> Run:
    """python WORDS..."""
    return lambda *words, **options: _run(tmp_path, [*words], **options)


@pytest.fixture
def pykcov(tmp_path: Path) -> Run:
    """pykcov WORDS..."""
    return lambda *words, **options: _run(tmp_path, ["-m", "pykcov", *words], **options)


@pytest.fixture
def trace(tmp_path: Path) -> Callable[[], TraceFile]:
    """Load what `pykcov run` wrote."""
    return lambda: TraceFile.load(tmp_path / "pykcov.npz")


@pytest.fixture
def write(tmp_path: Path) -> Callable[[str, str], Path]:
    """Write a file of the program."""

    def write(name: str, text: str) -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    return write
