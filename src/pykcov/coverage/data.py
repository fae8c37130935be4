"""What ran as data of coverage.py: lines or arcs by contexts."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any

from coverage import CoverageData

from pykcov.coverage.native_code import PLUGIN
from pykcov.traces.arcs import Arc


def write_contexts(
    path: str,
    contexts: Iterable[tuple[str, Mapping[str, Collection[int]] | Mapping[str, Collection[Arc]]]],
    files: Sequence[str],
    native: Collection[str] = (),
    branch: bool = False,
) -> None:
    """Write a data file of coverage.py: names of contexts with the lines that ran in each, by file.

    files: also those of which nothing ran. native: which of them are no Python. branch: of arcs instead of lines.
    """
    data = CoverageData(basename=path)
    add_contexts(data, contexts, files, native, branch)
    data.write()
    data.close()


def add_contexts(
    data: CoverageData,
    contexts: Iterable[tuple[str, Mapping[str, Collection[int]] | Mapping[str, Collection[Arc]]]],
    files: Sequence[str],
    native: Collection[str] = (),
    branch: bool = False,
) -> None:
    """Add the same to data that is open."""
    add: Callable[[Any], None] = data.add_arcs if branch else data.add_lines
    add({})  # else files cannot be added when nothing ran
    for context, ran in contexts:
        data.set_context(context)
        add(ran)
    data.touch_files([file for file in files if file not in native])
    data.touch_files([file for file in files if file in native], PLUGIN)
