"""Run the Python tests of the core, and some vectors, under valgrind; fail on any error or leak that the core is in.

CPython, numpy and pytest keep memory until the process ends; what has no function of the core in its stack is theirs.
"""

from __future__ import annotations

import itertools
import os
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ElementTree
from collections.abc import Sequence
from pathlib import Path

import click

ROOT = Path(__file__).parents[1]
VALGRIND = [
    "valgrind",
    "--leak-check=full",
    "--show-leak-kinds=definite,indirect,possible",
    "--num-callers=40",
    "--child-silent-after-fork=yes",  # a child would write into its parent's report
]
# What builds things, is about the checkers, or would run for hours; some vectors are replayed by --vectors instead.
NOT_HERE = [
    "--ignore=tests/core/test_vectors.py",
    "--ignore=tests/core/test_stress.py",
    "--ignore=tests/core/test_state_machine.py",
    "--ignore=tests/core/test_model.py",
    "--ignore=tests/core/test_kcov_page.py",
    "--ignore=tests/core/test_native_face.py",
    "--ignore=tests/core/test_stub.py",
    # Its timer is faster than its handler here.
    "--deselect=tests/core/test_life.py::test_events_in_a_signal_handler_are_not_lost",
]
VECTORS = 60  # of each file; a step takes fifty times as long as usual


def is_ours(error: ElementTree.Element) -> bool:
    """Whether the core is in the stack. What CPython does with values it left uninitialised is not for us."""
    objects = [frame.findtext("obj") or "" for frame in error.iter("frame")]
    if (error.findtext("kind") or "").startswith("Uninit"):
        objects = objects[:1]
    return any("/pykcov/_core" in each for each in objects)


def errors(report: Path) -> list[str]:
    """Return what valgrind says of the core."""
    found = []
    for error in filter(is_ours, ElementTree.parse(report).iter("error")):
        what = error.findtext("what") or error.findtext("xwhat/text") or ""
        stack = " < ".join(frame.findtext("fn") or "?" for frame in error.iter("frame"))
        found.append(f"{error.findtext('kind')}: {what}: {stack}")
    return found


def watch(arguments: Sequence[str], folder: Path) -> tuple[int, list[str]]:
    """Run Python under valgrind; return its exit status and the core's errors."""
    report = folder / "report.xml"
    command = [*VALGRIND, "--xml=yes", f"--xml-file={report}", sys.executable, *arguments]
    status = subprocess.run(command, env=os.environ | {"PYTHONMALLOC": "malloc"}, cwd=ROOT).returncode
    return status, errors(report)


def replay_some() -> None:
    """Replay vectors in this process."""
    import replay_vectors
    import vectors

    for name in ("core", "fixed"):
        file = ROOT / "tests" / "data" / f"{name}.jsonl.gz"
        for sequence in itertools.islice(vectors.read(file), VECTORS):
            for difference in replay_vectors.replay(sequence)[0]:
                raise SystemExit(str(difference))


@click.command(help=__doc__)
@click.option("--vectors", "inside", is_flag=True, hidden=True)
def main(inside: bool) -> None:
    """Run it."""
    if inside:
        return replay_some()
    pytest = ["-m", "pytest", "-q", "-p", "no:cacheprovider", "-o", "timeout=0", "tests/core", *NOT_HERE]
    bad = False
    with tempfile.TemporaryDirectory() as folder:
        for what, arguments in (("tests", pytest), ("vectors", [__file__, "--vectors"])):
            status, found = watch(arguments, Path(folder))
            click.echo("\n".join([*found, f"{what}: exit status {status}, errors and leaks of the core: {len(found)}"]))
            bad = bad or status != 0 or bool(found)
    raise SystemExit(bad)


if __name__ == "__main__":
    main()
