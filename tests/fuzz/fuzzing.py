"""Runs `pykcov fuzz` on harnesses that a test writes. Tests that import this need libFuzzer."""

import os
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import NamedTuple

import pytest

from pykcov.fuzz import libfuzzer

try:
    libfuzzer.find()
except libfuzzer.LibFuzzerMissingError as error:
    pytest.skip(str(error), allow_module_level=True)

HEAD = """\
import sys

import atheris

"""
TAIL = """

atheris.Setup(sys.argv, TestOneInput)
atheris.Fuzz()
"""


class Ran(NamedTuple):
    code: int
    output: str
    """Standard output and standard error."""
    folder: Path
    """Where corpus and findings are."""

    @property
    def findings(self) -> list[Path]:
        return sorted(path.parent for path in self.folder.glob("findings/*/finding.json"))

    @property
    def executions(self) -> int:
        line = next(line for line in self.output.splitlines() if line.startswith("pykcov: ") and " execution" in line)
        return int(line.split()[1])


def write_harness(folder: Path, body: str, name: str = "harness.py", *, whole: bool = False) -> Path:
    """Write a harness whose TestOneInput is in `body`."""
    path = folder / name
    body = textwrap.dedent(body)
    path.write_text(body if whole else HEAD + body + TAIL)
    return path


def start(folder: Path, *words: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-m", "pykcov", "fuzz", *words],
        cwd=folder,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        env=os.environ | {"PYTHONHASHSEED": "0"},
    )


def fuzz(folder: Path, *words: str) -> Ran:
    """Run `pykcov fuzz -d out WORDS...` in a folder."""
    output, _ = (process := start(folder, "-d", "out", *words)).communicate(timeout=300)
    return Ran(process.returncode, output, folder / "out")


def fuzz_body(folder: Path, body: str, *flags: str, options: tuple[str, ...] = ()) -> Ran:
    """Run a harness; with a fixed seed, and no more inputs than a bug should need."""
    write_harness(folder, body)
    return fuzz(folder, *options, "harness.py", "-seed=1", *(flags or ("-runs=300000",)))
