"""Imports what a target imports while it runs, before processes are forked that would each import it again."""

import importlib
import os
import sys
from contextlib import suppress
from typing import IO, NoReturn

from pykcov.fuzz.candidates import end_of
from pykcov.fuzz.harness import Target

SECONDS = 10
"""For the input that is tried."""


def preload(target: Target) -> None:
    """Import here what the target imports for the empty input, with which libFuzzer begins, too.

    That is tried in a forked process, as the target may do anything: here nothing happens but imports. Modules that the
    target has not imported when the time is over, or its process ends, are imported later by each process.
    """
    with os.fdopen(os.memfd_create("pykcov-imported"), "w+b", 0) as imported:
        child = os.fork()
        if child == 0:
            _try(target, imported)
        end_of(child, SECONDS)
        imported.seek(0)
        for name in filter(None, imported.read().decode().split("\0")):
            # What cannot be imported by its name alone is left to the target.
            with suppress(BaseException):
                importlib.import_module(name)


def _try(target: Target, imported: IO[bytes]) -> NoReturn:
    try:
        os.setpgid(0, 0)
        before = {*sys.modules}
        with suppress(BaseException):
            target(b"")
        names = (name for name in [*sys.modules] if isinstance(name, str) and name not in before)
        imported.write("\0".join(names).encode(errors="replace"))
    finally:
        os._exit(0)
