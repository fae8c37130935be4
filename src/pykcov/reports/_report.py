"""Makes a report in any format: writes the trace as data of coverage.py and lets coverage.py count and render."""

import io
import os
import tempfile
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module

from coverage import Coverage
from coverage.exceptions import CoverageWarning

from pykcov.coverage.data import write_data
from pykcov.coverage.native_code import plugin
from pykcov.reports._sources import usable_files
from pykcov.tracefile import TraceFile


class NothingToReportError(Exception):
    """A trace has no file that could be shown."""


@dataclass(frozen=True)
class Report:
    """What became of a report."""

    total: float
    """Per cent of the lines of all files that ran."""
    output: str
    """The file or folder that was written; '-' for standard output."""
    remarks: Sequence[str]
    """Files left out or doubtful, and why."""


def report(trace: TraceFile, format: str, output: str | None = None, show_missing: bool = False) -> Report:
    """Write a report in one of reports.formats(); `output` is a file or folder, '-' standard output.

    Raises NothingToReportError if no source file of the trace is left, OSError, and what coverage raises.
    """
    renderer = import_module(f"pykcov.reports.{format}")
    output = output or renderer.DEFAULT_OUTPUT
    files, remarks = usable_files(trace)
    if not files:
        raise NothingToReportError("; ".join(["the trace has no source file that can be shown", *remarks]))
    with tempfile.TemporaryDirectory(prefix="pykcov-") as folder, warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always", CoverageWarning)
        data_file = os.path.join(folder, "data")
        write_data(trace, files, data_file)
        # Of the user's configuration nothing is read: it is about measuring, and may load plugins.
        coverage = Coverage(data_file=data_file, config_file=False, plugins=[plugin(trace.native_lines())])
        coverage.load()
        total = coverage.report(file=io.StringIO(), ignore_errors=True)
        renderer.render(coverage, trace, output, show_missing)
    remarks += dict.fromkeys(str(warning.message) for warning in warned if warning.category is CoverageWarning)
    return Report(total, output, remarks)
