"""A greenlet of gevent or eventlet works for whom its starter worked for.

Each greenlet has a context of its own, which is empty when it begins. What is put there is the group alone: the
program finds its other context variables as they would be.
"""

from contextvars import Context
from types import ModuleType
from typing import Any

from pykcov import _core
from pykcov.remote.replacement import Callback, Replacement


def _spawned(greenlet: Any) -> None:
    group = _core.group_variable.get(None)
    if group is None:
        return
    if greenlet.gr_context is None:
        greenlet.gr_context = Context()
    greenlet.gr_context.run(_core.group_variable.set, group)


def _install(module: ModuleType) -> None:
    module.Greenlet.add_spawn_callback(_spawned)


def _remove(module: ModuleType) -> None:
    module.Greenlet.remove_spawn_callback(_spawned)


_NAMES = ("spawn", "spawn_n", "spawn_after")

CARRIERS = (
    Callback("gevent.greenlet", "Greenlet", _install, _remove),
    *(Replacement("eventlet.greenthread", name, "carry", int(name == "spawn_after"), "func") for name in _NAMES),
    *(Replacement("eventlet", name, "carry", int(name == "spawn_after"), "func") for name in _NAMES),
)
