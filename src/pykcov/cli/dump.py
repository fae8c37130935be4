"""`pykcov dump`: every entry in order."""

import sys

import click

from pykcov.cli._errors import BAD_INPUT, CommandError
from pykcov.cli._options import trace_file

_EXAMPLES = """\
\b
Examples:
  pykcov dump                        every entry of every thread
  pykcov dump --thread 0 --limit 20  the first 20 of the first thread
  pykcov dump | grep parse_string    in which threads, and when
"""


@click.command(epilog=_EXAMPLES, short_help="Print every entry in order.")
@trace_file
@click.option("--thread", "number", type=click.IntRange(0), metavar="N", help="Only thread N; they count from 0.")
@click.option("--limit", type=click.IntRange(0), metavar="N", help="No more than N entries of each thread.")
@click.option("--skipped", is_flag=True, help="Instead print what could not be instrumented, and why.")
def command(file: str, number: int | None, limit: int | None, skipped: bool) -> None:
    """Print the entries of FILE (of `pykcov run`) in the order in which they were recorded.

    One a line, in columns separated by tabs: number of the thread, number of the entry, pc, file:line, module:function.
    Lines that start with '#' tell which thread follows.
    """
    from pykcov.tracefile import TraceFile, printable

    trace = TraceFile.load(file)
    if skipped:
        for name, reason in trace.skipped:
            print(f"{printable(name)}\t{printable(reason)}")
        return
    if number is not None and number >= len(trace.threads):
        raise CommandError(f"{file}: there is no thread {number}; it has {len(trace.threads)}, from 0", BAD_INPUT)
    places: dict[int, str] = {}
    for index, thread in enumerate(trace.threads):
        if number not in (None, index):
            continue
        print(
            f"# thread {index}: {printable(thread.name)}, native id {thread.native_id}, {len(thread.entries)} entries, "
            f"{thread.dropped} dropped"
        )
        entries = thread.entries[:limit]
        for position, (pc, row) in enumerate(
            zip(entries.tolist(), trace.locations.rows_of(entries).tolist(), strict=True)
        ):
            if row not in places:
                places[row] = "?\t?"
                if row >= 0:
                    location = trace.locations.location(row)
                    file, module, function = map(printable, (location.file, location.module, location.function))
                    places[row] = f"{file}:{location.line}\t{module}:{function}"
            sys.stdout.write(f"{index}\t{position}\t{pc:#018x}\t{places[row]}\n")
