"""Reads files of all kinds into what the page shows."""

import json
import os
from collections.abc import Sequence
from pathlib import Path

from pykcov.coverage.configuration import UNCONFIGURED, Configuration
from pykcov.explore.data_files import add_data_file
from pykcov.explore.model import Exploration
from pykcov.explore.traces import add_trace
from pykcov.reports._sources import is_data_file
from pykcov.traces.texts import printable


class NothingToShowError(Exception):
    """No file that was read has lines or comparisons."""


class FailedTestsError(Exception):
    """A file does not name tests; says which and why."""


def gather(paths: Sequence[str], configuration: Configuration = UNCONFIGURED, failed: str | None = None) -> Exploration:
    """Return what trace files and data files of coverage.py hold.

    failed: a file that names the tests that failed, as of .pytest_cache/v/cache/lastfailed, or one a line. Raises
    TraceFileError, DamagedDataError, FailedTestsError, NothingToShowError, OSError and what coverage.py raises.
    """
    exploration = Exploration(title=", ".join(printable(os.path.basename(path)) for path in paths))
    origins = dict(zip(paths, _origins(paths), strict=True))
    for path, origin in origins.items():
        if is_data_file(path):
            add_data_file(exploration, path, origin, configuration)
        else:
            add_trace(exploration, path, origin, configuration)
    exploration.sources = dict(sorted(exploration.sources.items()))
    for source in exploration.sources.values():
        source.partial = {line: where for line, where in source.partial.items() if source.ran >> line & 1}
    if not exploration.sources:
        raise NothingToShowError(f"{exploration.title}: holds no lines and no comparisons")
    if failed is not None:
        _mark_failed(exploration, failed)
    return exploration


def _origins(paths: Sequence[str]) -> list[str]:
    """Return a short name for each file: its own, or its path if several share that."""
    names = [os.path.basename(path) for path in paths]
    return [printable(path if names.count(name) > 1 else name) for path, name in zip(paths, names, strict=True)]


def _mark_failed(exploration: Exploration, path: str) -> None:
    names = _failed_tests(path)
    for number, context in enumerate(exploration.contexts):
        # pytest-cov's names have the part of the test behind them; ours, if several files were read, the file before.
        if context.rpartition("|")[0] in names or context in names or context.partition(": ")[2] in names:
            exploration.failed.add(number)
    if not exploration.failed:
        exploration.remarks[f"{path}: none of the tests that it names is a context"] = None


def _failed_tests(path: str) -> set[str]:
    text = Path(path).read_text(encoding="utf-8", errors="surrogateescape")
    if not text.lstrip().startswith(("{", "[")):
        return {line.strip() for line in text.splitlines() if line.strip()}
    try:
        found = json.loads(text)
    except ValueError as error:
        raise FailedTestsError(f"{path}: neither JSON nor names of tests, one a line: {error}") from error
    return {name for name in found if isinstance(name, str)}
