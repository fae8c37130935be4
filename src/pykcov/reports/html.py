"""A folder of pages in colour; each line shows the threads that ran it."""

from coverage import Coverage

from pykcov.tracefile import TraceFile

OUTPUT_OPTION = "html:directory"


def render(coverage: Coverage, trace: TraceFile | None, output: str, show_missing: bool) -> float:
    """Write the report."""
    title = None if coverage.get_option("html:title") != "Coverage report" else "pykcov"
    return coverage.html_report(directory=output, show_contexts=True, title=title, ignore_errors=True)
