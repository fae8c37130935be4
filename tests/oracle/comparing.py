"""Runs a program under the oracle and under pykcov, with the same words, in processes of their own."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pykcov.traces.tracefile import TraceFile

ROOT = Path(__file__).parents[2]
ORACLE = ROOT / "tools" / "oracle.py"

Lines = dict[str, list[int]]


@dataclass
class Outcome:
    """What one tracer found, and what the program did meanwhile."""

    lines: Lines
    status: int
    output: str
    errors: str


@dataclass
class Comparison:
    """The same program under both."""

    oracle: Outcome
    pykcov: Outcome

    def differences(self) -> list[str]:
        """Each line that only one of them has seen."""
        found = []
        for file in sorted({*self.oracle.lines, *self.pykcov.lines}):
            truth, lines = set(self.oracle.lines.get(file, ())), set(self.pykcov.lines.get(file, ()))
            found += [f"{file}:{line} ran, but pykcov does not say so" for line in sorted(truth - lines)]
            found += [f"{file}:{line} did not run, but pykcov says so" for line in sorted(lines - truth)]
        return found


Compare = Callable[..., Comparison]


def run_both(
    folder: Path,
    program: Sequence[str],
    *,
    include: Sequence[str] = (),
    source: Sequence[str] = (),
    cwd: Path | None = None,
    env: Mapping[str, str] = {},
    timeout: int = 250,
) -> Comparison:
    """Run `program` (SCRIPT or -m MODULE, and arguments) twice; `folder` takes the results."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST", "COV_"))}
    environment |= {"PYTHONHASHSEED": "0", **env}
    selection = [word for pattern in include for word in ("--include", pattern)]
    selection += [word for place in source for word in ("--source", place)]

    def run(*words: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [sys.executable, *words, *selection, *program],
            cwd=cwd or folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=timeout,
        )

    truth, trace = folder / "oracle.json", folder / "pykcov.npz"
    done = run(str(ORACLE), "-o", str(truth))
    assert truth.exists(), done.stderr
    found = {file: lines for file, lines in json.loads(truth.read_text())["lines"].items() if lines}
    oracle = Outcome(found, done.returncode, done.stdout, done.stderr)
    # pykcov reports on standard error, so standard output is the program's alone.
    done = run("-m", "pykcov", "run", *(["--stdlib"] if include else []), "-o", str(trace))
    assert trace.exists(), done.stderr
    result = TraceFile.load(trace)
    assert not any(thread.dropped for thread in result.threads)
    return Comparison(oracle, Outcome(result.lines(), done.returncode, done.stdout, done.stderr))
