"""pyperformance: planets in double precision."""

from collections.abc import Callable

from workloads.pyperformance_program import load

program = load("nbody")
INSTRUMENTED = [program]
ITERATIONS = 120


def prepare() -> Callable[[int], int]:
    def run(iteration: int) -> int:
        program.bench_nbody(1, program.DEFAULT_REFERENCE, 1000 + iteration % 3)
        return int(program.report_energy() * 1e9)

    return run
