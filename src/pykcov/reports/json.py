"""Everything as JSON; each line has the names of the threads that ran it."""

import json
import os
import sys
import tempfile
from contextlib import nullcontext

from coverage import Coverage

from pykcov.reports._conditions import Conditions, as_json
from pykcov.traces.tracefile import TraceFile

OUTPUT_OPTION = "json:output"


def render(
    coverage: Coverage, trace: TraceFile | None, output: str, show_missing: bool, conditions: Conditions | None
) -> float:
    """Write the report."""
    if conditions is None:
        return coverage.json_report(outfile=output, show_contexts=True, ignore_errors=True)
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "coverage.json")
        total = coverage.json_report(outfile=path, show_contexts=True, ignore_errors=True)
        with open(path, encoding="utf-8") as file:
            written = json.load(file)
    for name, one in written["files"].items():
        one["conditions"] = as_json(conditions.files.get(name, ()))
    with nullcontext(sys.stdout) if output == "-" else open(output, "w", encoding="utf-8") as target:
        json.dump(written, target, indent=4 if coverage.get_option("json:pretty_print") else None)
    return total
