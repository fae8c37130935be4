"""pyperformance: widgets in comprehensions."""

from collections.abc import Callable

from workloads.pyperformance_program import load

program = load("comprehensions")
INSTRUMENTED = [program]
ITERATIONS = 1000


def prepare() -> Callable[[int], int]:
    def run(iteration: int) -> int:
        program.bench_comprehensions(20)
        return iteration

    return run
