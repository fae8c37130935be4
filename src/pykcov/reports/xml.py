"""Cobertura's XML, for continuous integration."""

from coverage import Coverage

from pykcov.tracefile import TraceFile

DEFAULT_OUTPUT = "coverage.xml"


def render(coverage: Coverage, trace: TraceFile, output: str, show_missing: bool) -> None:
    """Write the report."""
    coverage.xml_report(outfile=output, ignore_errors=True)
