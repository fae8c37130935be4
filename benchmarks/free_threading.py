"""Whether threads record as many times the events as they are many: run it by a CPython without a GIL.

    PYTHON_GIL=0 python benchmarks/free_threading.py [--rounds N] [--threads N]

Each thread runs Python code with probes and has a device of its own. Without probes the same code says how CPython
itself scales. Times are of the processor, so that other programs cost no more than what they take of the caches; a
thread that has to wait for another one writes to what that writes, and that takes its processor time. With one thread
and with several it is measured in turns. Prints Markdown.
"""

import sys
import threading
import time
from collections.abc import Callable
from statistics import median
from types import ModuleType
from typing import Any

import click

import pykcov

SOURCE = """
def step(x):
    if x & 1:
        return 3 * x + 1
    return x >> 1

def work(count):
    found = 0
    for i in range(count):
        x = i & 1023
        while x > 1:
            x = step(x)
            found += 1
            if found > 10_000_000:
                return -1
    return found
"""
COUNT = 300
"""Of work(): it makes less events than a buffer has room for."""
MODES = {"pc": pykcov.TRACE_PC, "unique": pykcov.TRACE_UNIQUE_PC, "cmp": pykcov.TRACE_CMP}


def module_of(name: str) -> Any:
    """Make a module for each thread: nothing of the program is shared."""
    module = ModuleType(name)
    exec(compile(SOURCE, f"{name}.py", "exec"), module.__dict__)
    return module


def nanoseconds(prepare: Callable[[int], Callable[[], int]], threads: int, repetitions: int) -> tuple[float, float]:
    """Return what an event takes its thread, and what all together take of the clock, for an event of each."""
    barrier = threading.Barrier(threads + 1)
    spent = [0.0] * threads

    def run(number: int) -> None:
        work = prepare(number)
        work()
        barrier.wait()
        before, events = time.thread_time_ns(), 0
        for _ in range(repetitions):
            events += work()
        spent[number] = (time.thread_time_ns() - before) / events
        barrier.wait()

    started = [threading.Thread(target=run, args=(number,)) for number in range(threads)]
    for thread in started:
        thread.start()
    barrier.wait()
    before = time.perf_counter_ns()
    barrier.wait()
    elapsed = time.perf_counter_ns() - before
    for thread in started:
        thread.join()
    return sum(spent) / threads, elapsed / repetitions


def bare(number: int) -> Callable[[], int]:
    """Return what runs without probes, and gives how many steps it made."""
    module = module_of(f"bare_{number}")
    return lambda: module.work(COUNT)  # type: ignore[no-any-return]


def recording(mode: int) -> Callable[[int], Callable[[], int]]:
    """Return what prepares to record into a device of the thread's own; it gives how many steps it made."""

    def prepare(number: int) -> Callable[[], int]:
        module = module_of(f"recording_{number}")
        pykcov.instrument(module, compare=mode == pykcov.TRACE_CMP)
        device = pykcov.open()
        device.set_buffer_size(pykcov.BUFFER_WORDS_MAX)
        buffer = device.mmap()
        device.enable(mode)

        def work() -> int:
            buffer.reset()
            steps: int = module.work(COUNT)
            assert device.dropped == 0
            return steps

        return work

    return prepare


@click.command(help=__doc__)
@click.option("--threads", default=2, show_default=True, help="How many are compared with one.")
@click.option("--rounds", default=5, show_default=True, help="How often each is measured; the median counts.")
@click.option("--repetitions", default=40, show_default=True, help="How often a thread does its work in a round.")
def main(threads: int, rounds: int, repetitions: int) -> None:
    """Measure everything in turn."""
    if getattr(sys, "_is_gil_enabled", lambda: True)():
        raise click.ClickException("this Python has a GIL: threads take turns")
    scenarios = {"bare": bare, **{name: recording(mode) for name, mode in MODES.items()}}
    ratios: dict[str, list[tuple[float, float, float]]] = {name: [] for name in scenarios}
    for _ in range(rounds):
        for name, prepare in scenarios.items():
            one, one_elapsed = nanoseconds(prepare, 1, repetitions)
            several, elapsed = nanoseconds(prepare, threads, repetitions)
            ratios[name].append((one, threads * one / several, threads * one_elapsed / elapsed))
    print(f"CPython {sys.version.split()[0]}, median of {rounds} rounds; times the steps of 1 thread with {threads}\n")
    print("| | ns a step, 1 thread | by processor time | by the clock |\n| --- | ---: | ---: | ---: |")
    for name, found in ratios.items():
        step, by_processor, by_clock = (median(column) for column in zip(*found, strict=True))
        print(f"| {name} | {step:.0f} | {by_processor:.2f} | {by_clock:.2f} |")


if __name__ == "__main__":
    main()
