"""Processor time to the k-th bug of ten targets on one core: time by estimate beside the same for all, in turns.

The targets are harnesses of benchmarks/fuzz, each with a known bug in an old version of a library. Both ways begin with
empty stores and have the same seeds, slices and total time. A bug counts at the end of the slice that finds it.
"""

import argparse
import math
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from sqlalchemy import select

from pykcov.campaign.store.store import Store
from pykcov.campaign.store.tables import slices

HARNESSES = Path(__file__).parent / "fuzz" / "harnesses"
BUGS = ["markdown", "htmlparser", "toml", "dateutil", "ecdsa_old", "ecdsa", "pyasn1", "pypdf", "pygments", "zipp"]
WAYS = {"by estimate": [], "evenly": ["--evenly"]}
# Hangs are findings, too; a slice would be over before the usual timeout is.
PROJECT = '[tool.pykcov.campaign]\nflags = ["-timeout=2"]\n'


def campaign(way: str, names: list[str], seed: int, seconds: int, slice_seconds: int) -> dict[str, float]:
    """Run one; return for each bug that it finds the processor time until then."""
    with tempfile.TemporaryDirectory(prefix="pykcov-bench-") as name:
        folder = Path(name)
        (folder / "pyproject.toml").write_text(PROJECT)
        store = folder / "store.db"
        command = [sys.executable, "-m", "pykcov", "campaign", "run", "--store", str(store), "--workers", "1"]
        command += ["--for", str(seconds), "--slice", str(slice_seconds), "--seed", str(seed), *WAYS[way]]
        command += [str(HARNESSES / f"fuzz_{each}.py") for each in names]
        environment = os.environ | {"BEGAN": str(folder / "began")}
        (folder / "began").touch()
        done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, errors="replace")
        assert done.returncode in (0, 77), done.stderr
        with Store(str(store), create=False) as opened:
            return dict(_found(opened))


def _found(store: Store) -> Iterator[tuple[str, float]]:
    """Yield each target with a finding, in the order in which they were found, and the processor time until then."""
    spent = 0.0
    seen = set()
    with store.engine.connect() as connection:
        for harness, processor, findings in connection.execute(
            select(slices.c.harness, slices.c.processor, slices.c.findings).order_by(slices.c.id)
        ):
            spent += processor
            if findings and harness not in seen:
                seen.add(harness)
                yield Path(harness).stem.removeprefix("fuzz_"), spent


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=int, default=120)
    parser.add_argument("--slice", type=int, default=3)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("targets", nargs="*", default=BUGS)
    given = parser.parse_args()
    times: dict[str, list[list[float]]] = {way: [] for way in WAYS}
    for seed in range(1, given.seeds + 1):
        for way, runs in times.items():
            found = campaign(way, given.targets, seed, given.seconds, given.slice)
            runs.append(list(found.values()))
            said = ", ".join(f"{name} {seconds:.0f} s" for name, seconds in found.items())
            print(f"seed {seed}, {way}: {said or 'nothing'}", flush=True)
    print(f"\nk-th bug, median of {given.seeds} seeds, seconds of processor time")
    for number in range(len(given.targets)):
        medians = [
            statistics.median(run[number] if number < len(run) else math.inf for run in runs) for runs in times.values()
        ]
        print(
            f"{number + 1:2}  " + "  ".join(f"{way} {median:6.1f}" for way, median in zip(times, medians, strict=True))
        )


if __name__ == "__main__":
    main()
