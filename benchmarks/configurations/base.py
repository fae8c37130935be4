"""What a configuration has to do. The base class does nothing: it is the bare program."""

import importlib
from collections.abc import Callable, Sequence
from types import FunctionType, ModuleType
from typing import Any


class Unavailable(Exception):
    """The tool is not installed, or does not do this on this Python; the message says which."""


def import_tool(name: str) -> Any:
    """Import a module; Unavailable if it is not installed. One that is but does not work is an error."""
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name == name:
            raise Unavailable(str(error)) from error
        raise


class Configuration:
    """One column. Its process has no other; its methods are called in the order they have here."""

    after_iteration: Callable[[], object] | None = None
    """Called within the measured time after each iteration, as a fuzzer would between two inputs."""

    settling_seconds = 0.0
    """Processor time that runs take before the first one is measured: a tool that changes code may need some."""

    def __init__(self, name: str, description: str) -> None:
        self.name = name
        self.description = description

    def load(self) -> None:
        """Import the tool; called before the workload is imported. Raises Unavailable."""

    def instrument(self, functions: Sequence[FunctionType], modules: Sequence[ModuleType]) -> None:
        """Instrument `functions`: all that are defined in `modules`. Tools that only know files take those."""

    def serve(self, measure: Callable[[], None]) -> None:
        """Run the rest: all that follows happens in `measure`."""
        measure()

    def start(self) -> None:
        """Begin to record; called before each measured run, not within its time."""

    def stop(self) -> None:
        """End recording. Raises if less was recorded than there was."""

    def parts(self, run: Callable[[], object], iterations: int) -> dict[str, int]:
        """What one measured run consists of, for the table of parts: may run it again, untimed, as often as needed.

        `run` runs the next of `iterations` iterations.
        """
        return {}
