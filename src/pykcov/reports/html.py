"""A folder of pages in colour; each line shows the threads that ran it."""

from coverage import Coverage

from pykcov.reports._conditions import Conditions
from pykcov.reports._html_conditions import annotate
from pykcov.traces.tracefile import TraceFile

OUTPUT_OPTION = "html:directory"


def render(
    coverage: Coverage, trace: TraceFile | None, output: str, show_missing: bool, conditions: Conditions | None
) -> float:
    """Write the report."""
    title = None if coverage.get_option("html:title") != "Coverage report" else "pykcov"
    total = coverage.html_report(directory=output, show_contexts=True, title=title, ignore_errors=True)
    if conditions is not None:
        annotate(output, conditions)
    return total
