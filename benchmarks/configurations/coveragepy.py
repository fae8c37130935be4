"""coverage.py with each of its cores."""

import os
import sys
from collections.abc import Callable, Sequence
from types import FunctionType, ModuleType
from typing import Any

from configurations.base import Configuration, Unavailable, import_tool


class CoveragePy(Configuration):
    """Lines, or lines and branches, of the files of the instrumented modules."""

    coverage: Any

    def __init__(self, name: str, description: str, core: str, branch: bool) -> None:
        super().__init__(name, description)
        self.core = core
        self.branch = branch

    def load(self) -> None:
        os.environ["COVERAGE_CORE"] = self.core
        coverage = import_tool("coverage")
        self.Coverage = coverage.Coverage
        if self.core == "sysmon" and sys.version_info < (3, 12):
            raise Unavailable("sys.monitoring is there from Python 3.12 on")

    def instrument(self, functions: Sequence[FunctionType], modules: Sequence[ModuleType]) -> None:
        files = [module.__file__ for module in modules if module.__file__]
        self.coverage = self.Coverage(data_file=None, config_file=False, include=files, branch=self.branch)
        self.coverage.start()
        core = self.coverage._collector.tracer_name()
        self.coverage.stop()
        if not core.lower().startswith(self.core):
            raise Unavailable(f"coverage.py took another core: {core}")

    def start(self) -> None:
        self.coverage.start()

    def stop(self) -> None:
        self.coverage.stop()

    def parts(self, run: Callable[[], object], iterations: int) -> dict[str, int]:
        data = self.coverage.get_data()
        return {"lines": sum(len(data.lines(file) or ()) for file in data.measured_files())}


COVERAGEPY = [
    CoveragePy("coverage", "coverage.py, lines, its C tracer", "ctrace", branch=False),
    CoveragePy("coverage-branch", "coverage.py, lines and branches, its C tracer", "ctrace", branch=True),
    CoveragePy("coverage-sysmon", "coverage.py, lines, sys.monitoring (3.12 and later)", "sysmon", branch=False),
]
