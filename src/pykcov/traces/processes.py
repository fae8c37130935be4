"""A process of the program that was traced, and the columns of a trace file that hold all of them."""

import os
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from pykcov.traces import npz
from pykcov.traces.texts import printable


class Process(NamedTuple):
    """A process of the program. One that became another program by exec is listed once for each program."""

    pid: int = 0
    parent: int = 0
    """The pid of its parent when it began."""
    name: str = ""
    """Its name in multiprocessing; '' if it was started in another way."""
    command: str = ""
    """The program and its arguments as a shell would take them; for a forked child, those of its parent."""
    forked: bool = False
    """Whether it began as a fork of another traced process."""
    started: str = ""
    """Date and time, ISO 8601, UTC, like `ended`."""
    ended: str = ""
    """'' if it was still running when the program ended."""
    exit_status: int | None = None
    """-N if signal N ended it; None if it was still running, became another program, or its end was not seen."""


def names_of(processes: Sequence[Process]) -> list[str]:
    """Return a printable name for each process: 'app.py', 'worker.py (PID)', 'ForkPoolWorker-1 (PID)'."""
    names = []
    children = 0
    for index, process in enumerate(processes):
        name = process.name or _program_name(process.command)
        if index and not process.name and process.forked:
            children += 1
            name += f" child {children}"
        names.append(printable(name) + (f" ({process.pid})" if index else ""))
    return names


def _program_name(command: str) -> str:
    """Return what a person calls a program: 'app.py', 'gunicorn', '-c'."""
    import shlex  # not before: it costs start-up, and most traces have one process

    try:
        words = shlex.split(command) or [""]
    except ValueError:
        words = command.split() or [""]
    if words[0] == "-m" and len(words) > 1:
        return words[1]
    return os.path.basename(words[0].rstrip("/")) or words[0]


_COLUMNS = {
    "pid": "i8",
    "parent": "i8",
    "name": "U",
    "command": "U",
    "forked": "b1",
    "started": "U",
    "ended": "U",
}


def columns_of(processes: list[Process]) -> dict[str, npz.Array]:
    """Return the columns of a trace file."""
    return {
        **{
            f"process_{name}": npz.row(kind, [getattr(process, name) for process in processes])
            for name, kind in _COLUMNS.items()
        },
        "process_exit_status": npz.row("i8", [process.exit_status or 0 for process in processes]),
        "process_exit_known": npz.row("b1", [process.exit_status is not None for process in processes]),
    }


def from_columns(values: Mapping[str, Sequence[Any]]) -> list[Process]:
    """Return the processes of a trace file, whose columns were checked; none, if it is of an older version."""
    if "process_pid" not in values:
        return []
    found = [values[f"process_{name}"] for name in _COLUMNS]
    exits = zip(values["process_exit_status"], values["process_exit_known"], strict=True)
    rows = [dict(zip(_COLUMNS, row, strict=True)) for row in zip(*found, strict=True)]
    return [
        Process(**row, exit_status=status if known else None) for row, (status, known) in zip(rows, exits, strict=True)
    ]
