"""What ran as data of coverage.py: a trace, with one context a thread, or lines by any other contexts."""

from collections.abc import Collection, Iterable, Mapping, Sequence

from coverage import CoverageData

from pykcov.coverage.native_code import PLUGIN
from pykcov.tracefile import TraceFile


def write_data(trace: TraceFile, files: Sequence[str], path: str) -> None:
    """Write a data file of coverage.py: the lines of `files` that ran, and files of which nothing ran."""
    lines = [trace.lines(thread) for thread in trace.threads]
    chosen = [{file: ran[file] for file in files if file in ran} for ran in lines]
    write_contexts(path, zip(trace.thread_names(), chosen, strict=True), files, trace.native_lines())


def write_contexts(
    path: str,
    contexts: Iterable[tuple[str, Mapping[str, Collection[int]]]],
    files: Sequence[str],
    native: Collection[str] = (),
) -> None:
    """Write a data file of coverage.py: names of contexts with the lines that ran in each, by file.

    files: also those of which nothing ran. native: which of them are no Python.
    """
    data = CoverageData(basename=path)
    data.add_lines({})  # else files cannot be added when nothing ran
    for context, lines in contexts:
        data.set_context(context)
        data.add_lines(lines)
    data.touch_files([file for file in files if file not in native])
    data.touch_files([file for file in files if file in native], PLUGIN)
    data.write()
    data.close()
