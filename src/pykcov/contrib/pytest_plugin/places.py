"""Which tests ran a place in a file."""

import ast
import os
from dataclasses import dataclass, field
from difflib import SequenceMatcher

from pykcov.contrib.pytest_plugin.testdata import TestData, TestDataError
from pykcov.coverage.contexts import OF_NO_TEST


@dataclass
class Found:
    """What is known of a place."""

    tests: set[str] = field(default_factory=set)
    """Node ids."""
    remarks: list[str] = field(default_factory=list)


def look(data: TestData, name: str, first: int | None = None, last: int | None = None) -> Found:
    """Return the tests that ran any of the lines from `first` to `last` of a file as it is now; None: of all.

    Raises TestDataError where the data knows nothing of the file.
    """
    file = data.file(name)
    if file is None:
        known = ", ".join(sorted(map(os.path.relpath, data.files()))[:5])
        raise TestDataError(f"{name}: {data.path} knows no such file (but {known}, ...)")
    contexts = data.contexts_by_line(file)
    found = Found()
    lines = set(contexts)
    if first is not None and last is not None:
        lines = _recorded(range(first, last + 1), name, data.sources.get(file), found)
        if not lines & contexts.keys():
            lines = _statements(lines, data.sources.get(file) or _text(name))
    for context in {context for line in lines for context in contexts.get(line, ())}:
        found.tests.update(data.tests_of(context))
        if context in OF_NO_TEST:
            where = f"in {context}" if context else "outside of tests, on import or collection"
            found.remarks.append(f"it also ran {where}")
        elif data.tests_of(context) != [context] and "|" in context and data.tests_of(context) == []:
            found.remarks.append(f"{context} ran it, and no test that used that is known")
    return found


def _recorded(lines: range, name: str, text: str | None, found: Found) -> set[int]:
    """Return where lines of a file were when it ran."""
    now = _text(name)
    if text is None or now is None or text == now:
        return set(lines)
    before: dict[int, int] = {}
    for block in SequenceMatcher(None, text.splitlines(), now.splitlines(), autojunk=False).get_matching_blocks():
        before.update((block.b + 1 + line, block.a + 1 + line) for line in range(block.size))
    new = [line for line in lines if line not in before]
    if new:
        found.remarks.append(f"{name}: has changed since the data was recorded, {len(new)} of these lines among it")
    return {before[line] for line in lines if line in before}


def _statements(lines: set[int], text: str | None) -> set[int]:
    """Return all lines of the innermost statements that lines are in: only some of those have code."""
    try:
        tree = ast.parse(text or "")
    except (SyntaxError, ValueError):
        return lines
    found = set(lines)
    for line in lines:
        around = [
            node
            for node in ast.walk(tree)
            if isinstance(node, ast.stmt) and node.lineno <= line <= (node.end_lineno or node.lineno)
        ]
        if around:
            innermost = min(around, key=lambda node: (node.end_lineno or node.lineno) - node.lineno)
            # Of a compound statement what is in it has run by itself.
            body = [
                child.lineno for child in ast.walk(innermost) if isinstance(child, ast.stmt) and child is not innermost
            ]
            end = min(body) - 1 if body else innermost.end_lineno or innermost.lineno
            found.update(range(innermost.lineno, end + 1))
    return found


def _text(name: str) -> str | None:
    try:
        with open(name, "rb") as file:
            return file.read().decode("utf-8", "surrogateescape")
    except OSError:
        return None
