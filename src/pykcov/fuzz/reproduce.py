"""Runs a harness with one input, without libFuzzer: what the script beside each finding calls."""

import os
import sys
from os import PathLike
from typing import NoReturn

import pykcov.atheris
from pykcov.fuzz import harness, targets
from pykcov.fuzz.settings import Settings
from pykcov.fuzz.stacks import report_of, write_error


def reproduce(path: "str | PathLike[str]", data: bytes) -> NoReturn:
    """Call what the harness fuzzes with `data`. Exits with 1 and the traceback if that raises, else with 0.

    Raises HarnessError if the harness declares nothing.
    """
    sys.modules["atheris"] = pykcov.atheris

    def run(declared: harness.Harness) -> NoReturn:
        try:
            declared.target(data)
        except BaseException as error:
            write_error(report_of(error))
            sys.exit(1)
        print("the input does nothing wrong", file=sys.stderr)
        sys.exit(0)

    harness.set_runner(run)
    targets.run(Settings(os.path.normpath(path)))
