"""What the arrays of a trace file may hold: types, shapes and ranges, all checked here, once, when a file is loaded.

What comes behind relies on it. A file may be damaged, or made to harm who reads it.
"""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import NamedTuple

from pykcov.modes import RUN_MODES, compares
from pykcov.traces.arcs import LINE_MAX
from pykcov.traces.facts import TRUE_DECIDED
from pykcov.traces.npz import Array
from pykcov.traces.records import COMPARISON_WORDS, OPERATIONS

_INTEGER = ("i", "u")


class Column(NamedTuple):
    """What an array is to be."""

    types: tuple[str, ...]
    """What its type may begin with, as in npz.Array.type."""
    as_long_as: str = ""
    """The array that has as many rows, perhaps itself; '': it is a single value."""
    rows_max: int = 1 << 22
    """With fewer the file is read in seconds."""
    low: int | None = None
    high: int | None = None
    """The least and the greatest value, if not all that the type can hold are right."""
    is_new: bool = False
    """Whether it was added later: older files do not have it."""


_ROW = "location_pc"
_FILE = "location_files"
_NAMES_MAX = 1 << 20  # of texts, which take more room in memory than in the file

COLUMNS: Mapping[str, Column] = {
    **dict.fromkeys(("format", "command", "folder", "python", "platform", "mode"), Column(("U",))),
    **dict.fromkeys(("granularity", "started"), Column(("U",))),
    "version": Column(_INTEGER, low=1),
    "exit_status": Column(_INTEGER, low=-(1 << 31), high=1 << 32),
    "forked": Column(_INTEGER, low=0),
    "entries": Column(("u8",), "entries", rows_max=1 << 40),
    "thread_name": Column(("U",), "thread_name", _NAMES_MAX),
    **dict.fromkeys(("thread_ident", "thread_native_id"), Column(_INTEGER, "thread_name")),
    **dict.fromkeys(("thread_dropped", "thread_offset", "thread_length"), Column(_INTEGER, "thread_name", low=0)),
    "thread_process": Column(("i4",), "thread_name", low=0, is_new=True),
    **dict.fromkeys(("handover_giver", "handover_taker"), Column(("i4",), "handover_giver", low=0, is_new=True)),
    **dict.fromkeys(("handover_given", "handover_taken"), Column(("i8",), "handover_giver", low=0, is_new=True)),
    "process_pid": Column(("i8",), "process_pid", _NAMES_MAX, is_new=True),
    **dict.fromkeys(("process_parent", "process_exit_status"), Column(("i8",), "process_pid", is_new=True)),
    **dict.fromkeys(("process_name", "process_command"), Column(("U",), "process_pid", is_new=True)),
    **dict.fromkeys(("process_started", "process_ended"), Column(("U",), "process_pid", is_new=True)),
    **dict.fromkeys(("process_forked", "process_exit_known"), Column(("b",), "process_pid", is_new=True)),
    "untraced_command": Column(("U",), "untraced_command", _NAMES_MAX, is_new=True),
    "untraced_reason": Column(("U",), "untraced_command", is_new=True),
    _ROW: Column(("u8",), _ROW),
    **dict.fromkeys(("location_file", "location_function", "location_module"), Column(("i4",), _ROW, low=0)),
    **dict.fromkeys(("location_line", "location_end_line"), Column(("i4",), _ROW)),
    **dict.fromkeys(("location_column", "location_end_column"), Column(("i4",), _ROW)),
    "location_comparison": Column(("u1",), _ROW, high=len(OPERATIONS) - 1),
    "location_lines_end": Column(("i8",), _ROW, low=0),
    "location_lines": Column(("i4",), "location_lines", low=1, high=LINE_MAX),
    "location_arcs_end": Column(("i8",), _ROW, low=0, is_new=True),
    "location_arcs": Column(("i4",), "location_arcs", low=-LINE_MAX, high=LINE_MAX, is_new=True),
    "location_conditions_end": Column(("i8",), _ROW, low=0, is_new=True),
    "location_conditions": Column(("i4",), "location_conditions", low=0, is_new=True),
    _FILE: Column(("U",), _FILE, _NAMES_MAX),
    "location_functions": Column(("U",), "location_functions", _NAMES_MAX),
    "location_modules": Column(("U",), "location_modules", _NAMES_MAX),
    "location_digests": Column(("U",), _FILE),
    "unexecuted_file": Column(("U",), "unexecuted_file", _NAMES_MAX, is_new=True),
    "skipped_name": Column(("U",), "skipped_name", _NAMES_MAX),
    "skipped_reason": Column(("U",), "skipped_name"),
    "image_path": Column(("U",), "image_path", _NAMES_MAX),
    "image_build_id": Column(("U",), "image_path"),
    **dict.fromkeys(("image_start", "image_end", "image_bias"), Column(("u8",), "image_path")),
    **dict.fromkeys(("image_instrumented", "image_loaded"), Column(("b",), "image_path")),
}


def check_shape(name: str, type: str, shape: tuple[int, ...]) -> None:
    """Raise ValueError if an array of COLUMNS has another type, too many rows or dimensions; before it is read."""
    column = COLUMNS[name]
    dimensions = (0,) if not column.as_long_as else (1, 2) if name == "entries" else (1,)
    if len(shape) not in dimensions or not type.startswith(column.types):
        raise ValueError(f"{name!r} is {len(shape)}-dimensional {type}")
    if shape and shape[0] > column.rows_max:
        raise ValueError(f"{name!r} has {shape[0]} rows, more than {column.rows_max}")


def check(arrays: Mapping[str, Array]) -> None:
    """Raise ValueError, which says which array is wrong and how, if one is, or does not fit the others.

    Each has passed check_shape().
    """
    for name, column in COLUMNS.items():
        # What was added later is there together with what it belongs to.
        if name not in arrays and column.is_new and not (column.as_long_as in arrays and _is_new(column.as_long_as)):
            continue
        if name not in arrays:
            raise ValueError(f"{name!r} is missing")
        found = arrays[name]
        length = arrays[column.as_long_as].shape[0] if column.as_long_as in arrays else 0
        if found.shape and found.shape[0] != length:
            raise ValueError(f"{name!r} has {found.shape[0]} rows, and {column.as_long_as!r} has {length}")
        _check_range(name, found.values, column)
    _check_mode(arrays)
    _check_threads(arrays)
    _check_handovers(arrays)
    _check_locations(arrays)


def _is_new(name: str) -> bool:
    return COLUMNS[name].is_new


def _check_range(name: str, values: Sequence[int], column: Column) -> None:
    if column.low is not None and (least := min(values, default=column.low)) < column.low:
        raise ValueError(f"{name!r} holds {least}")
    if column.high is not None and (greatest := max(values, default=column.high)) > column.high:
        raise ValueError(f"{name!r} holds {greatest}")


def _check_mode(arrays: Mapping[str, Array]) -> None:
    mode = arrays["mode"].values[0]
    if mode and mode not in RUN_MODES:
        raise ValueError(f"'mode' is {mode[:20]!r}")
    shape = arrays["entries"].shape
    if shape[1:] != ((COMPARISON_WORDS,) if compares(mode) else ()):
        raise ValueError(f"'entries' has shape {shape}, which is not that of mode {mode!r}")


def _check_threads(arrays: Mapping[str, Array]) -> None:
    """The entries of each thread come behind those of the one before: none is of two threads."""
    entries = arrays["entries"].shape[0]
    end = 0
    for offset, length in zip(arrays["thread_offset"].values, arrays["thread_length"].values, strict=True):
        if not end <= offset <= offset + length <= entries:
            raise ValueError(f"a thread has entries {offset} to {offset + length}, where {end} to {entries} are left")
        end = offset + length
    processes = arrays["process_pid"].shape[0] if "process_pid" in arrays else 0
    if "thread_process" in arrays and max(arrays["thread_process"].values, default=0) >= max(processes, 1):
        raise ValueError("'thread_process' points outside the processes")


def _check_handovers(arrays: Mapping[str, Array]) -> None:
    if "handover_giver" not in arrays:
        return
    lengths = arrays["thread_length"].values
    for who, where in (("giver", "given"), ("taker", "taken")):
        for thread, entry in zip(arrays[f"handover_{who}"].values, arrays[f"handover_{where}"].values, strict=True):
            if thread >= len(lengths) or entry > lengths[thread]:
                raise ValueError(f"'handover_{where}' holds entry {entry} of thread {thread}, which does not exist")


def _check_locations(arrays: Mapping[str, Array]) -> None:
    for name, names in (("file", "files"), ("function", "functions"), ("module", "modules")):
        values = arrays[f"location_{name}"].values
        if values and max(values) >= arrays[f"location_{names}"].shape[0]:
            raise ValueError(f"'location_{name}' points outside 'location_{names}'")
    _check_ends(arrays, "location_lines")
    for name, width in (("location_arcs", 2), ("location_conditions", 5)):
        if name not in arrays and f"{name}_end" not in arrays:
            continue
        for each in (name, f"{name}_end"):
            if each not in arrays:
                raise ValueError(f"{each!r} is missing")
        _check_ends(arrays, name)
        if any(end % width for end in arrays[f"{name}_end"].values):
            raise ValueError(f"'{name}_end' splits an entry of {width} numbers")
    if any(outcome > TRUE_DECIDED for outcome in _conditions(arrays)[4::5]):
        raise ValueError("'location_conditions' holds an outcome that is none")
    for name in ("location_lines_end", "location_arcs_end", "location_conditions_end", "location_pc"):
        if name not in arrays:
            continue
        if any(one > following for one, following in pairwise(arrays[name].values)):
            raise ValueError(f"{name!r} is not in ascending order")


def _conditions(arrays: Mapping[str, Array]) -> Sequence[int]:
    return arrays["location_conditions"].values if "location_conditions" in arrays else ()


def _check_ends(arrays: Mapping[str, Array], name: str) -> None:
    ends = arrays[f"{name}_end"].values
    if (ends[-1] if ends else 0) != arrays[name].shape[0]:
        raise ValueError(f"'{name}_end' does not end where {name!r} does")
