"""What programs see of code that has probes: its bytecode as it was before. In C, as the interpreter's types are."""

from collections.abc import Callable
from types import CodeType
from typing import Any

def install(
    find: Callable[[CodeType], tuple[CodeType, tuple[object, ...], bytes] | None],
    told: Callable[[CodeType], object],
    probe: type,
    compare_probe: type,
    /,
) -> None:
    """Have code whose last constant is of one of the types seem what it was before, for the rest of the process.

    find(code): asked once; the original, the constants to show and for each code unit that of the original that it
    belongs to (unsigned ints of 32 bits); None if the code is to be seen as it is. told(code): called when its
    bytecode is read.
    Does nothing in other interpreters than the main one.
    """

def constants(code: CodeType, /) -> tuple[Any, ...]:
    """Return co_consts as it is: the probes come last."""

def code(code: CodeType, /) -> bytes:
    """Return co_code as it is."""

def with_constants(code: CodeType, constants: tuple[object, ...], /) -> CodeType:
    """Return replace(co_consts=constants) of the code as it is."""
