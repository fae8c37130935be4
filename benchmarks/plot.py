"""The ratios of a benchmark as a picture: one row a configuration, a dot for each workload, a bar at the mean."""

import json
import statistics
import sys
from pathlib import Path
from typing import Any


def draw(results: dict[str, Any], target: Path, title: str) -> bool:
    """Write an SVG file; False, and nothing is written, where matplotlib is missing."""
    try:
        import matplotlib
    except ModuleNotFoundError:
        return False
    matplotlib.use("svg")
    from matplotlib import pyplot

    ratios: dict[str, list[float]] = {}
    for cell in results["cells"]:
        if cell["ratios"] and not cell["problem"] and cell["configuration"] != "bare":
            ratios.setdefault(cell["configuration"], []).append(statistics.median(cell["ratios"]))
    names = list(ratios)[::-1]
    figure, axes = pyplot.subplots(figsize=(9, 1 + 0.4 * len(names)), layout="constrained")
    for row, name in enumerate(names):
        axes.plot(ratios[name], [row] * len(ratios[name]), "o", alpha=0.35, color="tab:blue", markersize=5)
        mean = statistics.geometric_mean(ratios[name])
        axes.plot([mean, mean], [row - 0.35, row + 0.35], color="black")
        axes.annotate(f"{mean:.2f}", (mean, row + 0.38), ha="center", va="bottom", fontsize=8)
    axes.set_yticks(range(len(names)), names)
    axes.set_ylim(-0.6, len(names))
    axes.set_xscale("log")
    ticks = [tick for tick in (1, 1.25, 1.5, 2, 3, 5, 10, 20) if tick <= 1.3 * max(map(max, ratios.values()))]
    axes.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
    axes.minorticks_off()
    axes.axvline(1, color="grey", linewidth=0.8)
    axes.set_xlabel("processor time over the bare program: each workload, and the geometric mean")
    axes.set_title(title)
    figure.savefig(target)
    pyplot.close(figure)
    return True


def main() -> None:
    """Draw results that were saved: plot.py RESULTS.json..."""
    for name in sys.argv[1:]:
        path = Path(name)
        draw(json.loads(path.read_text()), path.with_suffix(".svg"), path.stem)


if __name__ == "__main__":
    main()
