"""Texts that the watched code knows: its constants, and what its regular expressions match.

What a regular expression compares is not seen, as `re` is written in C.
"""

import sys
from collections.abc import Iterable, Iterator
from re import Pattern
from types import CodeType, ModuleType

from pykcov.contrib.hypothesis.example import Value
from pykcov.fuzz.matching import example_of
from pykcov.instrument import alive
from pykcov.instrument.selection import Selection, module_name, namespace_of

_LONGEST = 40
_MOST = 2000

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
            yield from _of_patterns(list(namespace.values()))
    for function in alive.functions():
        if selection.matches(module_name(function.__globals__), function.__code__.co_filename):
            yield from _of_code(function.__code__)


def _of_patterns(values: Iterable[object]) -> Iterator[str | bytes]:
    for value in values:
        if isinstance(value, Pattern):
            try:
                yield example_of(value.pattern)
            except Exception:  # re has its own ideas of what a pattern may hold
                continue
        elif type(value) is dict and len(value) <= _MOST:
            yield from _of_patterns(one for one in list(value.values()) if isinstance(one, Pattern))
            yield from (key for key in list(value) if type(key) in (str, bytes))
        elif isinstance(value, (list, tuple)) and type(value) in (list, tuple) and len(value) <= _MOST:
            yield from _of_patterns(one for one in value if isinstance(one, Pattern))


def _of_code(code: CodeType) -> Iterator[str | bytes]:
    # The first constant is the docstring, if there is one.
    for number, constant in enumerate(code.co_consts):
        if type(constant) in (tuple, frozenset):
            yield from (member for member in constant if type(member) in (str, bytes))
        elif number and type(constant) in (str, bytes):
            yield constant
