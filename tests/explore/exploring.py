"""Runs the command line on programs, and keeps what the tests of the page ask."""

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from pykcov.traces.tracefile import TraceFile

PROJECT = Path(__file__).parent.parent.parent
HIGHLIGHTED = ["README.md", "Makefile", "pyproject.toml", "src/pykcov/traces/locations.py", "src/pykcov/counted.py"]


def run(folder: Path, *words: str, status: int = 0) -> str:
    """Run the command line, or a module if the first word is -m."""
    command = [sys.executable, *(() if words[0] == "-m" else ("-m", "pykcov")), *words]
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST", "COV"))}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=300)
    assert done.returncode == status, done.stderr + done.stdout
    return done.stderr


@dataclass
class Traced:
    """Traces of a program, and the page of them."""

    folder: Path

    @cached_property
    def lines(self) -> TraceFile:
        return TraceFile.load(self.folder / "lines.npz")

    @cached_property
    def comparisons(self) -> TraceFile:
        return TraceFile.load(self.folder / "comparisons.npz")

    @cached_property
    def order(self) -> TraceFile:
        return TraceFile.load(self.folder / "order.npz")

    @cached_property
    def report(self) -> dict[str, Any]:
        """What coverage.py says of each file, by name."""
        run(
            PROJECT,
            "report",
            str(self.folder / "lines.npz"),
            "--format",
            "json",
            "-o",
            str(self.folder / "report.json"),
        )
        return dict(json.loads((self.folder / "report.json").read_text())["files"])

    @property
    def page(self) -> Path:
        return self.folder / "page"
