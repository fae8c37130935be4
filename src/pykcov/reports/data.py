"""A data file of coverage.py, for `coverage combine` and all that reads one; each thread is a context."""

import io
import os

from coverage import Coverage, CoverageData

from pykcov.reports._conditions import Conditions
from pykcov.traces.tracefile import TraceFile

OUTPUT_OPTION = "run:data_file"


def render(
    coverage: Coverage, trace: TraceFile | None, output: str, show_missing: bool, conditions: Conditions | None
) -> float:
    """Write the file, whole or not at all."""
    temporary = f"{output}.{os.getpid()}.new"
    data = CoverageData(temporary)
    try:
        data.update(coverage.get_data())
        data.write()
        data.close()
        os.replace(temporary, output)
    finally:
        data.close()
        if os.path.exists(temporary):
            os.unlink(temporary)
    return coverage.report(file=io.StringIO(), output_format="total", ignore_errors=True)
