"""What one test has set up for all others: tables made once, instances kept.

Only the first one runs that, and the others depend on it all the same. Two kinds of lines are taken for such, if they
store something which outlives their function: those of a function that others run without them, where only the first
of all ran them, as in `if _instance is None:`; and those that only the first test to come to a file ran. So is what
they call by name, and what that calls where few tests ran it: others than the first may do a part of it for themselves.
Code that keeps state in other ways escapes this.
"""

import re
from collections.abc import Iterator
from contextlib import suppress
from functools import cached_property

from pykcov.contrib.pytest_plugin.changes import Function, Source, parse
from pykcov.contrib.pytest_plugin.testdata import TestData

_MAKING = ("__init__", "__new__", "__post_init__", "__call__")
"""Methods that are called by the name of their class."""
_FEW = 10
"""One in how many tests."""


class SetUps:
    """What was set up where, as far as the data can tell."""

    def __init__(self, data: TestData) -> None:
        """Look at nothing yet."""
        self._data = data
        self._known: dict[str, dict[int, list[str]]] = {}

    def origins(self, file: str, name: str) -> Iterator[str]:
        """Yield the files whose first tests may have called a function, of this qualified name, to set something up."""
        called = _called(name)
        for origin, (functions, words) in self._found.items():
            if (origin == file and name in functions) or not called.isdisjoint(words):
                yield origin

    @cached_property
    def _found(self) -> dict[str, tuple[set[str], set[str]]]:
        """By file: the functions that set something up there, and the names of what they call for it."""
        found = {}
        for file, source in self._sources.items():
            text = self._data.sources[file].splitlines()
            functions, words = set(), set()
            for name, function in source.functions.items():
                if stores := function.stores & self._initial(file, function):
                    functions.add(name)
                    words |= _words_of(text, stores)
            if words:
                found[file] = functions, self._with_called(words)
        return found

    def _initial(self, file: str, function: Function) -> set[int]:
        """Return the lines of a function that may have been run for all others."""
        found: set[int] = set()
        again = self._data.again.get(file, 0)
        for runs in self._data.first[file]:
            came_first = next((lines for _, lines in runs if any(lines >> line & 1 for line in function.lines)), 0)
            alone = {line for line in function.lines if came_first & ~again & 1 << line}
            if any(again >> line & 1 for line in function.lines) or came_first == runs[0][1]:
                found |= alone
        return found

    def _with_called(self, words: set[str]) -> set[str]:
        words = set(words)
        candidates = [(file, name) for file, source in self._sources.items() for name in source.functions]
        while True:
            called = [one for one in candidates if not _called(one[1]).isdisjoint(words) and self._runs_rarely(*one)]
            if not called:
                return words
            for file, name in called:
                lines = self._sources[file].functions[name].lines & self._contexts(file).keys()
                words |= _words_of(self._data.sources[file].splitlines(), lines)
            candidates = [one for one in candidates if one not in called]

    def _runs_rarely(self, file: str, name: str) -> bool:
        """Return whether few of the tests that ran a file ran a function of it, but at least one."""
        contexts = self._contexts(file)
        ran = {context for line in self._sources[file].functions[name].lines for context in contexts.get(line, ())}
        return 0 < len(ran) <= max(1, len(set().union(*contexts.values())) // _FEW)

    def _contexts(self, file: str) -> dict[int, list[str]]:
        if file not in self._known:
            self._known[file] = self._data.contexts_by_line(file)
        return self._known[file]

    @cached_property
    def _sources(self) -> dict[str, Source]:
        found = {}
        for file in self._data.first:
            with suppress(KeyError, SyntaxError, ValueError):
                found[file] = parse(self._data.sources[file])
        return found


def _called(name: str) -> set[str]:
    *outer, short = name.partition("#")[0].split(".")
    return {short, outer[-1]} if outer and short in _MAKING else {short}


def _words_of(lines: list[str], numbers: set[int]) -> set[str]:
    return set(re.findall(r"\w+", " ".join(lines[number - 1] for number in numbers if number <= len(lines))))
