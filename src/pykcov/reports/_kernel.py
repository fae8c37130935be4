"""Tables of what a command did in the kernel: by system call, by source file, and of comparisons."""

from collections import Counter
from collections.abc import Sequence
from typing import TextIO

from pykcov.kernel.locations import KernelLocator
from pykcov.kernel.system_call import SystemCall
from pykcov.tables import print_table
from pykcov.traces.texts import printable

# What is no smaller, taken as a number with a sign, is shown so: errors, descriptors that are none, AT_FDCWD.
_LEAST_NEGATIVE = -4096


def print_calls(calls: Sequence[SystemCall], locator: KernelLocator, file: TextIO, most: int) -> None:
    """Write, for each system call, how much of the kernel it ran; at most `most` of them."""
    rows = []
    for call in calls:
        places = call.pcs
        found = [place for pc in places for place in locator.locate(pc) if place.known]
        functions = {place.function for place in found}
        files = {place.file for place in found if place.line}
        rows.append((call.name, call.times, len(places), len(functions), len(files)))
    rows.sort(key=lambda row: -row[2])
    _print(("System call", "Calls", "Places", "Functions", "Files"), rows, file, most)


def print_files(calls: Sequence[SystemCall], locator: KernelLocator, file: TextIO, most: int) -> None:
    """Write, for each source file of the kernel, which lines and functions ran, and for whom most."""
    lines: dict[str, set[int]] = {}
    functions: dict[str, Counter[str]] = {}
    callers: dict[str, Counter[str]] = {}
    for call in calls:
        for pc in call.pcs:
            for place in locator.locate(pc):
                if not place.line:
                    continue
                lines.setdefault(place.file, set()).update(place.lines)
                functions.setdefault(place.file, Counter())[place.function] += 1
                callers.setdefault(place.file, Counter())[call.name] += 1
    rows = [
        (
            printable(name.removeprefix(source_root(lines))),
            len(numbers),
            len(functions[name]),
            ", ".join(function for function, _ in functions[name].most_common(3)),
            ", ".join(call for call, _ in callers[name].most_common(3)),
        )
        for name, numbers in lines.items()
    ]
    rows.sort(key=lambda row: -row[1])
    _print(("File", "Lines", "Functions", "Most of", "For"), rows, file, most)


def print_comparisons(calls: Sequence[SystemCall], locator: KernelLocator, file: TextIO, most: int) -> None:
    """Write what each system call compared, those with a constant first, by how often."""
    rows = []
    root = source_root([place.file for call in calls for pc in call.pcs for place in locator.locate(pc)])
    for call in calls:
        for (kind, first, second, pc), times in zip(call.rows.tolist(), call.counts.tolist(), strict=True):
            place = locator.locate(pc)[0]
            size = 1 << (kind >> 1 & 3)
            where = f"{printable(place.file.removeprefix(root))}:{place.line}" if place.line else "?"
            operands = f"{_operand(first, size)}, {_operand(second, size)}"
            rows.append((call.name, where, place.function, size, "const" if kind & 1 else "-", operands, times))
    rows.sort(key=lambda row: (row[4] == "-", -int(row[6])))
    _print(("System call", "Place", "Function", "Bytes", "", "Operands", "Times"), rows, file, most)


def source_root(files: Sequence[str] | dict[str, set[int]]) -> str:
    """Return the folder that the kernel was compiled in, with a slash; '' if it is not known."""
    for name in files:
        for folder in ("/kernel/", "/mm/", "/fs/"):
            head, found, rest = name.partition(folder)
            if found and "/" not in rest:
                return f"{head}/"
    return ""


def _operand(number: int, size: int) -> str:
    signed = number - (1 << 8 * size) if number >> 8 * size - 1 & 1 else number
    if _LEAST_NEGATIVE <= signed < 0:
        return str(signed)
    return str(number) if number < 1 << 16 else hex(number)


def _print(heads: Sequence[str], rows: Sequence[Sequence[str | int]], file: TextIO, most: int) -> None:
    if not rows:
        return
    print_table(heads, rows[:most], file)
    if len(rows) > most:
        print(f"  and {len(rows) - most} more", file=file)


def rawcover(calls: Sequence[SystemCall]) -> str:
    """Return all places as syzkaller's tools read them: a pc a line, in hexadecimal, ascending."""
    return "".join(f"{pc:#x}\n" for pc in sorted({pc for call in calls for pc in call.pcs}))
