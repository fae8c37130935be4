"""A table of what each thread ran."""

from typing import TextIO

import numpy as np

from pykcov.tables import print_table
from pykcov.tracefile import TraceFile


def print_threads(trace: TraceFile, file: TextIO, most: int = 50) -> None:
    """Write what the threads ran; of more than `most` threads those with most lines."""
    keys = [trace.locations.line_keys(trace.rows(thread)) for thread in trace.threads]
    distinct, threads = np.unique(np.concatenate([np.empty(0, "i8"), *keys]), return_counts=True)
    of_one = distinct[threads == 1]
    rows = [
        (context, len(own), int(np.isin(own, of_one).sum()), len(thread.entries), thread.dropped)
        for context, thread, own in zip(trace.thread_names(), trace.threads, keys, strict=True)
    ]
    if len(rows) > most:
        rows.sort(key=lambda row: -row[1])
    print_table(("Thread", "Lines", "Only here", "Entries", "Dropped"), rows[:most], file)
    if len(rows) > most:
        print(f"  and {len(rows) - most} more threads", file=file)
