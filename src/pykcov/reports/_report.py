"""Makes a report in any format: gives coverage.py the trace as its data, and lets it count and render."""

import os
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any, Literal

from coverage import Coverage
from coverage.exceptions import CoverageWarning

from pykcov.coverage.configuration import UNCONFIGURED, Configuration
from pykcov.coverage.data import add_contexts
from pykcov.coverage.native_code import plugin
from pykcov.reports._sources import usable_files
from pykcov.traces.arcs import tells_arcs
from pykcov.traces.tracefile import TraceFile

if TYPE_CHECKING:
    from pykcov.reports._conditions import Conditions


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


def report(
    source: TraceFile | str,
    format: str,
    output: str | None = None,
    show_missing: bool = False,
    configuration: Configuration = UNCONFIGURED,
    conditions: Literal["seen", "mcdc"] | None = None,
) -> Report:
    """Write a report of a trace, or of a data file of coverage.py, in one of reports.formats().

    `output` is a file or folder, '-' standard output. conditions: what to say of these, if anything: which way they
    were seen to go, or also what decided ('mcdc'). Raises NothingToReportError if no source file of the trace is
    left, OSError, and what coverage raises.
    """
    renderer = import_module(f"pykcov.reports.{format}")
    remarks: list[str] = []
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always", CoverageWarning)
        if isinstance(source, str):
            trace = None
            coverage = configuration.coverage(source)
            coverage.load()
        else:
            trace = source
            coverage, remarks = _coverage_of(trace, configuration)
        output = output or _default_output(coverage, renderer.OUTPUT_OPTION)
        of_conditions = _conditions_of(source, coverage, conditions == "mcdc") if conditions else None
        remarks += of_conditions.remarks if of_conditions is not None else ()
        total = renderer.render(coverage, trace, output, show_missing, of_conditions)
    texts = dict.fromkeys(str(warning.message) for warning in warned if warning.category is CoverageWarning)
    remarks += [text for text in texts if text not in configuration.remarks]
    return Report(total, output, remarks)


def _conditions_of(source: TraceFile | str, coverage: Coverage, mcdc: bool) -> "Conditions":
    # Not before: few reports are of conditions.
    from pykcov.coverage.checked import read_own
    from pykcov.reports._conditions import conditions_of_data, conditions_of_trace

    if isinstance(source, str):
        own = read_own(source)
        files = {file: os.path.relpath(file) for file in own.get("conditions", {})}
        found = conditions_of_data(own, files, mcdc)
    else:
        files = {file: os.path.relpath(file) for file in usable_files(source)[0]}
        found = conditions_of_trace(source, files, mcdc)
    # As coverage.py excludes them: `# pragma: no cover`, exclude_also.
    shown_files = [(file, name) for file, name in files.items() if found.files.get(name)]
    return found.without({name: coverage.analysis2(file)[2] for file, name in shown_files})


def _coverage_of(trace: TraceFile, configuration: Configuration) -> tuple[Coverage, list[str]]:
    """Return a Coverage with what a trace holds, in memory, and remarks on files that are left out."""
    files, remarks = usable_files(trace)
    if not files:
        raise NothingToReportError("; ".join(["the trace has no source file that can be shown", *remarks]))
    native = trace.native_lines()
    coverage = configuration.coverage(None, plugin(native) if native else None)
    folder = os.path.join(os.getcwd(), "") if configuration.relative_files else ""
    names = {file: file.removeprefix(folder) for file in files}
    has_branches = tells_arcs(trace.granularity)
    found: list[Mapping[str, Any]] = [
        trace.arcs(thread) if has_branches else trace.lines(thread) for thread in trace.threads
    ]
    chosen = [{names[file]: ran[file] for file in files if file in ran} for ran in found]
    contexts = zip(trace.thread_names(), chosen, strict=True)
    native_names = {names[file] for file in native if file in names}
    add_contexts(coverage.get_data(), contexts, list(names.values()), native_names, has_branches)
    return coverage, remarks


def _default_output(coverage: Coverage, option: str | None) -> str:
    if option is None:
        return "-"
    name = str(coverage.get_option(option))
    if option == "run:data_file" and coverage.get_option("run:parallel"):
        # As coverage.py names those of processes, for `coverage combine`.
        name += f".{os.uname().nodename}.{os.getpid()}.X{os.urandom(4).hex()}"
    return name
