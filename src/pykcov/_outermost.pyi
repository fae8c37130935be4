"""The typed face of program/_outermost.c: calls a function as if nobody had called it."""

from collections.abc import Callable
from typing import ParamSpec, TypeVar

_Arguments = ParamSpec("_Arguments")
_Result = TypeVar("_Result")

def call(function: Callable[_Arguments, _Result], /, *arguments: _Arguments.args, **none: _Arguments.kwargs) -> _Result:
    """Call `function` with no frame beneath its own. Takes no keyword arguments."""
