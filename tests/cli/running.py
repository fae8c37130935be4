"""Runs programs under pykcov and bare, as a user does: in processes of their own."""

import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

Run = Callable[..., "subprocess.CompletedProcess[str]"]


def run_python(folder: Path, words: list[str], **options: object) -> "subprocess.CompletedProcess[str]":
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


def assert_same(bare: Run, pykcov: Run, *words: str, **options: object) -> None:
    """Check that `python WORDS` and `pykcov run WORDS` print the same and end the same."""
    expected = bare(*words, **options)
    got = pykcov("run", "-q", *words, **options)
    assert (got.returncode, _comparable(got.stdout)) == (expected.returncode, _comparable(expected.stdout))
    assert _comparable(got.stderr) == _comparable(expected.stderr)


def _comparable(output: str) -> str:
    """Without addresses, which differ from run to run, and without what pykcov itself has to say."""
    lines = [line for line in output.splitlines(keepends=True) if not line.startswith("pykcov: ")]
    return re.sub("0x[0-9a-f]+", "0x", "".join(lines))
