"""The format of lcov, for genhtml and editors."""

from coverage import Coverage

from pykcov.reports._conditions import Conditions
from pykcov.traces.tracefile import TraceFile

OUTPUT_OPTION = "lcov:output"


def render(
    coverage: Coverage, trace: TraceFile | None, output: str, show_missing: bool, conditions: Conditions | None
) -> float:
    """Write the report."""
    return coverage.lcov_report(outfile=output, ignore_errors=True)
