"""pykcov itself."""

from collections.abc import Callable, Sequence
from types import FunctionType, ModuleType
from typing import TYPE_CHECKING, Literal

from configurations.base import Configuration, import_tool

if TYPE_CHECKING:
    from pykcov import Buffer, Counters, Device
    from pykcov.once.log import Log


class Pykcov(Configuration):
    """Functions instrumented; recorded in a mode, or dormant without one."""

    device: "Device"
    buffer: "Buffer"
    counters: "Counters"

    def __init__(
        self,
        name: str,
        description: str,
        *,
        mode: tuple[str, ...] = (),
        granularity: Literal["branch", "block", "line", "arc", "condition"] = "block",
        compare: bool = False,
        count: bool = False,
    ) -> None:
        """`mode`: the names of pykcov's constants that make it up; none is dormant. `count`: with a counter map."""
        super().__init__(name, description)
        self.granularity = granularity
        self.compare = compare
        self.count = count
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
        if self.count:
            self.counters = self.device.set_counters()
            self.after_iteration = self.reset_both

    def reset_both(self) -> None:
        self.buffer.reset()
        self.counters.reset()

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

        # Each time that a probe is reached counts, also where the mode records it once or not at all; of comparisons
        # the entries.
        counts = self.entries(self.number, run, iterations) if self.compare else [0] * iterations
        if self.count or not self.compare:
            reached = self.entries(pykcov.TRACE_PC, run, iterations)
            counts = [sum(pair) for pair in zip(counts, reached, strict=True)]
        self.buffer.reset()
        self.device.enable(pykcov.TRACE_UNIQUE_PC)
        for _ in range(iterations):
            run()
        self.device.disable()
        return {
            "probes": _core.probe_count(),
            "events": sum(counts),
            "most events in an iteration": max(counts),
            "locations": self.buffer.count,
        }

    def entries(self, mode: int, run: Callable[[], object], iterations: int) -> list[int]:
        """How many each iteration makes in this mode."""
        self.device.enable(mode)
        counts = []
        for _ in range(iterations):
            self.buffer.reset()
            dropped = self.device.dropped
            run()
            counts.append(self.buffer.count + self.device.dropped - dropped)
        self.device.disable()
        return counts


class Once(Configuration):
    """What ran at all, in all threads: probes that were hit vanish."""

    settling_seconds = 2.5

    def __init__(self, name: str, description: str, granularity: str) -> None:
        super().__init__(name, description)
        self.granularity = granularity
        self.log: Log | None = None

    def load(self) -> None:
        import_tool("pykcov")

    def instrument(self, functions: Sequence[FunctionType], modules: Sequence[ModuleType]) -> None:
        import pykcov
        from pykcov.once.log import Log

        for function in functions:
            pykcov.instrument(function, granularity=self.granularity)
        self.log = Log()  # for the life of the process, as in a service

    def parts(self, run: Callable[[], object], iterations: int) -> dict[str, int]:
        from pykcov import _core

        assert self.log is not None
        return {"probes": _core.probe_count(), "locations": len(self.log.first_hits())}


PYKCOV = [
    Pykcov("dormant", "pykcov, blocks, nothing enabled"),
    Pykcov("pc", "pykcov, blocks, each event recorded in order", mode=("TRACE_PC",)),
    Pykcov("pc-branch", "the same without the blocks that others imply", mode=("TRACE_PC",), granularity="branch"),
    Pykcov("unique", "pykcov, lines, each recorded once a run", mode=("TRACE_UNIQUE_PC",), granularity="line"),
    Pykcov("branches", "the same with exact branches", mode=("TRACE_UNIQUE_PC",), granularity="arc"),
    Pykcov("conditions", "the same with conditions and MC/DC", mode=("TRACE_UNIQUE_PC",), granularity="condition"),
    Once("once", "pykcov, lines, which ran at all: after a while without probes", granularity="line"),
    Once("once-branch", "the same with the arcs that coverage.py counts", granularity="arc"),
    Pykcov("cmp", "pykcov, each comparison recorded in order", mode=("TRACE_CMP",), compare=True),
    Pykcov(
        "cmp-bytes",
        "pykcov, each comparison recorded, those of str, bytes and float too",
        mode=("TRACE_CMP", "CMP_BYTES"),
        compare=True,
    ),
    Pykcov(
        "counters+cmp-bytes",
        "pykcov, a map of how often each block is reached, and each comparison recorded as in cmp-bytes",
        mode=("TRACE_CMP", "CMP_BYTES"),
        compare=True,
        count=True,
    ),
]
