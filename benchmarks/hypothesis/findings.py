"""Examples and seconds until a property fails, beside other backends of Hypothesis.

For each property: in how many seeds it was found, the median of the examples that took (those that did not find it
count as infinitely many), and the median of the processor time. Without NAMES: all of micro.py; or, with --real, all
of real.py. CrossHair is `--backend crosshair`, if hypothesis-crosshair is installed.
"""

from __future__ import annotations

import importlib
import json
import statistics
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path

import click
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from rich.console import Console
from rich.table import Table

from pykcov.contrib.hypothesis import choose


def run(
    function: Callable[..., None],
    strategies: tuple[st.SearchStrategy[object], ...],
    backend: str,
    number: int,
    most: int,
    seconds: float,
) -> tuple[int | None, float]:
    """Return the number of the example that failed, None if none did in time, and the seconds of processor time."""
    examples = 0

    def body(drawn):
        nonlocal examples
        examples += 1
        if time.process_time() - begin > seconds:
            raise KeyboardInterrupt  # which no engine takes for a failure
        function(*drawn)

    body.__module__ = function.__module__
    chosen = settings(
        backend=backend,
        max_examples=most,
        database=None,
        phases=[Phase.generate],
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    begin = time.process_time()
    found = None
    try:
        chosen(seed(number)(given(st.tuples(*strategies))(body)))()
    except AssertionError:
        found = examples
    except KeyboardInterrupt:
        if time.process_time() - begin <= seconds:
            raise
    return found, time.process_time() - begin


def cells(runs: list[tuple[int | None, float]]) -> list[str]:
    """Return in how many runs it was found, and the medians of the tries and of the seconds that took."""
    found = [tries for tries, _ in runs if tries is not None]
    median = statistics.median(tries or float("inf") for tries, _ in runs)
    taken = statistics.median(taken for _, taken in runs)
    return [f"{len(found)}/{len(runs)}", f"{median:.0f}" if found else "-", f"{taken:.2f}"]


@click.command(help=__doc__)
@click.argument("names", nargs=-1)
@click.option("--backend", "backends", multiple=True, default=("hypothesis", "pykcov"), show_default=True)
@click.option("--seeds", default=10, show_default=True)
@click.option("--examples", "most", default=1000, show_default=True)
@click.option("--seconds", default=60.0, show_default=True, help="Of processor time, for each run at most.")
@click.option("--real", "is_real", is_flag=True, help="Libraries with known bugs (make bench-hypothesis).")
@click.option("-o", "output", type=click.Path(path_type=Path), help="Write all figures there, as JSON.")
def main(
    names: tuple[str, ...],
    backends: tuple[str, ...],
    seeds: int,
    most: int,
    seconds: float,
    is_real: bool,
    output: Path | None,
) -> None:
    """Run all, backends in turns."""
    warnings.simplefilter("ignore")
    module = importlib.import_module("real" if is_real else "micro")
    properties = module.PROPERTIES
    figures = {}
    table = Table("property", *(f"{backend}: {what}" for backend in backends for what in ("found", "examples", "s")))
    for name in names or properties:
        if is_real:
            choose(include=[*module.WATCHED.get(name, [name]), "real"])
        runs: dict[str, list[tuple[int | None, float]]] = {backend: [] for backend in backends}
        for number in range(seeds):
            for backend in backends:
                runs[backend].append(run(*properties[name], backend, number, most, seconds))
        figures[name] = runs
        table.add_row(name, *(cell for backend in backends for cell in cells(runs[backend])))
        print(f"{name}: done", file=sys.stderr)
    Console(width=120).print(table)
    if output is not None:
        output.write_text(json.dumps(figures))


if __name__ == "__main__":
    main()
