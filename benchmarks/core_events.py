"""Events per second from native threads that hold no GIL: each with a device of its own, and all into one.

Prints Markdown. "own" beside "padded" and "unpadded" shows that threads with devices of their own write no common
cache line: the program checks the addresses, and a common line would cost what "unpadded" costs.
"""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path

import click

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "tools"))
import stress  # noqa: E402

SCENARIOS = ("nothing", "dormant", "own", "remote", "accesses", "stamped", "padded", "unpadded")
THREADS = (1, 2, 4)


def build(target: Path) -> None:
    """Compile the program and the core, as the package is compiled."""
    compiler = [*shlex.split(os.environ.get("CC", "cc")), "-std=gnu11", "-O2", f"-I{stress.CORE}"]
    sources = [Path(__file__).with_suffix(".c"), *stress.core_sources()]
    subprocess.run([*compiler, *sources, "-o", target, "-lpthread", "-ldl"], check=True)


def measure(program: Path, scenario: str, threads: int, events: int) -> tuple[float, float]:
    """Return nanoseconds an event, and events per second of all threads."""
    done = subprocess.run([program, scenario, str(threads), str(events)], check=True, capture_output=True, text=True)
    nanoseconds, rate = done.stdout.split()
    return float(nanoseconds), float(rate)


@click.command(help=__doc__)
@click.option("--events", default=20_000_000, show_default=True, help="Events of each thread.")
@click.option("--rounds", default=7, show_default=True, help="Rounds; the best of each counts.")
def main(events: int, rounds: int) -> None:
    """Measure everything in turn, `rounds` times over."""
    best: dict[tuple[str, int], tuple[float, float]] = {}
    with tempfile.TemporaryDirectory() as folder:
        program = Path(folder) / "core_events"
        build(program)
        for _ in range(rounds):
            for scenario in SCENARIOS:
                for threads in THREADS:
                    measured = measure(program, scenario, threads, events)
                    best[scenario, threads] = min(best.get((scenario, threads), measured), measured)
    click.echo(f"{events:,} events a thread, best of {rounds} rounds, {os.cpu_count()} cores\n")
    click.echo("| | " + " | ".join(f"{threads} thread{'s' * (threads > 1)}" for threads in THREADS) + " |")
    click.echo("| --- |" + " ---: |" * len(THREADS))
    for scenario in SCENARIOS:
        cells = [f"{rate / 1e6:,.0f} M/s, {ns:.2f} ns" for ns, rate in (best[scenario, t] for t in THREADS)]
        click.echo(f"| {scenario} | " + " | ".join(cells) + " |")


if __name__ == "__main__":
    main()
