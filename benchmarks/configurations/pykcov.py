"""pykcov itself."""

from collections.abc import Callable, Sequence
from types import FunctionType, ModuleType
from typing import TYPE_CHECKING, Literal

from configurations.base import Configuration, import_tool

if TYPE_CHECKING:
    from pykcov import Buffer, Device


class Pykcov(Configuration):
    """Functions instrumented at a granularity; recorded in a mode, or dormant without one."""

    device: "Device"
    buffer: "Buffer"

    def __init__(self, name: str, description: str, granularity: Literal["block", "line"], mode: str | None) -> None:
        """`mode`: the name of one of pykcov's TRACE_ constants. An ordered trace is taken out after each iteration."""
        super().__init__(name, description)
        self.granularity = granularity
        self.mode = mode

    def load(self) -> None:
        pykcov = import_tool("pykcov")
        self.device = pykcov.open()
        self.device.set_buffer_size(pykcov.BUFFER_WORDS_MAX)
        self.buffer = self.device.mmap()
        self.number = None if self.mode is None else getattr(pykcov, self.mode)
        if self.mode == "TRACE_PC":
            self.after_iteration = self.buffer.reset

    def instrument(self, functions: Sequence[FunctionType], modules: Sequence[ModuleType]) -> None:
        import pykcov

        for function in functions:
            pykcov.instrument(function, granularity=self.granularity)

    def start(self) -> None:
        self.buffer.reset()
        if self.number is not None:
            self.device.enable(self.number)

    def stop(self) -> None:
        if self.number is not None:
            self.device.disable()
        if self.device.dropped:
            raise AssertionError(f"{self.device.dropped} events were dropped: an iteration is too long for the buffer")

    def parts(self, run: Callable[[], object], iterations: int) -> dict[str, int]:
        import pykcov
        from pykcov import _core

        parts = {"probes": _core.probe_count()}
        parts["events"] = largest = 0
        self.device.enable(pykcov.TRACE_PC)
        for _ in range(iterations):
            self.buffer.reset()
            run()
            parts["events"] += self.buffer.count
            largest = max(largest, self.buffer.count)
        self.device.disable()
        parts["events"] += self.device.dropped
        parts["most events in an iteration"] = largest
        self.buffer.reset()
        self.device.enable(pykcov.TRACE_UNIQUE_PC)
        for _ in range(iterations):
            run()
        self.device.disable()
        parts["locations"] = self.buffer.count
        return parts


PYKCOV = [
    Pykcov("dormant", "pykcov, blocks, nothing enabled", "block", None),
    Pykcov(
        "pc", "pykcov, blocks, each event recorded in order, buffer reset after each iteration", "block", "TRACE_PC"
    ),
    Pykcov("unique", "pykcov, lines, each location recorded once a run", "line", "TRACE_UNIQUE_PC"),
]
