"""The comparison with Atheris as a picture: plot.py SPEED.json BUGS.json PICTURE.svg (files of `-o` of both programs).

Left: executions a second over those of Atheris, a dot for each harness and size of inputs, and a ring for the bare
program, which no fuzzer can pass. Right: median seconds to each bug that both found, and the line of a third.
"""

import json
import statistics
import sys
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("svg")
from matplotlib import pyplot


def draw_speed(axes: Any, rows: list[dict[str, Any]]) -> None:
    sizes = list(dict.fromkeys(row["size"] for row in rows))
    names = list(dict.fromkeys(row["harness"] for row in rows))[::-1]
    for number, size in enumerate(sizes):
        found = [row for row in rows if row["size"] == size]
        at = [names.index(row["harness"]) + 0.2 * (1 - number) for row in found]
        colour = f"C{number}"
        axes.plot([row["ratio"] for row in found], at, "o", color=colour, label=size)
        axes.plot([row["limit"] for row in found], at, "o", color=colour, fillstyle="none", alpha=0.5)
    axes.axvline(1, color="grey", linewidth=0.8)
    axes.set_yticks(range(len(names)), names)
    axes.set_xlabel("executions a second over Atheris' (ring: bare)")
    axes.legend()


def median(runs: list[dict[str, Any]]) -> float | None:
    hits = [run["seconds"] for run in runs if run["found"]]
    return statistics.median(hits) if hits else None


def draw_bugs(axes: Any, rows: list[dict[str, Any]]) -> None:
    pairs = [(row["target"], median(row["atheris"]), median(row["pykcov"])) for row in rows]
    both = [(name, theirs, ours) for name, theirs, ours in pairs if theirs is not None and ours is not None]
    for name, theirs, ours in both:
        axes.plot(theirs, ours, "o", color="C0")
        axes.annotate(name, (theirs, ours), fontsize=7, xytext=(3, 3), textcoords="offset points")
    ends = [0.8 * min(min(pair[1:]) for pair in both), 1.25 * max(max(pair[1:]) for pair in both)]
    axes.plot(ends, ends, color="grey", linewidth=0.8)
    axes.plot(ends, [end / 3 for end in ends], color="grey", linewidth=0.8, linestyle="dotted")
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xlabel("seconds to the bug, Atheris")
    axes.set_ylabel("pykcov")


def main() -> None:
    speed, bugs, picture = map(Path, sys.argv[1:])
    figure, (left, right) = pyplot.subplots(1, 2, figsize=(11, 5), layout="constrained")
    draw_speed(left, json.loads(speed.read_text()))
    draw_bugs(right, json.loads(bugs.read_text()))
    figure.savefig(picture)


if __name__ == "__main__":
    main()
