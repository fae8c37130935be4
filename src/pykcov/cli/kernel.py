"""`pykcov kernel`: run any command and record what the kernel runs for it."""

import signal
import sys
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from pykcov.cli._errors import BAD_INPUT, NOT_WRITTEN, NOTHING_TRACED, CommandError
from pykcov.counted import counted

if TYPE_CHECKING:
    from pykcov.kernel.command import Recorded
    from pykcov.kernel.locations import KernelLocator

_EXAMPLES = """\
\b
Examples:
  pykcov kernel -- cat /etc/hostname                    by system call and by source file of the kernel
  pykcov kernel --mode cmp --call read -- cat x         what the kernel compared in read()
  pykcov kernel -o ls.npz -- ls; pykcov dump ls.npz     every place, by system call
  pykcov kernel --rawcover pcs.txt -- make test         for syz-cover and other tools of syzkaller

\b
Exit code: that of the command; if a signal ended it, the same signal ends pykcov. And
  2  the command line is wrong, this kernel has no kcov, or there is no such command
  3  the command ended with 0, but the kernel recorded nothing
  4  the command ended with 0, but a file could not be written
"""


@click.command(epilog=_EXAMPLES, context_settings={"allow_interspersed_args": False})
@click.option("-o", "--output", metavar="FILE", help="Write a trace file, for `pykcov report` and `pykcov dump`.")
@click.option(
    "--mode",
    type=click.Choice(["pc", "cmp"]),
    default="pc",
    show_default=True,
    help="pc: which code of the kernel ran. cmp: what it compared.",
)
@click.option(
    "--call", "names", multiple=True, metavar="NAME", help="Only this system call, as 'openat'. May be repeated."
)
@click.option("--rawcover", "raw", metavar="FILE", help="Write the pcs, one a line, as syzkaller's tools read them.")
@click.option(
    "--nmemb",
    type=click.IntRange(512, (2**31 - 1) // 8),
    default=1 << 19,
    metavar="N",
    show_default=True,
    help="Size of each thread's buffer in 64-bit words, a multiple of 512: it has to hold the longest system call.",
)
@click.option("--rows", type=click.IntRange(1), default=20, show_default=True, metavar="N", help="Rows of a table.")
@click.option("-q", "--quiet", is_flag=True, help="No tables, only what went wrong.")
@click.argument("command_line", metavar="COMMAND [ARGS]...", nargs=-1, required=True, type=click.UNPROCESSED)
def command(
    output: str | None,
    mode: str,
    names: tuple[str, ...],
    raw: str | None,
    nmemb: int,
    rows: int,
    quiet: bool,
    command_line: tuple[str, ...],
) -> int:
    """Run COMMAND, any program, and report which code of the kernel its system calls ran, or what they compared.

    All of its threads are recorded, and so are the processes that it forks, whatever they become. It is followed by
    ptrace: what debuggers do with it meanwhile fails. Needs a kernel with kcov, and root (docs/kernel.md).
    """
    from pykcov import _core
    from pykcov.kernel.command import CommandTracer

    for target in (output, raw):
        if target is not None and not Path(target).absolute().parent.is_dir():
            raise CommandError(f"{target}: cannot be written: there is no such folder", BAD_INPUT)
    compares, started = mode == "cmp", datetime.now(UTC)
    tracer = CommandTracer(command_line, _core.TRACE_CMP if compares else _core.TRACE_PC, nmemb)

    # Not before: what forks the command is copied, and the kernel has to throw the copy away.
    from pykcov.kernel.locations import running

    locator = running()
    recorded = tracer.run(_function(locator))

    from pykcov.kernel.command_trace import command_trace
    from pykcov.program.supervisor import die_by
    from pykcov.reports import _kernel as tables

    if names:
        recorded.calls = {name: call for name, call in recorded.calls.items() if name in names}
    calls = list(recorded.calls.values())
    failures = []
    if output is not None:
        trace = command_trace(command_line, recorded, locator, compares, started)
        failures += _written(output, lambda: trace.save(output))
    if raw is not None:
        failures += _written(raw, lambda: Path(raw).write_text(tables.rawcover(calls), "ascii"))
    # A terminal that is gone is no reason to end otherwise than the command.
    with suppress(OSError):
        if not quiet:
            places = len({pc for call in calls for pc in call.pcs})
            made = sum(call.times for call in calls)
            print(
                f"pykcov: {counted(recorded.threads, 'thread')} called the kernel {counted(made, 'time')}: "
                f"{counted(places, 'place')}",
                file=sys.stderr,
            )
            if compares:
                tables.print_comparisons(calls, locator, sys.stderr, rows)
            else:
                tables.print_calls(calls, locator, sys.stderr, rows)
                tables.print_files(calls, locator, sys.stderr, rows)
        for line in [*_remarks(recorded, nmemb, locator), *failures]:
            print(f"pykcov: {line}", file=sys.stderr)
    if recorded.exit_status < 0:
        die_by(-recorded.exit_status)
        return 128 - recorded.exit_status
    nothing = not any(len(call.rows) for call in calls)
    return recorded.exit_status or (NOT_WRITTEN if failures else NOTHING_TRACED if nothing else 0)


def _function(locator: "KernelLocator") -> Callable[[int], str]:
    def function(pc: int) -> str:
        symbol = locator.symbol(pc)
        return symbol.name if symbol is not None else ""

    return function


def _written(target: str, write: Callable[[], object]) -> list[str]:
    try:
        write()
    except OSError as error:
        return [f"{target}: could not be written: {error.strerror or error}"]
    return []


def _remarks(recorded: "Recorded", nmemb: int, locator: "KernelLocator") -> list[str]:
    lines = list(locator.remarks)
    if recorded.full:
        lines.append(
            f"{counted(recorded.full, 'time')} a buffer of {nmemb} words was full before a system call had ended: what "
            "came later is missing; use a larger --nmemb"
        )
    lines += [f"thread {tid} was not recorded: {reason}" for tid, reason in recorded.untraced]
    if not recorded.calls:
        lines.append("nothing was recorded")
    if recorded.exit_status == -signal.SIGKILL:
        lines.append("the command was killed: what it was in at the time may be missing")
    return lines
