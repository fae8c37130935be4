"""pyperformance: the spectral norm of a matrix."""

from collections.abc import Callable

from workloads.pyperformance_program import load

program = load("spectral_norm")
INSTRUMENTED = [program]
ITERATIONS = 170


def prepare() -> Callable[[int], int]:
    def run(iteration: int) -> int:
        program.DEFAULT_N = 20 + iteration % 5
        program.bench_spectral_norm(1)
        return iteration

    return run
