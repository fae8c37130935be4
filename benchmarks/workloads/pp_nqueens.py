"""pyperformance: eight queens, by brute force."""

from collections.abc import Callable

from workloads.pyperformance_program import load

program = load("nqueens")
INSTRUMENTED = [program]
ITERATIONS = 500


def prepare() -> Callable[[int], int]:
    def run(iteration: int) -> int:
        return sum(map(sum, program.n_queens(5 + iteration % 2)))

    return run
