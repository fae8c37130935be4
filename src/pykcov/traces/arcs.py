"""What ran as arcs: pairs of lines that ran one after the other, as coverage.py counts branches.

A negative number is the way into the code object that begins on that line, or out of it. An arc from a line to itself
says that the line ran, where no other arc does.
"""

from collections.abc import Iterable

Arc = tuple[int, int]
LINE_MAX = 1 << 24
"""No source has more lines: a number above is none of a line. Reports keep a bit for each line up to the last one."""


def tells_arcs(granularity: str) -> bool:
    """Return whether code of this granularity has probes for arcs."""
    return granularity in ("arc", "condition")


class ArcsError(ValueError):
    """Arcs were asked for where no code was to record them."""

    def __init__(self, granularity: str) -> None:
        """Say what to do."""
        super().__init__(f"arcs are recorded with granularity 'arc', not with {granularity!r}")


def arcs_of(rows: Iterable[tuple[str, Iterable[int], Iterable[Arc]]]) -> dict[str, list[Arc]]:
    """Return the arcs that ran: sorted, by file. `rows`: of each place that was hit the file, the lines and the arcs.

    The arcs of a place include those that its lines are known to lead to if the lines at their ends have run, too.
    """
    lines_of: dict[str, set[int]] = {}
    arcs_of: dict[str, set[Arc]] = {}
    for file, lines, arcs in rows:
        if file:
            lines_of.setdefault(file, set()).update(lines)
            arcs_of.setdefault(file, set()).update(arcs)
    return {file: sorted(complete(lines, arcs_of[file])) for file, lines in sorted(lines_of.items())}


def complete(lines: set[int], arcs: Iterable[Arc]) -> set[Arc]:
    """Return the arcs of a file that ran, given the lines that did."""
    # Line 0 is that of a module's first instruction, and no line of its source.
    lines = lines - {0}
    ran = {arc for arc in arcs if arc[1] < 0 or arc[1] in lines}
    known = {line for arc in ran for line in arc}
    return ran | {(line, line) for line in lines - known}
