"""What a command did in the kernel as a trace, with a context for each system call in the place of threads."""

import os
import shlex
from collections.abc import Sequence
from datetime import datetime

from pykcov.kernel.command import Recorded
from pykcov.kernel.locations import KernelLocator
from pykcov.native.image_table import ImageTable
from pykcov.traces.location_table import LocationTable
from pykcov.traces.texts import file_digest, platform_name
from pykcov.traces.threads import Thread
from pykcov.traces.tracefile import TraceFile


def command_trace(
    command: Sequence[str], recorded: Recorded, locator: KernelLocator, compares: bool, started: datetime
) -> TraceFile:
    """Return the trace of a command that was started in the current folder."""
    calls = [call for call in recorded.calls.values() if len(call.rows)]
    threads = [Thread(call.name, 0, 0, 0, memoryview(call.rows.tobytes()).cast("Q"), compares) for call in calls]
    pcs = {pc for call in calls for pc in call.pcs}
    places = [place for pc in sorted(pcs) for place in locator.locate(pc) if place.known]
    if compares:
        places = [place._replace(lines=()) for place in places]
    table = LocationTable.from_locations(places)
    return TraceFile(
        command=shlex.join(command),
        folder=os.getcwd(),
        platform=platform_name(),
        mode="cmp" if compares else "unique",
        granularity="block",
        started=started.isoformat(timespec="seconds"),
        exit_status=recorded.exit_status,
        threads=threads,
        locations=table,
        digests={file: file_digest(file) for file in table.files},
        skipped=[("kernel", remark) for remark in locator.remarks],
        images=ImageTable(locator.images()),
    )
