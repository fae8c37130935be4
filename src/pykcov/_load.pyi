"""What importing probed code from the cache needs; in C, as _exec is."""

from collections.abc import Callable
from types import CodeType
from typing import Any

def compile_bytecode(
    data: memoryview, name: str | None = None, bytecode_path: str | None = None, source_path: str | None = None
) -> CodeType:
    """Return find(...) of these arguments or, if that is None, what importlib's function makes of them."""

def set_find(find: Callable[..., CodeType | None] | None, original: Callable[..., CodeType] | None, /) -> None:
    """Set what compile_bytecode() asks first, or None, and importlib's own function."""

def bind(codes: tuple[CodeType | None, ...], probes: list[Any], bindings: bytes, /) -> None:
    """Put probes into the constants of code objects that nobody else has seen, and of those nested in them.

    `bindings` are three unsigned ints of 32 bits a code object, outer ones first: index of its first probe in
    co_consts, how many it has, and where in `probes` they begin. In their places is None. ValueError if that is not so;
    then the code is not to be used.
    """
