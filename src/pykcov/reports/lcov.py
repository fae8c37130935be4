"""The format of lcov, for genhtml and editors."""

from coverage import Coverage

from pykcov.tracefile import TraceFile

OUTPUT_OPTION = "lcov:output"


def render(coverage: Coverage, trace: TraceFile | None, output: str, show_missing: bool) -> float:
    """Write the report."""
    return coverage.lcov_report(outfile=output, ignore_errors=True)
