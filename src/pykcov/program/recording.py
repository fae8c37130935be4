"""Makes a trace file of what a run has left, and finds out what is missing in it."""

import shlex
import sys
from collections.abc import Sequence
from datetime import datetime
from itertools import count

from pykcov.counted import counted
from pykcov.coverage.unexecuted import files_nobody_imported
from pykcov.instrument.selection import Selection
from pykcov.modes import compares
from pykcov.native.image_table import ImageTable
from pykcov.native.images import Image
from pykcov.native.locations import native_comparisons, native_locations
from pykcov.program import process as program
from pykcov.program.buffers import Buffers
from pykcov.program.handover_log import ROOM
from pykcov.program.supervisor import End, Request
from pykcov.traces.handovers import Handover
from pykcov.traces.location_table import LocationTable
from pykcov.traces.locations import Location
from pykcov.traces.pcs import is_python
from pykcov.traces.processes import Process
from pykcov.traces.texts import file_digest, platform_name
from pykcov.traces.threads import Thread
from pykcov.traces.tracefile import TraceFile

_NOTHING = {
    "unique": "no thread ran code with probes",
    "pc": "no thread ran code with probes",
    "once": "no thread ran code with probes",
    "cmp": "no thread compared integers in code with probes; --mode cmp-bytes records str, bytes and floats, too",
    "cmp-bytes": "no thread compared numbers, str or bytes in code with probes",
}
# Of processes, by name; a program may start thousands.
_MOST_UNTRACED = 10
_LESS = "trace less code (--include, --exclude), or use a larger --nmemb (up to 262144)"
_AGAINST_FULL_BUFFERS = {
    "once": "trace less code (--include, --exclude)",
    "pc": "use --mode unique, or a larger --nmemb (up to 262144)",
    "cmp": _LESS,
    "cmp-bytes": _LESS,
}


def trace_file(
    request: Request, end: End, buffers: Buffers, folder: str, started: datetime, namespace_packages: bool = False
) -> TraceFile:
    """Return the trace of a run that was started in `folder`; namespace_packages as for files_nobody_imported()."""
    comparing = compares(request.mode)
    threads = [
        Thread(one.name, one.ident, one.native_id, one.dropped, memoryview(one.words).cast("Q"), comparing, index)
        for index, process in enumerate(buffers.processes)
        for _, one in process.threads()
    ]
    native = sorted({pc for thread in threads for pc in thread.pcs if not is_python(pc)})
    places = buffers.locations
    kernel, native, kernel_images = _of_kernel(native) if request.kernel else ([], native, [])
    images = ImageTable.of(buffers.images, native)
    if comparing:
        # The code that probes of the other kind stand before has not been recorded, and is not to be counted.
        places = [place._replace(lines=()) for place in places if place.comparison]
        rows, unknown = native_comparisons(images.images, native)
    else:
        rows, unknown = native_locations(images.images, native)
    if comparing:
        kernel = [place._replace(lines=()) for place in kernel]
    locations = LocationTable.from_locations([*places, *rows, *kernel])
    return TraceFile(
        command=shlex.join(request.command),
        folder=folder,
        python=sys.version,
        platform=platform_name(),
        mode=request.mode,
        granularity=request.granularity,
        started=started.isoformat(timespec="seconds"),
        exit_status=end.exit_status,
        forked=buffers.forked,
        processes=[_process(one) for one in buffers.processes],
        untraced=list(dict.fromkeys(buffers.untraced_processes)),
        threads=threads,
        locations=locations,
        digests={file: file_digest(file) for file in locations.files},
        unexecuted=files_nobody_imported(
            request.source,
            request.packages,
            {place.module: place.file for place in buffers.locations if place.module in request.packages},
            request.omit_files,
            namespace_packages,
        ),
        skipped=buffers.skipped + [(remark.image, remark.reason) for remark in unknown] + _unknown_of_kernel(request),
        images=ImageTable([*images.images, *kernel_images]),
        handovers=_handovers(buffers, threads),
    )


def _handovers(buffers: Buffers, threads: Sequence[Thread]) -> list[Handover]:
    """Return the hand-overs between entries that are in the trace."""
    numbers = count()
    found: dict[tuple[int, int, int], Handover] = {}
    for process in buffers.processes:
        thread_of = {key: next(numbers) for key, _ in process.threads()}
        for giver, given, taker, taken in process.handovers:
            if giver in thread_of and taker in thread_of:
                one = Handover(thread_of[giver], given, thread_of[taker], taken)
                ends = ((threads[one.giver], given), (threads[one.taker], taken))
                if all(at < len(thread) or (at == len(thread) and not thread.dropped) for thread, at in ends):
                    # The one before, from the same thread, was of work that has recorded nothing.
                    key = one.giver, one.taker, taken
                    found.pop(key, None)
                    found[key] = one
    return list(found.values())


def _process(one: program.Process) -> Process:
    return Process(
        pid=one.pid,
        parent=one.parent_pid,
        name=one.name,
        command=one.command,
        forked=one.parent is not None,
        started=one.started.isoformat(timespec="milliseconds"),
        ended=one.ended.isoformat(timespec="milliseconds") if one.ended is not None else "",
        exit_status=one.exit_status,
    )


def _of_kernel(pcs: list[int]) -> tuple[list[Location], list[int], list[Image]]:
    """Return the Locations of the kernel's pcs, the other pcs, and the kernel and modules that the former are of."""
    # Not before: few runs trace a kernel.
    from pykcov.kernel.locations import located, running

    found = located(pcs)
    rest = [pc for pc in pcs if pc not in found]
    return [row for rows in found.values() for row in rows], rest, running().images()


def _unknown_of_kernel(request: Request) -> list[tuple[str, str]]:
    if not request.kernel:
        return []
    # Not before: see above.
    from pykcov.kernel.locations import running

    return [("kernel", remark) for remark in running().remarks]


def blind_spots(request: Request, end: End, buffers: Buffers, trace: TraceFile) -> list[str]:
    """Return, in words, what was asked for and is not in a trace at all."""
    if buffers.no_python:
        return ["nothing was traced: the program is not valid Python"]
    elsewhere = []
    if trace.forked or (end.had_children and len(trace.processes) < 2):
        elsewhere = [
            "the code may have run in processes that the program started, such as workers or the child of a reloader: "
            "these were not traced" + ("" if request.children else ". Leave out --no-children")
        ]
    if not buffers.locations and not len(trace.locations):
        return [
            "nothing was traced: the program ran no code that was selected "
            f"({_selected(request)}); see --include, --source and --stdlib in `pykcov run --help`",
            *elsewhere,
        ]
    spots = [
        f"--include {pattern!r} matched no module that the program imported"
        for pattern in _unmatched(request.include, buffers, trace)
    ]
    if not any(len(thread) for thread in trace.threads):
        too_small = any(thread.dropped for thread in trace.threads)
        spots.append(f"nothing was recorded: {'nothing fits into the buffers' if too_small else _NOTHING[trace.mode]}")
    return spots + (elsewhere if spots else [])


def remarks(request: Request, end: End, buffers: Buffers, trace: TraceFile) -> list[str]:
    """Return, in words, what else is not in a trace."""
    result = [
        f"source {name!r}: the program imported no such module" for name in _unmatched(request.packages, buffers, trace)
    ]
    result += [f"thread {name} was not traced: {reason}" for name, reason in buffers.untraced]
    if buffers.closed_early:
        result.append(
            "the program closed pykcov's socket, or became another one by exec: later modules and threads are missing"
        )
    full = [thread for thread in trace.threads if thread.dropped]
    if full:
        dropped = sum(thread.dropped for thread in full)
        advice = _AGAINST_FULL_BUFFERS.get(trace.mode, "use a larger --nmemb")
        lost, where = counted(dropped, "entry", "entries"), counted(len(full), "thread")
        result.append(f"{lost} did not fit into the buffers of {where}: {advice}")
    result += trace.damaged()
    if trace.forked:
        result.append(
            f"the program forked {counted(trace.forked, 'child, which was', 'children, which were')} not traced"
        )
    elif end.had_children and not request.children:
        result.append("the program started other processes, which were not traced")
    result += [f"{command} was not traced: {reason}" for command, reason in trace.untraced[:_MOST_UNTRACED]]
    if len(trace.untraced) > _MOST_UNTRACED:
        more = counted(len(trace.untraced) - _MOST_UNTRACED, "more process was", "more processes were")
        result.append(f"{more} not traced: the trace file has their names")
    # Not those that have run none of the code, as helpers of multiprocessing.
    with_threads = {thread.process for thread in trace.threads}
    running = sum(not process.ended and index in with_threads for index, process in enumerate(trace.processes) if index)
    if running:
        still = counted(running, "process was", "processes were")
        advice = "" if request.wait else "; --wait waits for them"
        result.append(f"{still} still running when the trace was written: what ran later is not in it{advice}")
    if buffers.interpreters:
        result.append("the program can make other interpreters in its process: what runs in them is not traced")
    if any(process.has_more_handovers for process in buffers.processes):
        result.append(f"a process handed work over more than {ROOM:,d} times: the trace has the first hand-overs")
    if trace.skipped:
        result.append(
            f"{counted(len(trace.skipped), 'module or function', 'modules or functions')} could not be instrumented, "
            "wholly or in part: `pykcov dump --skipped` lists them"
        )
    return result


def _unmatched(patterns: Sequence[str], buffers: Buffers, trace: TraceFile) -> list[str]:
    selection = Selection(include=patterns, own=False)
    # Of comparisons the table has those modules alone that compare something.
    for module in {place.module for place in buffers.locations}.union(trace.locations.modules):
        selection.matches(module, "")
    for name, _ in trace.skipped:
        selection.matches(name, "")
    return selection.unmatched()


def _selected(request: Request) -> str:
    if request.include:
        return "modules " + ", ".join(request.include)
    places = [f"files below {folder}" for folder in request.source]
    places += [f"modules {name}" for name in request.packages]
    if not places and request.include_files:
        places = ["files that the configured include names"]
    elif not places:
        own = "files below the current folder and the script's"
        places = ["all that is not installed" if request.elsewhere else own]
    return " and ".join(places + ["the standard library"] * request.stdlib)
