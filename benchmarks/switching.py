"""What it costs to work for somebody else: a section, a task switch under traces that follow, a trace of one's own.

Prints Markdown. Processor time, best of several rounds, which take turns; what is measured beside is the same loop
with what there is to be compared with, in the same round. A "task switch" is what event loops do for each step of a
task: a context is entered, an event happens in it, and it is left.
"""

from __future__ import annotations

import contextvars
import json
import operator
import os
import platform
import time
from collections.abc import Callable
from itertools import repeat

import click

import pykcov
from pykcov import _core

Loop = Callable[[int], None]


def nanoseconds(loop: Loop, times: int) -> float:
    """Return the processor time of one of so many turns."""
    begin = time.process_time_ns()
    loop(times)
    return (time.process_time_ns() - begin) / times


def sections(group: pykcov.Group) -> Loop:
    """Return a loop that enters and leaves a section."""
    enter, leave = _core.enter, _core.leave

    def loop(times: int) -> None:
        for _ in repeat(None, times):
            enter(0, group)
            leave(0, group)

    return loop


def two_calls(group: pykcov.Group) -> Loop:
    """Return a loop that calls two C functions that do nothing, with the same arguments."""
    nothing = operator.is_

    def loop(times: int) -> None:
        for _ in repeat(None, times):
            nothing(0, 0)
            nothing(0, 0)

    return loop


def switches(contexts: list[contextvars.Context], event: Callable[[], object]) -> Loop:
    """Return a loop of task switches between two contexts."""
    one, other = (context.run for context in contexts)

    def loop(times: int) -> None:
        for _ in repeat(None, times // 2):
            one(event)
            other(event)

    return loop


def traces(tracer: pykcov.Tracer) -> Loop:
    """Return a loop that begins and ends traces."""

    def loop(times: int) -> None:
        for _ in repeat(None, times):
            with tracer.trace():
                pass

    return loop


def context_of(group: pykcov.Group | None) -> contextvars.Context:
    """Return a context that names a group."""
    context = contextvars.Context()
    context.run(_core.group_variable.set, group)
    return context


def opened(mode: int) -> tuple[pykcov.Group, pykcov.Device]:
    """Return a new group and a device that follows it and traces."""
    with pykcov.group() as group:
        device = pykcov.open()
        device.set_buffer_size(1000)
        device.remote_attach(follow=True)
        device.enable(mode)
    return group, device


@click.command(help=__doc__)
@click.option("--turns", default=200_000, show_default=True, help="Turns of a loop in a round.")
@click.option("--rounds", default=15, show_default=True, help="Rounds; the best of each counts.")
def main(turns: int, rounds: int) -> None:
    """Measure everything in turn, `rounds` times over."""
    (probe,) = _core.probes([1 << 63 | 12345])

    def event() -> None:
        ~probe  # noqa: B018

    unfollowed = switches([context_of(None), context_of(None)], event)
    best = {"context entered and left, an event, nobody follows": float("inf")}
    for _ in range(rounds):
        name = next(iter(best))
        best[name] = min(best[name], nanoseconds(unfollowed, turns))

    pairs = [opened(pykcov.TRACE_UNIQUE_PC) for _ in range(2)]
    groups = [group for group, _ in pairs]
    followed = switches([context_of(group) for group in groups], event)
    nobody = switches([context_of(groups[0]), context_of(None)], event)
    loops = {
        "two calls that do nothing": two_calls(groups[0]),
        "a section entered and left": sections(groups[0]),
        "the same, from one trace to another": followed,
        "the same, from a trace to nobody": nobody,
    }
    for _ in range(rounds):
        for name, loop in loops.items():
            best[name] = min(best.get(name, float("inf")), nanoseconds(loop, turns))
    for _, device in pairs:
        device.close(wait=False)
    with pykcov.Tracer(include=[json.__name__]) as tracer:
        made = min(nanoseconds(traces(tracer), 3 * 255) for _ in range(rounds))

    calls_alone, section = best["two calls that do nothing"], best["a section entered and left"]
    bare = best["context entered and left, an event, nobody follows"]
    one, other = best["the same, from one trace to another"], best["the same, from a trace to nobody"]
    click.echo(f"CPython {platform.python_version()}, {os.cpu_count()} processors, best of {rounds} rounds\n")
    click.echo("| | ns | beside it | ns | left over |\n| --- | ---: | --- | ---: | ---: |")
    click.echo(
        f"| enter and leave a section | {section:.0f} | two calls that do nothing | {calls_alone:.0f} | "
        f"{section - calls_alone:.0f} |"
    )
    click.echo(
        f"| task switch from one trace to another | {one:.0f} | nobody follows | {bare:.0f} | {one - bare:.0f} |"
    )
    click.echo(f"| task switch to or from nobody | {other:.0f} | nobody follows | {bare:.0f} | {other - bare:.0f} |")
    click.echo(f"| a trace begun and ended, mode 'unique' | {made:.0f} | | | |")


if __name__ == "__main__":
    main()
