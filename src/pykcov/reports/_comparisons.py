"""What was compared where: as a table, or as JSON."""

import json
import sys
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from typing import Any, TextIO

from pykcov.reports._threads import comparison_totals, print_threads
from pykcov.tables import print_table
from pykcov.traces.locations import Location, unknown
from pykcov.traces.records import Comparison, Operand
from pykcov.traces.texts import printable, shown
from pykcov.traces.tracefile import TraceFile

# Of a place in JSON: the most frequent ones.
_PAIRS = 10
# Characters of an operand in a table.
_WIDTH = 24


@dataclass
class Site:
    """What was compared at one place with one operation."""

    location: Location
    op: str
    """As in Comparison; '' if not known."""
    const: bool = False
    """Whether the first operand is a constant of the code."""
    times: int = 0
    matched: int = 0
    """How many times the operands were equal or, of methods that search, the right one was found in the left one."""
    pairs: Counter[tuple[Operand, Operand]] = field(default_factory=Counter)
    """How many times which operands were compared, in the order in which they were recorded."""
    threads: dict[str, None] = field(default_factory=dict)
    """Names of the threads that compared here; a set in order."""

    @property
    def place(self) -> str:
        """'file:line', '?' if it is not known."""
        return f"{shown(self.location.file)}:{self.location.line}" if self.location.known else "?"


def sites(trace: TraceFile) -> list[Site]:
    """Return the places at which something was compared: where operands never matched first, then by frequency."""
    found: dict[tuple[int, str], Site] = {}
    for name, thread in zip(trace.thread_names(), trace.threads, strict=True):
        for row, one in trace.comparisons(thread):
            site = found.get((one.pc, one.op))
            if site is None:
                location = unknown(one.pc) if row < 0 else trace.locations.location(row)
                site = found[one.pc, one.op] = Site(location, one.op, one.const)
            site.threads[name] = None
            site.times += 1
            site.matched += is_match(one)
            site.pairs[one.operand1, one.operand2] += 1
    in_order = sorted(
        found.values(), key=lambda site: (site.location.file, site.location.line, site.location.pc, site.op)
    )
    return sorted(in_order, key=lambda site: (site.matched > 0, -site.times))


def is_match(one: Comparison) -> bool:
    """Return whether the operands were equal or, of methods that search, the right one was found in the left one.

    Of long operands only the beginnings are there. Whether `in` searched a str or a container nobody knows.
    """
    text: Any = one.left
    part: Any = one.right
    searches = isinstance(text, (str, bytes)) and type(part) is type(text)
    if one.op in ("startswith", "removeprefix") and searches:
        return bool(text.startswith(part))
    if one.op in ("endswith", "removesuffix") and searches:
        return bool(text.endswith(part))
    if one.op in ("find", "index", "count", "split", "partition") and searches:
        return part in text
    return one.operand1 == one.operand2 and one.length1 == one.length2


def report_comparisons(trace: TraceFile, format: str, output: str | None = None) -> str:
    """Write a report in one of comparison_formats; return where to: `output`, '-' for standard output. OSError."""
    render, default = comparison_formats[format]
    output = output or default
    with nullcontext(sys.stdout) if output == "-" else open(output, "w", encoding="utf-8") as file:
        render(trace, sites(trace), file)
    return output


def _render_text(trace: TraceFile, found: Sequence[Site], file: TextIO) -> None:
    print(comparison_totals(trace), file=file)
    rows = [
        (
            site.place,
            printable(site.location.function) or f"{site.location.pc:#x}",
            site.op or "?",
            site.times,
            site.matched,
            len(site.pairs),
            ", ".join(_cut(repr(operand)) for operand in site.pairs.most_common(1)[0][0]),
        )
        for site in found
    ]
    if rows:
        print_table(("Place", "Function", "Op", "Times", "Matched", "Pairs", "Most often"), rows, file)
    print(file=file)
    print_threads(trace, file)


def _render_json(trace: TraceFile, found: Sequence[Site], file: TextIO) -> None:
    places = [
        {
            "file": site.location.file,
            "line": site.location.line,
            "column": site.location.column,
            "function": site.location.function,
            "module": site.location.module,
            "pc": site.location.pc,
            "threads": list(site.threads),
            "op": site.op,
            "const": site.const,
            "times": site.times,
            "matched": site.matched,
            "pairs": len(site.pairs),
            # As Python writes them: JSON has no bytes.
            "operands": [[*map(repr, pair), times] for pair, times in site.pairs.most_common(_PAIRS)],
        }
        for site in found
    ]
    json.dump({"mode": trace.mode, "command": trace.command, "places": places}, file)
    print(file=file)


def _cut(text: str) -> str:
    return text if len(text) <= _WIDTH else text[: _WIDTH - 3] + "..."


comparison_formats: Mapping[str, tuple[Callable[[TraceFile, Sequence[Site], TextIO], None], str]] = {
    "text": (_render_text, "-"),
    "json": (_render_json, "comparisons.json"),
}
"""What renders a format, and where to unless another file is named."""
