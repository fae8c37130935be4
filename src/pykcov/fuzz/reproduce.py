"""Runs a harness with one input, without libFuzzer: what the script beside each finding calls."""

import os
import sys
from os import PathLike
from typing import NoReturn

import pykcov.atheris
from pykcov.fuzz import harness, targets
from pykcov.fuzz.background import Background
from pykcov.fuzz.settings import Settings
from pykcov.fuzz.stacks import report_of, write_error
from pykcov.program.options import skips_first_line


def reproduce(path: "str | PathLike[str]", data: bytes) -> NoReturn:
    """Call what the harness fuzzes with `data`. Exits with 1 and the traceback if that raises, else with 0.

    So it does if something that it has started raises: a thread, a task, a child. Raises HarnessError if the harness
    declares nothing.
    """
    sys.modules["atheris"] = pykcov.atheris
    background = Background()
    background.install(audit=True)

    def run(declared: harness.Harness) -> NoReturn:
        process = os.getpid()
        with background.carried():
            raised, failures = background.run(declared.target, data)
        if os.getpid() != process:
            background.note_child(raised)
        if raised is not None:
            write_error(report_of(raised))
        for failure in failures:
            write_error(failure.report)
        if raised is None and not failures:
            print("the input does nothing wrong", file=sys.stderr)
        sys.exit(1 if raised is not None or failures else 0)

    harness.set_runner(run)
    targets.run(Settings(os.path.normpath(path), skip_first_line=skips_first_line()))
