"""The typed face of instrument/_exec.c: an exec() without a frame that lets Python replace the code, and more."""

from collections.abc import Callable, Mapping
from types import CellType, CodeType
from typing import Any

def exec(
    source: str | bytes | CodeType,
    globals: dict[str, Any] | None = None,
    locals: Mapping[str, object] | None = None,
    /,
    *,
    closure: tuple[CellType, ...] | None = None,
) -> None:
    """Like the built-in exec(), but a code object is first replaced by `transform(code, globals)`."""

def set_transform(transform: Callable[[CodeType, object], CodeType] | None, /) -> None:
    """Set the callable that replaces code objects, or None: run them as they are."""

def set_after(after: Callable[[Any], object] | None, /) -> None:
    """Set the callable that is given the globals after code has run in them, or None: nothing is told."""

class Unrecorded:
    """While it is entered, the calling thread records nothing: what pykcov does is not what the program did."""

    def __enter__(self) -> None:
        """Do what `_core.interrupt_enter()` does."""

    def __exit__(self, *ignored: object) -> None:
        """Do what `_core.interrupt_leave()` does."""
