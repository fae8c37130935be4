"""Tests as arguments of pytest."""

import os
import re
from collections.abc import Iterable

from pykcov.contrib.pytest_plugin.affected import Affected
from pykcov.contrib.pytest_plugin.testdata import TestData
from pykcov.coverage.masks import real_file

_ODD = re.compile(r"[\s*?'\"\\]")
"""What a shell takes apart in the result of $(...), or stands for other files."""


def arguments(found: Affected, data: TestData) -> list[str]:
    """Return what to give pytest, relative to the current folder, sorted: node ids, or a file if all in it is meant."""
    everything: dict[str, set[str]] = {}
    for test in data.tests.union(data.not_run):
        everything.setdefault(test.partition("::")[0], set()).add(test)
    whole = {real_file(file) for file in found.files}
    chosen: dict[str, None] = {os.path.relpath(file): None for file in found.files if os.path.exists(file)}
    for file, tests in everything.items():
        place = os.path.join(data.root, file)
        if not os.path.exists(place):
            continue  # deleted since
        name = os.path.relpath(place)
        if tests <= found.tests or real_file(place) in whole:
            chosen[name] = None
        else:
            chosen.update((name + test.removeprefix(file), None) for test in tests & found.tests)
    if whole:
        chosen = {name: None for name in chosen if "::" not in name or real_file(name.partition("::")[0]) not in whole}
    return sorted(chosen)


def plain(names: Iterable[str]) -> tuple[list[str], list[str]]:
    """Return names that a shell takes apart only where they end, and those that cannot be such.

    Of odd ids the parameters are left out, which stands for all of them.
    """
    words: dict[str, None] = {}
    odd: dict[str, None] = {}
    for name in names:
        if _ODD.search(name):
            path, colons, rest = name.partition("::")
            name = path + colons + rest.partition("[")[0]
        (odd if _ODD.search(name) else words)[name] = None
    return list(words), list(odd)
