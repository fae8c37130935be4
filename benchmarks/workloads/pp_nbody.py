"""pyperformance: planets in double precision."""

from collections.abc import Callable

from workloads.pyperformance_program import load

program = load("nbody")
INSTRUMENTED = [program]
ITERATIONS = 120


def prepare() -> Callable[[int], int]:
    start = [(list(place), list(speed)) for place, speed, _ in program.SYSTEM]

    def run(iteration: int) -> int:
        # Each run begins where the first did: how many there were before must not show in the result.
        for (place, speed, _), (first_place, first_speed) in zip(program.SYSTEM, start, strict=True):
            place[:], speed[:] = first_place, first_speed
        program.bench_nbody(1, program.DEFAULT_REFERENCE, 1000 + iteration % 3)
        return int(program.report_energy() * 1e9)

    return run
