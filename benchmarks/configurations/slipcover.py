"""SlipCover: on 3.11 it rewrites bytecode, from 3.12 on it uses sys.monitoring; it removes probes that were hit."""

from collections.abc import Callable, Sequence
from types import FunctionType, ModuleType
from typing import Any

from configurations.base import Configuration, import_tool


class SlipCover(Configuration):
    """Lines of the instrumented functions."""

    slipcover: Any

    def load(self) -> None:
        slipcover = import_tool("slipcover")
        self.slipcover = slipcover.Slipcover()

    def instrument(self, functions: Sequence[FunctionType], modules: Sequence[ModuleType]) -> None:
        for module in modules:
            self.slipcover.register_module(module)
        for function in functions:
            self.slipcover.instrument(function)

    def parts(self, run: Callable[[], object], iterations: int) -> dict[str, int]:
        files = self.slipcover.get_coverage()["files"].values()
        return {"lines": sum(len(file["executed_lines"]) for file in files)}


SLIPCOVER = [SlipCover("slipcover", "SlipCover, lines")]
