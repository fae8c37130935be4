"""What a thread ran, in order, as calls of functions within each other: from the entries of mode 'pc'.

A trace has no ends of calls. A function that is entered is called by the one that ran before it; one that goes on ends
what it had called. So of two calls between which their caller ran no probe the second is taken to be within the first.
Where both are of the same function it is within the first only if the line at which that stands calls a function of
this name, and has not done so often enough.
"""

import linecache
import re
from functools import cache

from pykcov.explore.model import Way
from pykcov.traces.location_table import LocationTable
from pykcov.traces.pcs import is_python
from pykcov.traces.texts import shown
from pykcov.traces.threads import Thread
from pykcov.traces.tracefile import TraceFile

_OFFSET_BITS = 16


def way(trace: TraceFile, name: str, thread: Thread) -> Way:
    """Return the way of a thread of a trace of mode 'pc', which has the name `name`."""
    table = trace.locations
    places = _places(table)
    functions: dict[int, int] = {}
    starts: list[int] = []
    lengths: list[int] = []
    depths: list[int] = []
    callees: list[int] = []
    # Of the calls that have not ended: code, number of the call, row that it stands at, calls of itself there so far.
    stack: list[list[int]] = []

    @cache
    def recursive(row: int) -> int:
        return _recursive_calls(table, row)

    def end(entry: int) -> None:
        call = stack.pop()[1]
        lengths[call] = entry - starts[call]

    for entry, row in enumerate(table.rows_of(thread.pcs)):
        code, begins = places[row]
        if begins:
            while stack and stack[-1][0] == code and stack[-1][3] >= recursive(stack[-1][2]):
                end(entry)
            if stack and stack[-1][0] == code:
                stack[-1][3] += 1
        elif any(one[0] == code for one in stack):
            while stack[-1][0] != code:
                end(entry)
            stack[-1][2:] = row, 0
            continue
        stack.append([code, len(starts), row, 0])
        starts.append(entry)
        lengths.append(0)
        depths.append(len(stack) - 1)
        callees.append(functions.setdefault(row if row < 0 else _first_row(table, row), len(functions)))
    while stack:
        end(len(thread))
    named = [_function(table, row) for row in functions]
    return Way(name, len(thread), thread.dropped, named, starts, lengths, depths, callees)


def _places(table: LocationTable) -> list[tuple[int, bool]]:
    """Return for each row which code it is of, and whether that begins there; at the end, for -1, what is not known."""
    found = []
    last = -1
    for row, pc in enumerate(table.pc):
        # Native functions have no code of their own number: they are one if they have one name and one file.
        code = pc >> _OFFSET_BITS if is_python(pc) else -2 - table.function[row] * len(table.files) - table.file[row]
        found.append((code, code != last and is_python(pc)))
        last = code
    return [*found, (-1, False)]


def _first_row(table: LocationTable, row: int) -> int:
    """Return the row at which the code of a row begins."""
    code = table.pc[row] >> _OFFSET_BITS
    if is_python(table.pc[row]):
        while row and table.pc[row - 1] >> _OFFSET_BITS == code:
            row -= 1
    return row


def _recursive_calls(table: LocationTable, row: int) -> int:
    """Return how often the lines of a row call something with the name of the function that they are in."""
    name = table.functions[table.function[row]].rpartition(".")[2]
    lines = range(table.line[row], max(table.line[row], table.end_line[row]) + 1)
    text = "".join(linecache.getline(table.files[table.file[row]], line) for line in lines)
    return len(re.findall(rf"(?<!def )\b{re.escape(name)}\(", text))


def _function(table: LocationTable, row: int) -> tuple[str, str, int]:
    if row < 0:
        return ("(unknown)", "", 0)
    return (table.functions[table.function[row]], shown(table.files[table.file[row]]), table.line[row])
