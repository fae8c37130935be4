"""A Python program that subprocess starts works for whom its starter worked for.

Two variables in its environment, which it does not see, have it look for a trace when it starts
(startup/sitecustomize.py). It does find pykcov, and what that needs, imported; PYKCOV_SUBPROCESSES=0 has programs run
without.
"""

import os
import sys
from collections.abc import Mapping
from typing import Any

from pykcov import _core
from pykcov.inherited import is_inherited
from pykcov.remote import carriers, lending
from pykcov.remote.lending import Chosen, Ticket
from pykcov.remote.places import Descriptor
from pykcov.remote.replacement import Replacement

WANTED = "PYKCOV_SUBPROCESSES"
TICKET = "PYKCOV_TICKET"
_STARTUP = os.path.join(os.path.dirname(__file__), "startup")


def environment(base: Mapping[Any, Any] | None = None) -> dict[Any, Any]:
    """Return an environment for a Python program that is to work for the current trace, if one is open.

    For programs started in ways that are not followed: `os.posix_spawn()`, uvloop's subprocesses. Only programs in this
    version of Python that find pykcov take part. Others run as usual, with one more folder in PYTHONPATH.

    Args:
        base: the environment that the program would have; by default that of this process.
    """
    found: dict[Any, Any] = _core.environment() if base is None else dict(base)
    ticket = lending.ticket()
    if ticket is not None:
        import json  # not before: a program under `pykcov run` must not find imported what it did not import

        path = found.pop(b"PYTHONPATH", None) or found.get("PYTHONPATH")
        found["PYTHONPATH"] = os.pathsep.join([_STARTUP, *([os.fsdecode(path)] if path else [])])
        found[TICKET] = f"{sys.implementation.cache_tag}:{json.dumps(ticket)}"
    return found


def begin(ticket: str) -> None:
    """Work for the trace that a ticket leads to; in the process that was started, before its program."""
    # Not before: see environment().
    import json

    device, mode, chosen, places = json.loads(ticket)
    lending.work_for(Ticket(Descriptor(*device), mode, Chosen.read(*chosen), Descriptor(*places)))


def _with_ticket(env: Mapping[Any, Any] | None) -> Mapping[Any, Any] | None:
    if os.environ.get(WANTED) == "0" or not lending.is_offered():
        return env
    # Nothing of a class that the program may have written.
    if env is not None and (type(env) not in (dict, type(os.environ)) or not is_inherited(env)):
        return env
    return environment(env)


carriers.add([Replacement("subprocess", "Popen._execute_child", "argument", 7, "env", _with_ticket)])
