"""What was measured, and the figures that follow from it."""

import statistics
from dataclasses import asdict, dataclass, field
from typing import Any

from configurations import BARE


@dataclass
class Cell:
    """One workload in one configuration. Times in nanoseconds, one of each round."""

    workload: str
    configuration: str
    cpu: list[int] = field(default_factory=list)
    wall: list[int] = field(default_factory=list)
    ratios: list[float] = field(default_factory=list)
    """Processor time over that of bare in the same round."""
    functions: int = 0
    parts: dict[str, int] = field(default_factory=dict)
    missing: str = ""
    """Why it cannot be measured here, if it cannot."""
    problem: str = ""
    """What went wrong, if something did."""

    @property
    def ratio(self) -> float:
        return statistics.median(self.ratios)

    @property
    def spread(self) -> float:
        """Half of the range that holds the middle half of the ratios."""
        if len(self.ratios) < 2:
            return 0.0
        low, _, high = statistics.quantiles(self.ratios, n=4, method="inclusive")
        return (high - low) / 2

    @property
    def overhead(self) -> float:
        """Nanoseconds that a run takes longer than bare, by median ratio; of bare itself, what it takes."""
        return statistics.median(self.cpu) * (1 - 1 / self.ratio)


class Results:
    """All cells."""

    def __init__(self, workloads: list[str], configurations: list[str]) -> None:
        self.workloads = workloads
        self.configurations = configurations
        self._cells = {(w, c): Cell(w, c) for w in workloads for c in configurations}

    def cell(self, workload: str, configuration: str) -> Cell:
        return self._cells[workload, configuration]

    def add_round(self, workload: str, row: dict[str, dict[str, int]]) -> None:
        """Take what each configuration answered in one round. A wrong checksum is a problem, its time is no time."""
        bare = row.get(BARE.name)
        if bare is None:
            return
        for name, answer in row.items():
            cell = self.cell(workload, name)
            if answer["checksum"] != bare["checksum"]:
                cell.problem = f"checksum {answer['checksum']}, bare has {bare['checksum']}"
                continue
            cell.cpu.append(answer["cpu"])
            cell.wall.append(answer["wall"])
            cell.ratios.append(answer["cpu"] / bare["cpu"])

    def measured(self, configuration: str) -> list[Cell]:
        """The cells of a column that have a ratio."""
        cells = (self.cell(workload, configuration) for workload in self.workloads)
        return [cell for cell in cells if cell.ratios and not cell.problem]

    def geometric_mean(self, configuration: str) -> float:
        return statistics.geometric_mean([cell.ratio for cell in self.measured(configuration)])

    def problems(self) -> list[Cell]:
        return [cell for cell in self._cells.values() if cell.problem]

    def missing(self) -> list[Cell]:
        return [cell for cell in self._cells.values() if cell.missing]

    def as_dict(self) -> dict[str, Any]:
        """Everything, for other programs."""
        return {"cells": [asdict(cell) for cell in self._cells.values()]}
