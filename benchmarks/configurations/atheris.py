"""Atheris, within a real run of its fuzzer: outside of one its functions do nothing."""

import sys
import tempfile
from collections.abc import Callable, Sequence
from types import FunctionType, ModuleType
from typing import Any

from configurations.base import Configuration, import_tool


class Atheris(Configuration):
    """The functions instrumented by Atheris, run as the test of libFuzzer, which keeps the counters."""

    atheris: Any

    def __init__(self, name: str, description: str, compare: bool) -> None:
        super().__init__(name, description)
        self.compare = compare

    def load(self) -> None:
        self.atheris = import_tool("atheris")

    def instrument(self, functions: Sequence[FunctionType], modules: Sequence[ModuleType]) -> None:
        for function in functions:
            if self.compare:
                self.atheris.instrument_func(function)
            else:
                function.__code__ = self.atheris.instrument_bytecode.patch_code(function.__code__, trace_dataflow=False)

    def serve(self, measure: Callable[[], None]) -> None:
        # One "input", in which all is measured: it may take its time. It never returns, the worker ends the process; if
        # libFuzzer does so earlier, it is not to leave the input in this folder.
        options = [
            "-atheris_runs=1",
            "-rss_limit_mb=0",
            "-timeout=1000000",
            f"-artifact_prefix={tempfile.gettempdir()}/",
        ]
        self.atheris.Setup([sys.argv[0], *options], lambda data: measure())
        self.atheris.Fuzz()


ATHERIS = [
    Atheris("atheris-blocks", "Atheris, blocks only (patch_code without data flow)", compare=False),
    Atheris("atheris", "Atheris, instrument_func: blocks and comparisons", compare=True),
]
