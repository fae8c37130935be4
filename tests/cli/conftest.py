"""What the tests of the command line share."""

from collections.abc import Callable
from pathlib import Path

import pytest
from running import Run, run_python

from pykcov.traces.tracefile import TraceFile


@pytest.fixture
def bare(tmp_path: Path) -> Run:
    """python WORDS..."""
    return lambda *words, **options: run_python(tmp_path, [*words], **options)


@pytest.fixture
def pykcov(tmp_path: Path) -> Run:
    """pykcov WORDS..."""
    return lambda *words, **options: run_python(tmp_path, ["-m", "pykcov", *words], **options)


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
