"""Replay the vectors and run the Python tests of the core with the extension module under sanitizers.

The module is built in a copy, for gcc's AddressSanitizer (without leaks, which are for valgrind: CPython frees
little at its end) and UndefinedBehaviourSanitizer, whose libraries are preloaded. Exit status 0 only without a report.
"""

from __future__ import annotations

import os
import shlex
import subprocess
import tempfile
from pathlib import Path

import click
from core_copy import ROOT, Copy

OPTIONS = ("-g", "-fsanitize=address,undefined", "-fno-sanitize-recover=undefined")
# These build things of their own, or are about the checkers.
NOT_HERE = (
    "test_vectors.py",
    "test_stress.py",
    "test_model.py",
    "test_kcov_page.py",
    "test_native_face.py",
    "test_stub.py",
)


def library(name: str) -> str:
    """Return the path of a library of the compiler."""
    command = [*shlex.split(os.environ.get("CC", "cc")), f"-print-file-name={name}"]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


@click.command(help=__doc__)
def main() -> None:
    """Run both."""
    files = [ROOT / "tests" / "data" / f"{name}.jsonl.gz" for name in ("core", "fixed")]
    ignored = [f"--ignore=tests/core/{name}" for name in NOT_HERE]
    pytest = ["-m", "pytest", "-q", "-p", "no:cacheprovider", "-o", "timeout=0", "tests/core", *ignored]
    preload = f"{library('libasan.so')} {library('libubsan.so')}"
    bad = False
    with tempfile.TemporaryDirectory() as folder:
        copy = Copy(Path(folder))
        copy.build(*OPTIONS)
        for arguments in ([ROOT / "tools" / "replay_vectors.py", *files], pytest):
            done = copy.run(
                *arguments, LD_PRELOAD=preload, ASAN_OPTIONS="detect_leaks=0", UBSAN_OPTIONS="print_stacktrace=1"
            )
            click.echo(done.stdout[-20000:] if done.returncode else done.stdout.splitlines()[-1])
            bad = bad or done.returncode != 0
    raise SystemExit(bad)


if __name__ == "__main__":
    main()
