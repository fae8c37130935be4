"""What a carrier puts in the place of a function that hands work to others."""

from collections.abc import Callable
from types import ModuleType
from typing import Literal, NamedTuple

Kind = Literal["carry", "start", "nobody", "callback", "hand", "argument", "result"]


class Replacement(NamedTuple):
    """A function that takes work, and the stand-in that gives the work its group (core/carrier.c)."""

    module: str
    """Where it is; nothing is done before the program imports that."""
    name: str
    """'function' or 'Class.method'."""
    kind: Kind
    argument: int = 0
    """Which argument is the work: 0 the first, 1 the first of a method."""
    keyword: str | None = None
    """The name by which it may be given instead; None: by position only."""
    hook: Callable[..., object] | None = None
    """What gives another argument, or result; of the kind 'carry': called with the work and the result."""


class Callback(NamedTuple):
    """What a library calls by itself when work is handed over."""

    module: str
    name: str
    install: Callable[[ModuleType], None]
    remove: Callable[[ModuleType], None]
