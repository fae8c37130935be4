"""Everything as JSON; each line has the names of the threads that ran it."""

from coverage import Coverage

from pykcov.tracefile import TraceFile

OUTPUT_OPTION = "json:output"


def render(coverage: Coverage, trace: TraceFile | None, output: str, show_missing: bool) -> float:
    """Write the report."""
    return coverage.json_report(outfile=output, show_contexts=True, ignore_errors=True)
