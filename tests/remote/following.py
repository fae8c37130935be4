"""What the tests of carriers share: traces that are open at the same time, each with a function of its own."""

from collections.abc import Callable
from types import ModuleType
from typing import Any

from at_once import at_once

from pykcov import FollowedTrace, Tracer

TRACES = 50
EXPECTED = {n: {f"own{n}"} for n in range(TRACES)}
FUNCTIONS = "".join(f"def own{n}(number=0):\n    number += {n}\n    return number\n\n" for n in range(TRACES))


def ran(trace: FollowedTrace) -> set[str]:
    """Return the functions that a trace holds; new processes also import their modules for it."""
    return {location.function for location in trace.locations()} - {"<module>"}


def in_threads(tracer: Tracer, functions: ModuleType, way: Callable[[Any], object]) -> dict[int, set[str]]:
    """Have 10 threads trace 50 calls of way(function); return what each trace holds."""

    def work(first: int) -> dict[int, set[str]]:
        found = {}
        for n in range(first, TRACES, 10):
            with tracer.trace() as trace:
                way(getattr(functions, f"own{n}"))
            found[n] = ran(trace)
        return found

    return dict(sorted(item for found in at_once(work, 10) for item in found.items()))
