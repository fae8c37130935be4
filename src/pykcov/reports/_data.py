"""A trace as data of coverage.py: one context a thread."""

from collections.abc import Sequence

from coverage import CoverageData

from pykcov.reports._native import PLUGIN
from pykcov.tracefile import TraceFile


def write_data(trace: TraceFile, files: Sequence[str], path: str) -> None:
    """Write a data file of coverage.py: the lines of `files` that ran, and files of which nothing ran."""
    data = CoverageData(basename=path)
    data.add_lines({})  # else files cannot be added when nothing ran
    for thread, context in zip(trace.threads, trace.thread_names(), strict=True):
        lines = trace.lines(thread)
        data.set_context(context)
        data.add_lines({file: lines[file] for file in files if file in lines})
    native = trace.native_lines()
    data.touch_files([file for file in files if file not in native])
    data.touch_files([file for file in files if file in native], PLUGIN)
    data.write()
