"""pyperformance: points are normalised and maximised."""

from collections.abc import Callable

from workloads.pyperformance_program import load

program = load("float")
INSTRUMENTED = [program]
ITERATIONS = 400


def prepare() -> Callable[[int], int]:
    def run(iteration: int) -> int:
        point = program.benchmark(2000 + iteration % 7)
        return int(point.x * 1e9)

    return run
