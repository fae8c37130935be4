"""Texts that the watched code knows: its constants, and what its regular expressions match.

What a regular expression compares is not seen, as `re` is written in C.
"""

import sys
from collections.abc import Iterable, Iterator, Mapping
from re import Pattern
from types import BuiltinMethodType, CodeType, ModuleType
from typing import Any

from pykcov.contrib.hypothesis.example import Value
from pykcov.fuzz.matching import example_of
from pykcov.instrument import alive
from pykcov.instrument.selection import Selection, module_name, namespace_of

_LONGEST = 40
_MOST = 2000
_DEEPEST = 2
_SIGNS = "\\.*+?[({|^$"
"""Characters that stand for others in a regular expression."""

# What methods such as str.isdecimal(), which are not seen either, ask for.
_PLAIN = ("0", "12", "-1", "a", "A", " ", "\n")


def words(selection: Selection) -> dict[type, list[Value]]:
    """Return them by type, for the modules that a selection chooses and that are imported."""
    found: dict[type, dict[Value, None]] = {
        str: dict.fromkeys(_PLAIN),
        bytes: dict.fromkeys(word.encode() for word in _PLAIN),
    }
    for word in _all(selection):
        if 0 < len(word) <= _LONGEST and len(found[type(word)]) < _MOST:
            found[type(word)][word] = None
    return {kind: list(values) for kind, values in found.items()}


def _all(selection: Selection) -> Iterator[str | bytes]:
    for module in list(sys.modules.values()):
        namespace = namespace_of(module) if isinstance(module, ModuleType) else {}
        file = namespace.get("__file__")
        if isinstance(file, str) and selection.matches(module_name(namespace), file):
            yield from _of_values(_own(namespace), module_name(namespace))
    for function in alive.functions():
        if selection.matches(module_name(function.__globals__), function.__code__.co_filename):
            yield from _of_code(function.__code__)


def _of_values(values: Iterable[Any], module: str, depth: int = 0) -> Iterator[str | bytes]:
    """Return the words of what a module or one of its classes holds: regular expressions, tables, keys.

    No code of the program runs: only what is exactly of a type of the interpreter is looked at.
    """
    for value in values:
        kind = type(value)
        if isinstance(value, BuiltinMethodType) and type(value.__self__) is Pattern:
            value, kind = value.__self__, Pattern  # re.compile(...).match
        if kind is Pattern:
            yield from list(_of_pattern(value.pattern))[-1:]
        elif kind in (str, bytes):
            if depth:
                yield from _of_pattern(value)
        elif kind in (list, tuple, set, frozenset, dict):
            if depth < _DEEPEST and len(value) <= _MOST:
                yield from _of_values(list(value), module, depth + 1)
                if kind is dict:
                    inner = [one for one in value.values() if type(one) not in (str, bytes)]
                    yield from _of_values(inner, module, depth + 1)
        elif issubclass(kind, type) and not depth:
            held: Mapping[str, object] = type.__getattribute__(value, "__dict__")
            if held.get("__module__") == module:
                yield from _of_values(_own(held), module, depth + 1)


def _own(namespace: Mapping[str, object]) -> list[object]:
    # Not __builtins__, __doc__ and the like: what the interpreter has put there is no word of the program.
    return [value for name, value in list(namespace.items()) if not name.startswith("__")]


def _of_pattern(pattern: Any) -> Iterator[str | bytes]:
    """Return what a regular expression matches; a text is one if it looks like it."""
    yield pattern
    signs = _SIGNS if isinstance(pattern, str) else _SIGNS.encode()
    if any(sign in signs for sign in pattern):
        try:
            yield example_of(pattern)
        except Exception:  # no pattern, or re has its own ideas of what one may hold
            return


def _of_code(code: CodeType) -> Iterator[str | bytes]:
    # The first constant is the docstring, if there is one.
    for number, constant in enumerate(code.co_consts):
        if type(constant) in (tuple, frozenset):
            yield from (member for member in constant if type(member) in (str, bytes))
        elif number and type(constant) in (str, bytes):
            yield constant
