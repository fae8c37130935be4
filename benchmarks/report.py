"""Results as Markdown."""

import argparse
import ast
import importlib.metadata
import os
import platform
import statistics
import sysconfig
from collections.abc import Iterable, Sequence
from pathlib import Path

from configurations import ALL, BARE
from measurements import Cell, Results

TOOLS = ("pykcov", "atheris", "coverage", "slipcover")


def markdown(results: Results, options: argparse.Namespace) -> str:
    """The whole page."""
    sections = [
        "# Benchmark\n",
        *machine(options),
        "\n## Ratios to bare\n",
        "Processor time over that of the bare program: the median of the rounds, +- half of the range of their middle "
        "half.\n",
        table(["workload", "bare, ms", *results.configurations[1:]], ratio_rows(results)),
        "\n".join(f"- {name}: {ALL[name].description}" for name in results.configurations),
        *parts_section(results),
        *notes("Not measured", results.missing(), lambda cell: cell.missing),
        *notes("Failed", results.problems(), lambda cell: cell.problem.splitlines()[-1]),
    ]
    return "\n".join(sections) + "\n"


def machine(options: argparse.Namespace) -> list[str]:
    """Where and how it was measured."""
    processor = next(
        (
            line.partition(":")[2].strip()
            for line in Path("/proc/cpuinfo").read_text().splitlines()
            if line.startswith("model name")
        ),
        platform.machine(),
    )
    optimised = "--enable-optimizations" in (sysconfig.get_config_var("CONFIG_ARGS") or "")
    versions = ", ".join(f"{tool} {version(tool)}" for tool in TOOLS)
    pinned = "any processor" if options.cpu is None else f"processor {options.cpu}"
    return [
        f"- {platform.python_implementation()} {platform.python_version()}, "
        f"{'built with' if optimised else 'built without'} profile-guided optimisation; {versions}",
        f"- {processor}, {os.cpu_count()} processors, {platform.system()} {platform.release()}; workers on {pinned}",
        f"- {options.processes} generations of processes, {options.rounds} rounds each, "
        f"load {os.getloadavg()[0]:.1f} at the end"
        + ("; **quick: the figures mean nothing**" if options.quick else ""),
    ]


def version(distribution: str) -> str:
    try:
        return importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return "from its folder" if distribution == "pykcov" else "not installed"


def ratio_rows(results: Results) -> Iterable[list[str]]:
    columns = results.configurations[1:]
    for workload in results.workloads:
        bare = results.cell(workload, BARE.name)
        time = f"{statistics.median(bare.cpu) / 1e6:.0f}" if bare.cpu else "-"
        yield [workload, time, *(ratio_text(results.cell(workload, name)) for name in columns)]
    complete = len(results.measured(BARE.name))
    means = []
    for name in columns:
        measured = len(results.measured(name))
        mean = f"**{results.geometric_mean(name):.3f}**" if measured else "-"
        means.append(mean if measured in (0, complete) else f"{mean} ({measured} of {complete})")
    yield ["**geometric mean**", "", *means]


def ratio_text(cell: Cell) -> str:
    if cell.problem:
        return "failed"
    return f"{cell.ratio:.2f} ± {cell.spread:.2f}" if cell.ratios else "-"


def parts_section(results: Results) -> list[str]:
    """Where the cost comes from: how many events there are, and what one costs."""
    sections = []
    for name in results.configurations:
        cells = [cell for cell in results.measured(name) if cell.parts.get("events")]
        if cells:
            heads = ["workload", "functions", "probes", "locations hit", "events", "M events/s", "ns an event"]
            sections += [f"\n### {name}\n", table(heads, map(event_row, cells))]
    if sections:
        sections.insert(
            0,
            "\n## Parts of the ratios\n\n"
            "Events: how often a probe is reached in a measured run, recorded or not; of comparisons, the entries that "
            "they make; with a counter map both. M events/s: in a second of the run. ns an event: what the run takes "
            "longer than bare, divided by its events.",
        )
    return sections


def event_row(cell: Cell) -> list[str]:
    events = cell.parts["events"]
    seconds = statistics.median(cell.cpu) / 1e9
    return [
        cell.workload,
        str(cell.functions),
        str(cell.parts["probes"]),
        str(cell.parts["locations"]),
        f"{events:,}",
        f"{events / seconds / 1e6:.1f}",
        f"{cell.overhead / events:.1f}",
    ]


def notes(title: str, cells: Sequence[Cell], reason: object) -> list[str]:
    """A list of cells with the reason of each; those of one reason together."""
    assert callable(reason)
    places: dict[str, list[str]] = {}
    for cell in cells:
        places.setdefault(f"{cell.configuration}: {reason(cell)}", []).append(cell.workload)
    if not places:
        return []
    lines = (f"- {text} ({', '.join(workloads)})" for text, workloads in places.items())
    return [f"\n## {title}\n", *lines]


def table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [heads, ["---", *["---:"] * (len(heads) - 1)], *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines) + "\n"


def describe(workload: str) -> str:
    """The first sentence of a workload's file."""
    source = (Path(__file__).parent / "workloads" / f"{workload}.py").read_text()
    return (ast.get_docstring(ast.parse(source)) or "").partition("\n")[0]
