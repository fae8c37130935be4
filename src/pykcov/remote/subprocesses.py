"""A Python program that subprocess starts works for whom its starter worked for, if `PYKCOV_SUBPROCESSES=1` is set.

Not without being asked for, as it shows: the program finds pykcov, and what that needs, imported when it begins. Two
variables in its environment, which it does not see, have it look for a trace when it starts (startup/sitecustomize.py).
"""

import os
import sys
from collections.abc import Mapping
from typing import Any

from pykcov import _core
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
        found[TICKET] = json.dumps(ticket)
    return found


def begin() -> None:
    """Work for the trace that the environment names; in the process that was started, before its program."""
    folders = [folder for folder in os.environ.get("PYTHONPATH", "").split(os.pathsep) if folder != _STARTUP]
    os.environ["PYTHONPATH"] = os.pathsep.join(folders)
    if not any(folders):
        del os.environ["PYTHONPATH"]
    sys.path[:] = [folder for folder in sys.path if folder != _STARTUP]
    text = os.environ.pop(TICKET, None)
    if text is not None:
        # Not before: see environment().
        import json

        device, mode, chosen, places = json.loads(text)
        granularity, compare, include, exclude, source, stdlib = chosen
        choice = Chosen(granularity, compare, tuple(include), tuple(exclude), tuple(source), stdlib)
        lending.work_for(Ticket(Descriptor(*device), mode, choice, Descriptor(*places)))


def _with_ticket(env: Mapping[Any, Any] | None) -> Mapping[Any, Any] | None:
    wanted = os.environ.get(WANTED, "0") not in ("", "0") and lending.is_offered()
    return environment(env) if wanted else env


carriers.add([Replacement("subprocess", "Popen._execute_child", "argument", 7, "env", _with_ticket)])
