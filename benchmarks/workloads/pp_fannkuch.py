"""pyperformance: permutations are flipped."""

from collections.abc import Callable

from workloads.pyperformance_program import load

program = load("fannkuch")
INSTRUMENTED = [program]
ITERATIONS = 250


def prepare() -> Callable[[int], int]:
    def run(iteration: int) -> int:
        result: int = program.fannkuch(6 + iteration % 2)
        return result

    return run
