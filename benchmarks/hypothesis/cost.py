"""What an example costs with the backend, for properties without a bug: the processor time, as a multiple.

Both backends in turns, and the median over the seeds. Each property runs once before, for what happens once only.
"""

from __future__ import annotations

import json
import statistics
import time
import warnings

import click
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from rich.console import Console
from rich.table import Table


def nothing(number):
    """Nothing at all: what is drawn is all there is."""


def insertion_sort(numbers):
    """Loops and comparisons."""
    ordered = []
    for number in numbers:
        place = 0
        while place < len(ordered) and ordered[place] < number:
            place += 1
        ordered.insert(place, number)
    assert ordered == sorted(numbers)


def count_of_commas(drawn):
    """A comparison for each character."""
    one, two = drawn
    count = 0
    for character in one + two:
        if character == ",":
            count += 1
    assert count == (one + two).count(",")


def json_round_trip(value):
    """Work in C, on deep values."""
    assert json.loads(json.dumps(value)) == value


def filtered(number):
    """What strategies do."""
    assert number % 3 == 0


PROPERTIES = [
    (nothing, st.integers()),
    (insertion_sort, st.lists(st.integers())),
    (count_of_commas, st.tuples(st.text(), st.text())),
    (
        json_round_trip,
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.text(),
            lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
        ),
    ),
    (filtered, st.integers().filter(lambda number: number % 3 == 0)),
]


def seconds(function, strategy, backend: str, number: int, most: int) -> float:
    """Return the processor time of a run."""

    def body(drawn):
        function(drawn)

    body.__module__ = __name__
    chosen = settings(
        backend=backend,
        max_examples=most,
        database=None,
        phases=[Phase.generate],
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    begin = time.process_time()
    chosen(seed(number)(given(strategy)(body)))()
    return time.process_time() - begin


@click.command(help=__doc__)
@click.option("--seeds", default=5, show_default=True)
@click.option("--examples", "most", default=1000, show_default=True)
def main(seeds: int, most: int) -> None:
    """Run all."""
    warnings.simplefilter("ignore")
    table = Table("property", "hypothesis, s", "pykcov, s", "times")
    times = []
    for function, strategy in PROPERTIES:
        runs: dict[str, list[float]] = {"hypothesis": [], "pykcov": []}
        for backend in runs:
            seconds(function, strategy, backend, seeds, 50)
        for number in range(seeds):
            for backend, measured in runs.items():
                measured.append(seconds(function, strategy, backend, number, most))
        times.append(statistics.median(new / old for old, new in zip(*runs.values(), strict=True)))
        medians = [f"{statistics.median(measured):.2f}" for measured in runs.values()]
        table.add_row(function.__name__, *medians, f"{times[-1]:.2f}")
    table.add_row("median", "", "", f"{statistics.median(times):.2f}")
    Console(width=100).print(table)


if __name__ == "__main__":
    main()
