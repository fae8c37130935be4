"""What per-test contexts cost: test suites of libraries, bare, with pykcov and with coverage.py, in turns.

    benchmarks/pytest_suites.py [LIBRARY]... [-c CONFIGURATION]... [--rounds N] [--folder FOLDER] [-o FILE]

Prints a table in Markdown. A ratio is that of two runs of the same round; the time is the processor time of pytest and
its children. Needs pytest, pytest-cov and pip; the suites come from source distributions.
"""

import argparse
import os
import platform
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tools"))

import pytest_libraries as suites

Configuration = Callable[[suites.Library, str], tuple[list[str], dict[str, str]]]

CONFIGURATIONS: dict[str, Configuration] = {
    "bare": lambda library, data_file: ([], {}),
    "control": lambda library, data_file: ([], {}),
    "pykcov": suites.with_pykcov,
    "pykcov, parts": lambda library, data_file: suites.with_pykcov(library, data_file, "setup-call-teardown"),
    "pykcov, branches": lambda library, data_file: suites.with_pykcov(library, data_file, branch=True),
    "coverage.py": suites.with_coverage,
    "coverage.py, branches": lambda library, data_file: suites.with_coverage(library, data_file, branch=True),
}
LIBRARIES = {
    library.name: library
    for library in (
        *(suites.LIBRARIES[name] for name in ("packaging", "sqlparse", "mistune", "jinja2")),
        suites.CLICK,
        suites.Library("soupsieve", "2.6", "soupsieve", ("beautifulsoup4", "html5lib", "lxml")),
        suites.Library("bleach", "6.2.0", "bleach", ("webencodings",)),
    )
}


@dataclass
class Cell:
    """One suite in one configuration; a figure a round."""

    seconds: list[float] = field(default_factory=list)
    ratios: list[float] = field(default_factory=list)
    size: int = 0


def measure(library: suites.Library, root: Path, arguments: list[str], extra: dict[str, str]) -> float:
    """Run a suite; return its processor time in seconds."""
    words = suites.command(library, arguments)
    null = os.open(os.devnull, os.O_RDWR)
    here = os.getcwd()
    os.chdir(root)
    try:
        pid = os.posix_spawn(
            words[0],
            words,
            suites.environment(library, root) | extra,
            file_actions=[(os.POSIX_SPAWN_DUP2, null, 0), (os.POSIX_SPAWN_DUP2, null, 1)],
        )
    finally:
        os.chdir(here)
        os.close(null)
    _, status, usage = os.wait4(pid, 0)
    if os.waitstatus_to_exitcode(status) != 0:
        raise SystemExit(f"{library.name}: pytest {' '.join(arguments)} ended with {os.waitstatus_to_exitcode(status)}")
    return usage.ru_utime + usage.ru_stime


def run_round(library: suites.Library, root: Path, cells: dict[str, Cell], first: int) -> None:
    """Run each configuration once, another one first than in the round before."""
    names = list(cells)
    start = first % len(names)
    times = {}
    for name in names[start:] + names[:start]:
        data_file = str(root.parent / "data")
        Path(data_file).unlink(missing_ok=True)
        arguments, extra = CONFIGURATIONS[name](library, data_file)
        times[name] = measure(library, root, arguments, extra)
        if Path(data_file).exists():
            cells[name].size = Path(data_file).stat().st_size
    for name, seconds in times.items():
        cells[name].seconds.append(seconds)
        cells[name].ratios.append(seconds / times["bare"])


def spread(ratios: list[float]) -> float:
    """Return half of the range that holds the middle half."""
    if len(ratios) < 2:
        return 0.0
    low, _, high = statistics.quantiles(ratios, n=4, method="inclusive")
    return (high - low) / 2


def markdown(found: dict[str, dict[str, Cell]], configurations: list[str], rounds: int) -> str:
    """Return the page."""
    names = configurations[1:]
    with_data = [name for name in names if name != "control"]
    lines = [
        "# Per-test contexts\n",
        f"- {platform.python_implementation()} {platform.python_version()}, {os.cpu_count()} processors, load "
        f"{os.getloadavg()[0]:.1f} at the end",
        f"- {rounds} rounds; processor time over that of bare pytest in the same round: median, ± half of the range "
        "of the middle half\n",
        f"| suite | bare, s | {' | '.join(names)} |",
        f"| --- | ---: | {' | '.join(['---:'] * len(names))} |",
    ]
    for suite, cells in found.items():
        row = [f"{statistics.median(cells[name].ratios):.2f} ± {spread(cells[name].ratios):.2f}" for name in names]
        lines.append(f"| {suite} | {statistics.median(cells['bare'].seconds):.2f} | {' | '.join(row)} |")
    means = [
        statistics.geometric_mean([statistics.median(cells[name].ratios) for cells in found.values()]) for name in names
    ]
    lines += [f"| geometric mean | | {' | '.join(f'{mean:.2f}' for mean in means)} |", ""]
    lines += [f"| data file, bytes | {' | '.join(with_data)} |", f"| --- | {' | '.join(['---:'] * len(with_data))} |"]
    for suite, cells in found.items():
        lines.append(f"| {suite} | {' | '.join(str(cells[name].size) for name in with_data)} |")
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("library", nargs="*", default=list(LIBRARIES), metavar="LIBRARY", help=", ".join(LIBRARIES))
    parser.add_argument("-c", "--configuration", action="append", choices=[*CONFIGURATIONS], help="default: all")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--folder", type=Path, help="where the suites are unpacked")
    parser.add_argument("-o", "--output", type=Path, help="a file, besides standard output")
    options = parser.parse_args()
    chosen = [name for name in CONFIGURATIONS if name == "bare" or name in (options.configuration or CONFIGURATIONS)]
    found: dict[str, dict[str, Cell]] = {}
    with nullcontext(options.folder) if options.folder else tempfile.TemporaryDirectory() as folder:
        Path(folder).mkdir(exist_ok=True)
        for name in options.library:
            library = LIBRARIES[name]
            root = suites.fetch(library, Path(folder).resolve())
            cells = found[name] = {name: Cell() for name in chosen}
            for configuration in chosen:  # what is compiled once
                arguments, extra = CONFIGURATIONS[configuration](library, str(root.parent / "data"))
                measure(library, root, [*arguments, "--collect-only"], extra)
            for number in range(options.rounds):
                started = time.monotonic()
                run_round(library, root, cells, number)
                print(f"{name}: round {number + 1} took {time.monotonic() - started:.0f} s", file=sys.stderr)
    page = markdown(found, chosen, options.rounds)
    print(page)
    if options.output is not None:
        options.output.write_text(page)


if __name__ == "__main__":
    main()
