"""A job of a thread pool belongs to who submitted it, whatever thread runs it.

What starts the threads of a pool works for nobody: they outlive the job that caused that. An InterpreterPoolExecutor
is a thread pool, too, but its jobs run in other interpreters, where there are no probes and the core cannot be loaded:
it is left as it is.
"""

from types import ModuleType
from typing import Any

from pykcov import _core
from pykcov.remote.replacement import Callback, Replacement

_MODULE = "concurrent.futures.thread"
_BASE = "concurrent.futures._base"
_INTERPRETERS = "concurrent.futures.interpreter"
_STAND_IN: type[Any] = type(_core.carrier("carry", len))


def _keep_out(module: ModuleType) -> None:
    pool: Any = module.InterpreterPoolExecutor
    # Unless the program has put something of its own there.
    if type(pool.submit) is _STAND_IN and "submit" not in vars(pool):
        pool.submit = pool.submit.__wrapped__


def _undo(module: ModuleType) -> None:
    pool: Any = module.InterpreterPoolExecutor
    ours = getattr(pool.__base__.submit, "__wrapped__", pool.__base__.submit)
    if vars(pool).get("submit") is ours:
        del pool.submit


CARRIERS = (
    Replacement(_MODULE, "ThreadPoolExecutor.submit", "carry", 1),
    Replacement(_MODULE, "ThreadPoolExecutor._adjust_thread_count", "nobody"),
    Replacement(_BASE, "Future.add_done_callback", "callback", 1, "fn"),
    Callback(_INTERPRETERS, "InterpreterPoolExecutor.submit", _keep_out, _undo),
)
