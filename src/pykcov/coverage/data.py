"""What ran as data of coverage.py: lines by contexts."""

from collections.abc import Collection, Iterable, Mapping, Sequence

from coverage import CoverageData

from pykcov.coverage.native_code import PLUGIN


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
    add_contexts(data, contexts, files, native)
    data.write()
    data.close()


def add_contexts(
    data: CoverageData,
    contexts: Iterable[tuple[str, Mapping[str, Collection[int]]]],
    files: Sequence[str],
    native: Collection[str] = (),
) -> None:
    """Add the same to data that is open."""
    data.add_lines({})  # else files cannot be added when nothing ran
    for context, lines in contexts:
        data.set_context(context)
        data.add_lines(lines)
    data.touch_files([file for file in files if file not in native])
    data.touch_files([file for file in files if file in native], PLUGIN)
