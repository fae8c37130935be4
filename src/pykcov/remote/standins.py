"""Stand-ins for functions that hand work to others, and when they can be put in their places."""

import sys
from _frozen_importlib import ModuleSpec
from collections.abc import Callable, Iterable
from types import ModuleType
from typing import Any, NamedTuple

from pykcov import _core
from pykcov.instrument.selection import namespace_of
from pykcov.remote.replacement import Replacement


class StandIn(NamedTuple):
    """A function written in C (core/python/carrier.c) that takes the place of another, and may do so twice."""

    original: Any
    stand_in: Any
    put: Callable[[], object]
    remove: Callable[[], object]
    """Undo put(), unless somebody has put something else there meanwhile."""


def stand_in(module: ModuleType, carrier: Replacement) -> StandIn:
    """Return the stand-in that `carrier` asks for. AttributeError, KeyError: there is no such function in `module`."""
    class_name, _, name = carrier.name.rpartition(".")
    owner: Any = vars(module)[class_name] if class_name else module
    inherited = name not in vars(owner)
    original = getattr(owner, name) if inherited else vars(owner)[name]
    ours = _core.carrier(carrier.kind, original, carrier.argument, carrier.keyword, carrier.hook)

    def remove() -> None:
        # Ours does no harm if something else calls it.
        if vars(owner).get(name) is ours:
            if inherited:
                delattr(owner, name)
            else:
                setattr(owner, name, original)

    return StandIn(original, ours, lambda: setattr(owner, name, ours), remove)


def imported(names: Iterable[str], complete: object) -> list[str]:
    """Return which modules are there as a whole; `complete`: the namespace of one whose code has run."""
    return [name for name in list(names) if name in sys.modules and not _is_incomplete(name, complete)]


def _is_incomplete(name: str, complete: object) -> bool:
    namespace = namespace_of(sys.modules[name])
    specification = namespace.get("__spec__")
    initializing = type(specification) is ModuleSpec and specification.__dict__.get("_initializing")
    return bool(initializing) and namespace is not complete
