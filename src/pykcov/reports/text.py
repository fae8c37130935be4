"""Tables of files and of threads."""

import sys
from contextlib import nullcontext
from typing import TYPE_CHECKING

from coverage import Coverage

from pykcov.reports._threads import print_threads
from pykcov.traces.tracefile import TraceFile

if TYPE_CHECKING:
    from pykcov.reports._conditions import Conditions

OUTPUT_OPTION = None


def render(
    coverage: Coverage, trace: TraceFile | None, output: str, show_missing: bool, conditions: "Conditions | None"
) -> float:
    """Write the tables."""
    with nullcontext(sys.stdout) if output == "-" else open(output, "w", encoding="utf-8") as file:
        total = coverage.report(file=file, show_missing=show_missing or None, ignore_errors=True)
        if conditions is not None:
            from pykcov.reports._conditions import print_conditions  # not before: few reports are of conditions

            print(file=file)
            print_conditions(conditions, file)
        if trace is not None:
            print(file=file)
            print_threads(trace, file)
    return total
