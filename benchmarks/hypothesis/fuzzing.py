"""Executions until `pykcov fuzz` finds what a property hides: of its choices, and of bytes that Hypothesis draws from.

For each property: in how many seeds it was found, the median of the executions that took (those that did not find it
count as infinitely many), and the median of the processor time, which includes 2 to 3 s for the start. Choices are
what `pykcov fuzz FILE::TEST` fuzzes; bytes are fuzzed by a harness that calls the test's fuzz_one_input(). Without
NAMES: all of micro.py; or, with --real, all of real.py.
"""

import importlib
import os
import re
import resource
import subprocess
import sys
import tempfile
from pathlib import Path

import click
from findings import cells
from rich.console import Console
from rich.table import Table

from pykcov.fuzz import exits

HERE = Path(__file__).parent

TEST = """\
import sys

sys.path.insert(0, {here!r})
from hypothesis import given, settings
from {module} import PROPERTIES

function, strategies = PROPERTIES[{name!r}]

test_it = settings(database=None)(given(*strategies)(function))
"""

HARNESS = """\
import sys

import pykcov.atheris as atheris
import test_property

atheris.Setup(sys.argv, test_property.test_it.hypothesis.fuzz_one_input)
atheris.Fuzz()
"""

TARGETS = {"choices": "test_property.py::test_it", "bytes": "harness.py"}


def run(
    kind: str, name: str, module: str, watched: tuple[str, ...], seed: int, most: int, seconds: int
) -> tuple[int | None, float]:
    """Return the number of the execution that failed, None if none did, and the seconds of processor time."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "test_property.py").write_text(TEST.format(here=str(HERE), module=module, name=name))
        Path(folder, "harness.py").write_text(HARNESS)
        includes = [word for each in watched for word in ("--include", each)]
        flags = [f"-seed={seed}", f"-runs={most}", f"-max_total_time={seconds}"]
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        words = ["--keep-going", "1", "--minimize", "0", *includes, TARGETS[kind], *flags]
        ended = subprocess.run(
            [sys.executable, "-m", "pykcov", "fuzz", *words],
            cwd=folder,
            env=os.environ | {"PYTHONPATH": os.pathsep.join([folder, os.environ.get("PYTHONPATH", "")])},
            capture_output=True,
            text=True,
        )
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        said = re.search(r"(\d+) executions?, (\d+) finding", ended.stderr)
        if said is None or ended.returncode not in (0, exits.BLIND, exits.CRASHED):
            sys.exit(f"{name} by {kind}: {ended.stderr}")
        found = int(said[1]) if int(said[2]) else None
        return found, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


@click.command(help=__doc__)
@click.argument("names", nargs=-1)
@click.option("--seeds", default=5, show_default=True)
@click.option("--executions", "most", default=10_000, show_default=True)
@click.option("--seconds", default=60, show_default=True, help="For each run at most, by the clock.")
@click.option("--real", "is_real", is_flag=True, help="Libraries with known bugs, as of `make bench-hypothesis`.")
def main(names: tuple[str, ...], seeds: int, most: int, seconds: int, is_real: bool) -> None:
    """Run all, both kinds in turns."""
    module = "real" if is_real else "micro"
    sys.path.insert(0, str(HERE))
    properties = importlib.import_module(module)
    table = Table("property", *(f"{kind}: {what}" for kind in TARGETS for what in ("found", "executions", "s")))
    for name in names or properties.PROPERTIES:
        watched = (*properties.WATCHED.get(name, (name,)), "real") if is_real else ("micro",)
        runs: dict[str, list[tuple[int | None, float]]] = {kind: [] for kind in TARGETS}
        for seed in range(1, seeds + 1):
            for kind in TARGETS:
                runs[kind].append(run(kind, name, module, watched, seed, most, seconds))
        row = [cell for kind in TARGETS for cell in cells(runs[kind])]
        table.add_row(name, *row)
        print(f"{name}: {' '.join(row)}", file=sys.stderr, flush=True)
    Console(width=120).print(table)


if __name__ == "__main__":
    main()
