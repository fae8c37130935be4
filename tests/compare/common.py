"""What the tests of comparisons share: running a piece of source under a device, and what it recorded."""

import types
from collections.abc import Callable
from typing import Any

import pykcov
from pykcov import CMP_BYTES, TRACE_CMP, Comparison

BYTES = TRACE_CMP | CMP_BYTES


class Int(int):
    """Exact types alone are looked at: none of these is recorded."""


class Float(float):
    """See Int."""


class Str(str):
    """See Int."""

    __slots__ = ()


class Bytes(bytes):
    """See Int."""


class Dict(dict[Any, Any]):
    """See Int."""


class List(list[Any]):
    """See Int."""


class Finder:
    """Has a method with a name that is observed."""

    def find(self, what: object) -> object:
        return what


NAMES: dict[str, Any] = {
    "Int": Int,
    "Float": Float,
    "Str": Str,
    "Bytes": Bytes,
    "Dict": Dict,
    "List": List,
    "Finder": Finder,
    "Z": types.SimpleNamespace(one=1, find="abc".find),
}


def function(source: str, name: str = "f") -> Callable[..., Any]:
    """Run a source under both probes and return a function that it defines."""
    namespace = dict(NAMES)
    code = compile(source, "<compared>", "exec", dont_inherit=True)
    exec(pykcov.instrument_code(code, "compared", compare=True), namespace)
    found: Callable[..., Any] = namespace[name]
    return found


def traced(call: Callable[[], object], mode: int = BYTES, nmemb: int = 4096) -> tuple[pykcov.Buffer, object, int]:
    """Call something in a mode; return the buffer, the result or exception, and the number of dropped entries."""
    with pykcov.open() as device:
        device.set_buffer_size(nmemb)
        buffer = device.mmap()
        device.enable(mode)
        try:
            result = call()
        except Exception as error:
            result = error
        device.disable()
        return buffer, result, device.dropped


def recorded(source: str, *arguments: object, mode: int = BYTES) -> list[Comparison]:
    """Return what calling the function `f` of a source records."""
    compared = function(source)
    return traced(lambda: compared(*arguments), mode)[0].comparisons()
