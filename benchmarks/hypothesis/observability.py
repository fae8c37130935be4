"""What the lines of Hypothesis's observability files cost: its own trace function beside pykcov's probes.

Each in a process of its own, in turns, processor time; the cost is what is added to the same run without coverage.
"""

from __future__ import annotations

import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

import click

PROGRAM = """
import resource, time
from hypothesis import HealthCheck, given, seed, settings, strategies as st
import work

@settings(max_examples=EXAMPLES, database=None, deadline=None, suppress_health_check=list(HealthCheck))
@seed(SEED)
@given(st.lists(st.integers(), min_size=20, max_size=60))
def test(numbers):
    work.sort(numbers)

test()
print(resource.getrusage(resource.RUSAGE_SELF).ru_utime)
"""
WORK = """
def sort(numbers):
    ordered = []
    for number in numbers:
        place = 0
        while place < len(ordered) and ordered[place] < number:
            place += 1
        ordered.insert(place, number)
    return ordered
"""
WAYS = {
    "no coverage": {"HYPOTHESIS_EXPERIMENTAL_OBSERVABILITY_NOCOVER": "1"},
    "hypothesis": {"HYPOTHESIS_EXPERIMENTAL_OBSERVABILITY": "1", "HYPOTHESIS_NO_PLUGINS": "1"},
    "pykcov": {"HYPOTHESIS_EXPERIMENTAL_OBSERVABILITY": "1"},
}


def seconds(way: dict[str, str], number: int, examples: int) -> float:
    """Return the processor time of a run."""
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "work.py").write_text(WORK)
        program = PROGRAM.replace("EXAMPLES", str(examples)).replace("SEED", str(number))
        (Path(folder) / "program.py").write_text(program)
        done = subprocess.run(
            [sys.executable, "program.py"],
            cwd=folder,
            env=os.environ | way,
            check=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        shutil.rmtree(Path(folder) / ".hypothesis", ignore_errors=True)
    return float(done.stdout)


@click.command(help=__doc__)
@click.option("--turns", default=3, show_default=True)
@click.option("--examples", default=1000, show_default=True)
def main(turns: int, examples: int) -> None:
    """Run all ways in turns."""
    taken: dict[str, list[float]] = {name: [] for name in WAYS}
    for number in range(turns):
        for name, way in WAYS.items():
            taken[name].append(seconds(way, number, examples))
    median = {name: statistics.median(times) for name, times in taken.items()}
    for name, time in median.items():
        print(f"{name}: {time:.2f} s, {1e3 * (time - median['no coverage']) / examples:.2f} ms an example added")
    added = [median[name] - median["no coverage"] for name in ("pykcov", "hypothesis")]
    print(f"pykcov over hypothesis: {added[0] / added[1]:.3f}")


if __name__ == "__main__":
    main()
