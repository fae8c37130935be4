"""A folder of pages in colour; each line shows the threads that ran it."""

from coverage import Coverage

from pykcov.tracefile import TraceFile

DEFAULT_OUTPUT = "htmlcov"


def render(coverage: Coverage, trace: TraceFile, output: str, show_missing: bool) -> None:
    """Write the report."""
    coverage.html_report(directory=output, show_contexts=True, title="pykcov", ignore_errors=True)
