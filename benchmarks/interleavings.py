"""Of two stress tests, does the one that explores more pairs of accesses find the race first? Prints Markdown.

The programs are those of tests/interleavings/races.py. Both stress tests run a program again and again in two threads
that begin together; they differ in how often a thread sleeps where the other might come between. Each runs until it has
found the race, or gives up. Pairs are counted over as many runs of each as the one that was first has needed.
"""

from __future__ import annotations

import random
import sys
from pathlib import Path
from statistics import median

import click

import pykcov

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "interleavings"))
from races import RACES, Race
from scheduling import by_chance

TRACER = pykcov.Tracer("accesses", include=["races"])


def stress(kind: type[Race], probability: float, most: int) -> list[int]:
    """Return how many pairs were seen after each run, the last of which has failed unless there are `most`."""
    seen: set[tuple[int, int]] = set()
    counts = []
    while len(counts) < most:
        with TRACER.trace() as trace:
            race = kind()
            by_chance(race, probability)
        seen |= {(pair.before.pc, pair.after.pc) for pair in trace.interleavings()}
        counts.append(len(seen))
        if not race.is_right():
            break
    return counts


def compare(kind: type[Race], often: float, seldom: float, most: int) -> tuple[int, int, int, int]:
    """Return the runs and the pairs of both; the pairs over the same number of runs."""
    first, second = stress(kind, often, most), stress(kind, seldom, most)
    same = min(len(first), len(second))
    return len(first), len(second), first[same - 1], second[same - 1]


@click.command(help=__doc__)
@click.option("--often", default=0.9, show_default=True, help="How probably one test sleeps at a place.")
@click.option("--seldom", default=0.05, show_default=True, help="How probably the other one does.")
@click.option("--most", default=400, show_default=True, help="Runs after which a test gives up.")
@click.option("--rounds", default=3, show_default=True, help="Rounds; the medians are printed.")
@click.option("--seed", default=1, show_default=True, help="Of the sleeps; the operating system has its say, too.")
def main(often: float, seldom: float, most: int, rounds: int, seed: int) -> None:
    """Compare the two for each program."""
    random.seed(seed)
    right = 0
    click.echo("| program | runs, often | runs, seldom | pairs, often | pairs, seldom | more pairs, found first |")
    click.echo("| --- | ---: | ---: | ---: | ---: | --- |")
    with TRACER:
        for kind in RACES:
            measured = zip(*(compare(kind, often, seldom, most) for _ in range(rounds)), strict=True)
            runs, others, pairs, other_pairs = (median(numbers) for numbers in measured)
            agrees = (runs < others) == (pairs > other_pairs) and runs != others and pairs != other_pairs
            right += agrees
            row = (kind.__name__, runs, others, pairs, other_pairs, "yes" if agrees else "no")
            click.echo("| " + " | ".join(f"{cell:g}" if isinstance(cell, float | int) else cell for cell in row) + " |")
    click.echo(f"\nThe test that had seen more pairs was first in {right} of {len(RACES)}.")


if __name__ == "__main__":
    main()
