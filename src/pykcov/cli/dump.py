"""`pykcov dump`: every entry in order."""

import sys
from collections.abc import Iterator
from itertools import islice, repeat
from typing import TYPE_CHECKING

import click

from pykcov.cli._errors import BAD_INPUT, CommandError, complain_of_damage
from pykcov.cli._options import trace_file
from pykcov.counted import counted

if TYPE_CHECKING:
    from pykcov.traces.records import Comparison
    from pykcov.traces.threads import Thread
    from pykcov.traces.tracefile import TraceFile

_EXAMPLES = """\
\b
Examples:
  pykcov dump                        every entry of every thread
  pykcov dump --thread 0 --limit 20  the first 20 of the first thread
  pykcov dump | grep parse_string    in which threads, and when
  pykcov dump | grep -P '\\tin\\t'      of comparisons, those with `in`
"""


@click.command(epilog=_EXAMPLES, short_help="Print every entry in order.")
@trace_file
@click.option("--thread", "number", type=click.IntRange(0), metavar="N", help="Only thread N; they count from 0.")
@click.option("--limit", type=click.IntRange(0), metavar="N", help="No more than N entries of each thread.")
@click.option("--skipped", is_flag=True, help="Instead print what could not be instrumented, and why.")
def command(file: str, number: int | None, limit: int | None, skipped: bool) -> int:
    """Print the entries of FILE (of `pykcov run`) in the order in which they were recorded.

    Each entry is a line of columns separated by tabs: number of the thread, number of the entry, pc, `file:line`,
    `module:function`. A comparison adds: operation, size of operands in bytes, 'const', 'swapped' or '-', operand 1,
    operand 2. A line that starts with '#' names the thread that follows.
    """
    from pykcov.traces.texts import printable
    from pykcov.traces.tracefile import TraceFile

    trace = TraceFile.load(file)
    if skipped:
        for name, reason in trace.skipped:
            print(f"{printable(name)}\t{printable(reason)}")
        return 0
    if number is not None and number >= len(trace.threads):
        raise CommandError(f"{file}: there is no thread {number}; it has {len(trace.threads)}, from 0", BAD_INPUT)
    what = ("comparison", "comparisons") if trace.compares else ("entry", "entries")
    places: dict[int, str] = {-1: "?\t?"}
    names = trace.plain_names()
    for index, thread in enumerate(trace.threads):
        if number not in (None, index):
            continue
        print(
            f"# thread {index}: {names[index]}, native id {thread.native_id}, "
            f"{counted(len(thread.pcs), *what)}, {thread.dropped} dropped"
        )
        for position, (pc, row, compared) in enumerate(islice(_events(trace, thread), limit)):
            if row not in places:
                location = trace.locations.location(row)
                file, module, function = map(printable, (location.file, location.module, location.function))
                places[row] = f"{file}:{location.line}\t{module}:{function}"
            sys.stdout.write(f"{index}\t{position}\t{pc:#018x}\t{places[row]}{compared}\n")
    return complain_of_damage(trace)


def _events(trace: "TraceFile", thread: "Thread") -> Iterator[tuple[int, int, str]]:
    """Yield the pc of each event, its row of the location table, and what was compared."""
    if trace.compares:
        for row, one in trace.comparisons(thread):
            yield one.pc, row, _shown(one)
    else:
        yield from zip(thread.words, trace.locations.rows_of(thread.words), repeat(""))


def _shown(one: "Comparison") -> str:
    size = str(one.size or f"{one.length1},{one.length2}")
    marks = ",".join(["const"] * one.const + ["swapped"] * one.swapped) or "-"
    return "".join(f"\t{column}" for column in (one.op or "?", size, marks, repr(one.operand1), repr(one.operand2)))
