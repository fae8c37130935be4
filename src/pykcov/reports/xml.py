"""Cobertura's XML, for continuous integration."""

from coverage import Coverage

from pykcov.reports._conditions import Conditions
from pykcov.traces.tracefile import TraceFile

OUTPUT_OPTION = "xml:output"


def render(
    coverage: Coverage, trace: TraceFile | None, output: str, show_missing: bool, conditions: Conditions | None
) -> float:
    """Write the report."""
    return coverage.xml_report(outfile=output, ignore_errors=True)
