"""Trace files of `pykcov run` into an Exploration."""

import os
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from pykcov.counted import counted
from pykcov.coverage.configuration import Configuration
from pykcov.coverage.data import add_contexts
from pykcov.coverage.masks import mask_of
from pykcov.coverage.native_code import plugin
from pykcov.explore.analysis import analyse, read_text
from pykcov.explore.model import Compared, Exploration, Histogram
from pykcov.explore.ways import way
from pykcov.reports._comparisons import Site, sites
from pykcov.reports._conditions import conditions_of_trace
from pykcov.traces.arcs import tells_arcs
from pykcov.traces.records import Operand
from pykcov.traces.texts import file_digest, shown
from pykcov.traces.tracefile import TraceFile

_PAIRS = 20
"""Of a place: the most frequent ones are shown."""
_OPERAND_MAX = 200
"""Characters of an operand."""
_BINS = 16


def add_trace(exploration: Exploration, path: str, origin: str, configuration: Configuration) -> None:
    """Add what a trace file holds. Raises TraceFileError and what coverage.py raises."""
    trace = TraceFile.load(path)
    for remark in trace.damaged():
        exploration.remarks[f"{origin}: {remark}"] = None
    for name, reason in trace.skipped:
        exploration.remarks[f"{origin}: {name} was not traced: {reason}"] = None
    for command, reason in trace.untraced:
        exploration.remarks[f"{origin}: the process {command} was not traced: {reason}"] = None
    for name, thread in zip(trace.thread_names(), trace.threads, strict=True):
        if thread.dropped:
            lost = counted(thread.dropped, "entry", "entries", ",d")
            exploration.remarks[f"{origin}: {lost} of thread {name} did not fit into its buffer"] = None
    if trace.compares:
        _add_comparisons(exploration, trace)
    else:
        _add_lines(exploration, trace, origin, configuration)
        if trace.mode == "pc":
            _add_ways(exploration, trace)


def _add_lines(exploration: Exploration, trace: TraceFile, origin: str, configuration: Configuration) -> None:
    numbers = exploration.context_numbers(trace.thread_names(), origin)
    known = trace.known_lines()
    native = trace.native_lines()
    has_branches = tells_arcs(trace.granularity)
    files = sorted({*known, *trace.unexecuted})
    coverage = configuration.coverage(None, plugin(native) if native else None)
    ran: Mapping[str, Any] = trace.arcs() if has_branches else trace.lines()
    add_contexts(coverage.get_data(), [("", ran)], files, native, has_branches)
    by_thread = [(numbers[name], trace.lines(thread)) for name, thread in zip(numbers, trace.threads, strict=True)]
    for file in files:
        source = exploration.source(shown(file))
        _read(exploration, trace, file)
        if file in native or not os.path.isfile(file):
            source.known |= mask_of(known.get(file, ()))
            first_lines: Callable[[Iterable[int]], int] = mask_of
        else:
            first_lines = analyse(coverage, file, source)
        for number, lines in by_thread:
            found = first_lines(lines.get(file, ()))
            if found:
                source.contexts[number] = found
        source.known = source.known or source.ran
    if trace.granularity == "condition":
        _add_conditions(exploration, trace, files)


def _add_ways(exploration: Exploration, trace: TraceFile) -> None:
    numbers = {}
    for index, (name, thread) in enumerate(zip(trace.thread_names(), trace.threads, strict=True)):
        if len(thread):
            numbers[index] = len(exploration.ways)
            exploration.ways.append(way(trace, name, thread))
    exploration.handovers += [
        one._replace(giver=numbers[one.giver], taker=numbers[one.taker])
        for one in trace.handovers
        if one.given and one.taken < len(trace.threads[one.taker])
    ]


def _add_conditions(exploration: Exploration, trace: TraceFile, files: Iterable[str]) -> None:
    """Of decisions with several conditions: of one alone the branches tell the same."""
    for file, decisions in conditions_of_trace(trace, {file: file for file in files}, mcdc=False).files.items():
        partial = exploration.source(shown(file)).partial
        for one in (one for decision in decisions if len(decision.conditions) > 1 for one in decision.conditions):
            never = [f"{one.source} was {words}" for words in one.missing(mcdc=False)]
            if never:
                partial.setdefault(one.condition.span[0], []).extend(never)


def _read(exploration: Exploration, trace: TraceFile, file: str) -> None:
    source = exploration.source(shown(file))
    if not source.text:
        read_text(file, source)
    then = trace.digests.get(file, "")
    if source.text and then not in ("", file_digest(file)):
        source.remarks["has changed since it was traced: its lines may be wrong"] = None


def _add_comparisons(exploration: Exploration, trace: TraceFile) -> None:
    for site in sites(trace):
        if not site.location.known:
            continue
        _read(exploration, trace, site.location.file)
        exploration.source(shown(site.location.file)).compared.append(_compared(site))


def _compared(site: Site) -> Compared:
    return Compared(
        line=site.location.line,
        op=site.op,
        function=site.location.function,
        constant=site.const,
        times=site.times,
        matched=site.matched,
        distinct=len(site.pairs),
        pairs=[(_cut(one), _cut(other), times) for (one, other), times in site.pairs.most_common(_PAIRS)],
        threads=list(site.threads),
        histogram=_histogram(site.pairs, site.const),
    )


def _cut(operand: Operand) -> str:
    text = repr(operand)
    return text if len(text) <= _OPERAND_MAX else text[: _OPERAND_MAX - 1] + "…"


def _histogram(pairs: Counter[tuple[Operand, Operand]], constant: bool) -> Histogram | None:
    """Of the operands that are no constants, if all are numbers and there is more than one."""
    values: Counter[int | float] = Counter()
    for pair, times in pairs.items():
        for operand in pair[constant:]:
            # nan is no number of which there are more and less; infinity would make the others one range.
            if not isinstance(operand, int | float) or operand - operand != 0:
                return None
            values[operand] += times
    if len(values) < 2:
        return None
    low, high = min(values), max(values)
    counts = [0] * _BINS
    for value, times in values.items():
        if isinstance(low, int) and isinstance(high, int) and isinstance(value, int):
            place = (value - low) * _BINS // (high - low + 1)  # exact, however large
        else:
            place = int((value / 2 - low / 2) / (high / 2 - low / 2) * _BINS)
        counts[min(place, _BINS - 1)] += times
    return Histogram(low, high, counts)
