"""pykcov itself."""

from collections.abc import Callable, Sequence
from types import FunctionType, ModuleType
from typing import TYPE_CHECKING, Literal

from configurations.base import Configuration, import_tool

if TYPE_CHECKING:
    from pykcov import Buffer, Device


class Pykcov(Configuration):
    """Functions instrumented; recorded in a mode, or dormant without one."""

    device: "Device"
    buffer: "Buffer"

    def __init__(
        self,
        name: str,
        description: str,
        *,
        mode: tuple[str, ...] = (),
        granularity: Literal["block", "line"] = "block",
        compare: bool = False,
    ) -> None:
        """`mode`: the names of pykcov's constants that make it up; none is dormant."""
        super().__init__(name, description)
        self.granularity = granularity
        self.compare = compare
        self.mode = mode
        self.number = 0

    def load(self) -> None:
        pykcov = import_tool("pykcov")
        self.device = pykcov.open()
        self.device.set_buffer_size(pykcov.BUFFER_WORDS_MAX)
        self.buffer = self.device.mmap()
        for name in self.mode:
            self.number |= getattr(pykcov, name)
        if self.number not in (0, pykcov.TRACE_UNIQUE_PC):
            # What comes in order and again and again is taken out after each input, so that it is really recorded.
            self.after_iteration = self.buffer.reset

    def instrument(self, functions: Sequence[FunctionType], modules: Sequence[ModuleType]) -> None:
        import pykcov

        for function in functions:
            pykcov.instrument(function, granularity=self.granularity, compare=self.compare)

    def start(self) -> None:
        self.buffer.reset()
        if self.number:
            self.device.enable(self.number)

    def stop(self) -> None:
        if self.number:
            self.device.disable()
        if self.device.dropped:
            raise AssertionError(f"{self.device.dropped} events were dropped: an iteration is too long for the buffer")

    def parts(self, run: Callable[[], object], iterations: int) -> dict[str, int]:
        import pykcov
        from pykcov import _core

        # Each time that a probe is reached counts, also where the mode records it once or not at all.
        self.device.enable(self.number if self.compare else pykcov.TRACE_PC)
        counts = []
        for _ in range(iterations):
            self.buffer.reset()
            run()
            counts.append(self.buffer.count)
        self.device.disable()
        dropped = self.device.dropped
        self.buffer.reset()
        self.device.enable(pykcov.TRACE_UNIQUE_PC)
        for _ in range(iterations):
            run()
        self.device.disable()
        return {
            "probes": _core.probe_count(),
            "events": sum(counts) + dropped,
            "most events in an iteration": max(counts),
            "locations": self.buffer.count,
        }


PYKCOV = [
    Pykcov("dormant", "pykcov, blocks, nothing enabled"),
    Pykcov("pc", "pykcov, blocks, each event recorded in order", mode=("TRACE_PC",)),
    Pykcov("unique", "pykcov, lines, each recorded once a run", mode=("TRACE_UNIQUE_PC",), granularity="line"),
    Pykcov("cmp", "pykcov, each comparison recorded in order", mode=("TRACE_CMP",), compare=True),
    Pykcov(
        "cmp-bytes",
        "pykcov, each comparison recorded, those of str, bytes and float too",
        mode=("TRACE_CMP", "CMP_BYTES"),
        compare=True,
    ),
]
