"""pyperformance: a puzzle is solved."""

from collections.abc import Callable

from workloads.pyperformance_program import load

program = load("hexiom")
INSTRUMENTED = [program]
ITERATIONS = 900


def prepare() -> Callable[[int], int]:
    def run(iteration: int) -> int:
        program.main(1, (2, 10)[iteration % 2])
        return iteration

    return run
