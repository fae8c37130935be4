"""What the threads did, in a sentence and in a table."""

from collections import Counter
from typing import TextIO

from pykcov.counted import counted
from pykcov.tables import print_table
from pykcov.traces.tracefile import TraceFile

_Row = tuple[str, int, *tuple[int, ...]]


def print_threads(trace: TraceFile, file: TextIO, most: int = 50) -> None:
    """Write what the threads ran, or compared; of more than `most` threads, those that did most."""
    rows = _compared(trace) if trace.compares else _ran(trace)
    what = ("Comparisons", "Places", "Dropped") if trace.compares else ("Lines", "Only here", "Entries", "Dropped")
    if len(rows) > most:
        rows.sort(key=lambda row: row[1], reverse=True)
    print_table(("Thread", *what), rows[:most], file)
    if len(rows) > most:
        print(f"  and {counted(len(rows) - most, 'more thread')}", file=file)


def comparison_totals(trace: TraceFile) -> str:
    """Say how much was compared, and at how many places; all that the trace knows are places that could have been."""
    pcs = trace.pcs()
    known = pcs.union(trace.locations.pc)
    comparisons = sum(len(thread.pcs) for thread in trace.threads)
    return f"{counted(comparisons, 'comparison')} at {len(pcs)} of {counted(len(known), 'place')}"


def _ran(trace: TraceFile) -> list[_Row]:
    lines = [trace.locations.line_keys(trace.rows(thread)) for thread in trace.threads]
    threads = Counter(line for those in lines for line in those)
    return [
        (name, len(own), sum(threads[line] == 1 for line in own), len(thread), thread.dropped)
        for name, thread, own in zip(trace.thread_names(), trace.threads, lines, strict=True)
    ]


def _compared(trace: TraceFile) -> list[_Row]:
    return [
        (name, len(thread.pcs), len(set(thread.pcs)), thread.dropped)
        for name, thread in zip(trace.thread_names(), trace.threads, strict=True)
    ]
