"""What an example costs with the backend, for properties without a bug: the processor time, as a multiple.

Both backends in turns; of each seed the least of the turns, as what else the machine does only adds to it, and the
median over the seeds. Each property runs once before, for what happens once only.
With --libraries, of parsers that are installed (make bench-hypothesis-cost): any text is parsed, and any exception is
right. --calls counts calls of functions instead, which is coarser, but does not depend on what else the machine does.
"""

from __future__ import annotations

import cProfile
import importlib
import json
import pstats
import statistics
import time
import warnings
from contextlib import suppress

import click
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from rich.console import Console
from rich.table import Table

from pykcov.contrib.hypothesis import choose


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


LIBRARIES = {
    "commonmark": lambda module: module.commonmark,
    "dateutil.parser": lambda module: module.parse,
    "html5lib": lambda module: module.parse,
    "markdown_it": lambda module: module.MarkdownIt().render,
    "packaging.requirements": lambda module: module.Requirement,
    "sqlparse": lambda module: lambda text: module.format(text, reindent=True),
    "tomlkit": lambda module: module.parse,
}
"""The function that takes a text, by its module."""


def parser(name: str):
    """Return a property that lets a library parse."""
    parse = LIBRARIES[name](importlib.import_module(name))

    def property_(text):
        with suppress(Exception):
            parse(text)

    property_.__name__ = name
    return property_


def cost(function, strategy, backend: str, number: int, most: int, is_counted: bool) -> float:
    """Return the processor time of a run, or the number of its calls."""

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
    test = chosen(seed(number)(given(strategy)(body)))
    if is_counted:
        profile = cProfile.Profile()
        profile.runcall(test)
        return pstats.Stats(profile).total_calls  # type: ignore[attr-defined]
    begin = time.process_time()
    test()
    return time.process_time() - begin


@click.command(help=__doc__)
@click.option("--seeds", default=5, show_default=True)
@click.option("--turns", default=3, show_default=True)
@click.option("--examples", "most", default=1000, show_default=True)
@click.option("--libraries", "of_libraries", is_flag=True)
@click.option("--calls", "is_counted", is_flag=True)
def main(seeds: int, turns: int, most: int, of_libraries: bool, is_counted: bool) -> None:
    """Run all."""
    warnings.simplefilter("ignore")
    properties = [(parser(name), st.text()) for name in LIBRARIES] if of_libraries else PROPERTIES
    unit = "calls" if is_counted else "s"
    table = Table("property", f"hypothesis, {unit}", f"pykcov, {unit}", "times")
    times = []
    for function, strategy in properties:
        if of_libraries:
            choose(include=[function.__name__.partition(".")[0], __name__])
        runs: dict[str, list[float]] = {"hypothesis": [], "pykcov": []}
        for backend in runs:
            cost(function, strategy, backend, seeds, 50, False)
        for number in range(seeds):
            taken = [[cost(function, strategy, one, number, most, is_counted) for one in runs] for _ in range(turns)]
            for measured, of_backend in zip(runs.values(), zip(*taken, strict=True), strict=True):
                measured.append(min(of_backend))
        times.append(statistics.median(new / old for old, new in zip(*runs.values(), strict=True)))
        medians = [f"{statistics.median(measured):.{0 if is_counted else 2}f}" for measured in runs.values()]
        table.add_row(function.__name__, *medians, f"{times[-1]:.2f}")
    table.add_row("median", "", "", f"{statistics.median(times):.2f}")
    Console(width=100).print(table)


if __name__ == "__main__":
    main()
