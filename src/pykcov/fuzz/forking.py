"""Forks the process that fuzzes from the one that watches, which has imported what both need.

To start another Python would take a third of the time until the first input. What is forked becomes what it would be
(fuzz/__main__.py): the program finds nothing of what the process that watches has set up, or imported, for itself.
"""

import gc
import os
import signal
import sys
import warnings
from typing import NamedTuple, NoReturn

from pykcov.exiting import end_process
from pykcov.fuzz import exits, worker
from pykcov.fuzz.settings import Settings
from pykcov.fuzz.stacks import write_error
from pykcov.fuzz.watch import Forked
from pykcov.program import main_module

_SIGNALS = (signal.SIGINT, signal.SIGTERM)
"""Who watches has handlers for them."""


class Origin(NamedTuple):
    """How a process began that has no threads: what it forks goes back to that."""

    modules: frozenset[str]
    """Those that stay (program/forgetting.py)."""
    path: list[str]
    filters: list[object]
    """Of warnings."""
    thresholds: tuple[int, int, int]
    """Of the garbage collector."""

    def fork(self, settings: Settings) -> Forked:
        """Fork a process that fuzzes."""
        for stream in (sys.stdout, sys.stderr):
            if stream is not None:
                stream.flush()  # or both would write it
        # What is there stays: a collection in the forked process would look for cycles in it, and copy all pages.
        gc.freeze()
        # Handlers that run in the forked process would take it for the one that watches.
        before = signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
        pid = os.fork()
        if pid == 0:
            self._return_to()
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
            _fuzz(settings, self.modules)
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
        return Forked(pid, _reap)

    def _return_to(self) -> None:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        warnings.resetwarnings()
        warnings.filters.extend(self.filters)  # type: ignore[attr-defined]
        gc.set_threshold(*self.thresholds)
        sys.path[:] = self.path
        if not sys.flags.safe_path:
            main_module.first_folder, sys.path[0] = sys.path[0], os.getcwd()


def _reap(pid: int) -> int:
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def _fuzz(settings: Settings, modules_that_stay: frozenset[str]) -> NoReturn:
    """Do what the process is for, and end it as Python does."""
    try:
        worker.main(settings.dumps(), modules_that_stay)
    except KeyboardInterrupt:
        write_error("pykcov: interrupted before it fuzzed\n")
        code = exits.INTERRUPTED
    except SystemExit as end:
        code = _code_of(end)
    except BaseException as error:
        sys.excepthook(type(error), error, error.__traceback__)
        code = exits.FAILED
    end_process(code)


def _code_of(end: SystemExit) -> int:
    if end.code is None or isinstance(end.code, int):
        return (end.code or 0) & 0xFF
    write_error(f"{end.code}\n")
    return exits.FAILED
