"""What `pykcov run` says at its end."""

from typing import TextIO

from pykcov.counted import counted
from pykcov.reports._threads import comparison_totals, print_threads
from pykcov.tables import print_table
from pykcov.traces.texts import shown
from pykcov.traces.tracefile import TraceFile

# Rows of a table; the report has them all.
_MOST = 10


def print_summary(trace: TraceFile, file: TextIO) -> None:
    """Print how much was traced, which files and which threads ran most lines, or compared most."""
    if trace.compares:
        threads = counted(len(trace.threads), "thread")
        print(f"pykcov: {threads} made {comparison_totals(trace)}", file=file)
        if len(trace.locations):
            print_threads(trace, file, _MOST)
        return
    ran, known = trace.lines(), trace.known_lines()
    entries = sum(map(len, trace.threads))
    print(
        f"pykcov: {counted(len(trace.threads), 'thread')} ran {sum(map(len, ran.values()))} of "
        f"{counted(sum(map(len, known.values())), 'line')} in {counted(len(known), 'file')}; "
        f"{counted(entries, 'entry', 'entries')}, {counted(len(trace.locations), 'location')}",
        file=file,
    )
    if not known:
        return
    rows = [(shown(name), len(ran.get(name, ())), len(lines)) for name, lines in known.items()]
    rows.sort(key=lambda row: -row[1])
    print_table(("File", "Ran", "Lines"), rows[:_MOST], file)
    if len(rows) > _MOST:
        print(f"  and {counted(len(rows) - _MOST, 'more file')}", file=file)
    print_threads(trace, file, _MOST)


def print_system_calls(trace: TraceFile, file: TextIO) -> None:
    """Print how much of the kernel the system calls of the threads ran."""
    from pykcov.kernel.locations import running
    from pykcov.kernel.system_call import calls_in
    from pykcov.reports._kernel import print_calls

    calls = calls_in([list(thread.words) for thread in trace.threads], running())
    print_calls(calls, running(), file, _MOST)
