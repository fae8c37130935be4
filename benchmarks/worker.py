"""One workload in one configuration, in a process of its own; driven by run.py over a socket.

    worker.py DESCRIPTOR WORKLOAD CONFIGURATION ITERATIONS

Sends {"ready": ...} or {"unavailable": reason}; then answers each command "measure", "parts" and "quit" with a line of
JSON. Standard output and error are the tools' own.
"""

import gc
import importlib
import os
import socket
import sys
import time
from collections.abc import Callable, Sequence
from types import FunctionType, ModuleType
from typing import Any

from configurations import ALL, Configuration, Unavailable

Run = Callable[[int], int]


def functions_of(modules: Sequence[ModuleType]) -> list[FunctionType]:
    """All functions whose source is in one of the modules, wherever they are kept, in a fixed order."""
    files = {id(vars(module)): module.__file__ for module in modules}
    found = [
        thing
        for thing in gc.get_objects()
        if type(thing) is FunctionType and files.get(id(thing.__globals__)) == thing.__code__.co_filename
    ]
    return sorted(found, key=lambda one: (one.__code__.co_filename, one.__code__.co_firstlineno, one.__qualname__))


class Worker:
    """Measures and counts; `run` is the workload's."""

    def __init__(self, configuration: Configuration, run: Run, iterations: int) -> None:
        self.configuration = configuration
        self.run = run
        self.iterations = iterations

    def measure(self) -> dict[str, int]:
        """One measured run."""
        run, after = self.run, self.configuration.after_iteration
        checksum = 0
        self.configuration.start()
        wall, cpu = time.perf_counter_ns(), time.process_time_ns()
        if after is None:
            for iteration in range(self.iterations):
                checksum = checksum * 31 + run(iteration) & 0xFFFFFFFFFFFF
        else:
            for iteration in range(self.iterations):
                checksum = checksum * 31 + run(iteration) & 0xFFFFFFFFFFFF
                after()
        cpu, wall = time.process_time_ns() - cpu, time.perf_counter_ns() - wall
        self.configuration.stop()
        return {"cpu": cpu, "wall": wall, "checksum": checksum}

    def parts(self) -> dict[str, int]:
        """What such a run consists of."""
        following = iter(range(self.iterations * 99))
        return self.configuration.parts(lambda: self.run(next(following) % self.iterations), self.iterations)

    def warm_up(self) -> None:
        """Let inline caches and the tool's own caches fill; what was made so far is not garbage any more."""
        self.configuration.start()
        for iteration in range(max(1, self.iterations // 4)):
            self.run(iteration)
            if self.configuration.after_iteration is not None:
                self.configuration.after_iteration()
        self.configuration.stop()
        gc.collect()
        gc.freeze()
        ends = time.process_time() + self.configuration.settling_seconds
        while time.process_time() < ends:
            self.measure()


def prepare(workload: str, configuration: Configuration, iterations: int, parts: int) -> tuple[Worker, int]:
    """Import, instrument and prepare a workload; answers its worker and the number of instrumented functions."""
    configuration.load()
    try:
        module = importlib.import_module(f"workloads.{workload}")
    except ModuleNotFoundError as error:
        raise Unavailable(f"{error}: requirements.txt names what the workloads need") from error
    modules = [module, *module.INSTRUMENTED]
    functions = functions_of(modules)
    configuration.instrument(functions, modules)
    return Worker(configuration, module.prepare(), iterations or max(1, module.ITERATIONS // parts)), len(functions)


def main() -> None:
    """Answer until "quit"."""
    descriptor, workload, name, iterations, parts = sys.argv[1:]
    connection = socket.socket(fileno=int(descriptor))
    # Not before the workload: a tool must not find more imported than the program imports.
    stream = connection.makefile("rw", encoding="utf-8", newline="\n")

    def answer(message: dict[str, Any]) -> None:
        import json

        stream.write(json.dumps(message) + "\n")
        stream.flush()

    try:
        worker, functions = prepare(workload, ALL[name], int(iterations), int(parts))
    except Unavailable as error:
        answer({"unavailable": str(error)})
        return

    def serve() -> None:
        worker.warm_up()
        answer({"ready": functions, "iterations": worker.iterations})
        for line in stream:
            match line.strip():
                case "measure":
                    answer(worker.measure())
                case "parts":
                    answer(worker.parts())
                case _:
                    break
        # At once: a fuzzer or a tracer would begin to write reports.
        sys.stdout.flush()
        os._exit(0)

    ALL[name].serve(serve)


if __name__ == "__main__":
    main()
