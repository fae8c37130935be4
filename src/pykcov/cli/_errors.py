"""What goes wrong for a known reason, and the exit code that each reason has."""

from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from pykcov.traces.tracefile import TraceFile

BAD_INPUT = 2
NOTHING_TRACED = 3
NOT_WRITTEN = 4


class CommandError(Exception):
    """Ends a command with one line on stderr and an exit code."""

    def __init__(self, message: str, code: int) -> None:
        """`message` says what was wrong, with which value, and what to do."""
        super().__init__(message)
        self.code = code


def exit_code(error: Exception) -> int | None:
    """Return the exit code for an error, None if it is none that a user can cause: then it is ours, with traceback."""
    # Only here, and only when something went wrong: they take time to import.
    from coverage.exceptions import CoverageException

    from pykcov.coverage.checked import DamagedDataError
    from pykcov.coverage.configuration import ConfigurationError
    from pykcov.fuzz.libfuzzer import LibFuzzerMissingError
    from pykcov.instrument.versions import UnsupportedPythonError
    from pykcov.reports._report import NothingToReportError
    from pykcov.traces.records import MissingLibraryError
    from pykcov.traces.tracefile import TraceFileError

    match error:
        case CommandError(code=code):
            return code
        case (
            ConfigurationError()
            | DamagedDataError()
            | TraceFileError()
            | NothingToReportError()
            | CoverageException()
            | UnsupportedPythonError()
            | LibFuzzerMissingError()
            | MissingLibraryError()
            | OSError()
        ):
            return BAD_INPUT
    return None


def words(error: Exception) -> str:
    """Return one line for an error."""
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename}: {error.strerror}" if error.filename else error.strerror
    return " ".join(str(error).split())


def complain_of_damage(trace: "TraceFile") -> int:
    """Say on stderr which comparisons of a trace cannot be read; return the exit code, 0 if all can be."""
    damaged = trace.damaged()
    for remark in damaged:
        click.echo(f"pykcov: {remark}", err=True)
    return BAD_INPUT if damaged else 0
