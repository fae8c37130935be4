"""Which tests a change concerns: those that ran what has changed, and those of which nothing is known.

Rather one too many than one too few:

- Of a function that has changed, all tests that ran any line of its body.
- What runs when a module is imported concerns every test.
- What a fixture of wider scope runs concerns the tests that used it.
- What the first test to come to a file may have set up for others (setups.py): all tests that ran the file.
- Functions whose decorator keeps results were run by whoever came first: every test.
"""

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatch

from pykcov.contrib.pytest_plugin.changes import Changes, Source, compare, parse
from pykcov.contrib.pytest_plugin.revisions import Repository
from pykcov.contrib.pytest_plugin.setups import SetUps
from pykcov.contrib.pytest_plugin.testdata import TestData
from pykcov.counted import counted
from pykcov.coverage.contexts import OF_NO_TEST
from pykcov.coverage.masks import real_file


@dataclass
class Affected:
    """What a change concerns."""

    tests: set[str] = field(default_factory=set)
    """Node ids."""
    files: set[str] = field(default_factory=set)
    """Files with tests, all of which are concerned, as the data does not know them as they are; absolute."""
    remarks: dict[str, None] = field(default_factory=dict)
    """What was found, in words; a set in order."""

    def remark(self, words: str) -> None:
        """Add to what was found."""
        self.remarks[words] = None


def affected(data: TestData, repository: Repository, revision: str) -> Affected:
    """Return what the changes since a revision concern. Raises RevisionError."""
    found = Affected(tests=set(data.not_run))
    if data.not_run:
        number = counted(len(data.not_run), "test")
        found.remark(f"{number} did not run when the data was recorded: nothing is known of what would run there")
    changed = [file for file in repository.changed_files(revision) if real_file(file) != real_file(data.path)]
    test_files = _files_of(data.tests | set(data.not_run), data)
    setups = SetUps(data)
    others = []
    for file in changed:
        name = os.path.relpath(file)
        if not file.endswith(".py"):
            others.append(name)
        elif real_file(file) in test_files or (_may_have_tests(file, data) and os.path.exists(file)):
            _concern_file(file, test_files.get(real_file(file), set()), found)
        elif data.file(file) is not None:
            _look_into(file, data, setups, repository, revision, found)
        elif below := {test for other, tests in test_files.items() if _is_below(other, file) for test in tests}:
            found.tests |= below
            found.remark(f"{name}: was not traced: every test below its folder ({len(below)})")
        else:
            found.remark(f"{name}: was not traced: whom it concerns is not known")
    for file in repository.files():
        if _may_have_tests(file, data) and real_file(file) not in test_files and os.path.exists(file):
            if real_file(file) not in map(real_file, found.files):
                found.remark(f"{os.path.relpath(file)}: no test of it was run when the data was recorded")
            found.files.add(file)
    if others:
        found.remark(f"not Python, whom they concern is not known: {', '.join(others)}")
    _look_for_stale(changed, data, found)
    return found


def _concern_file(file: str, tests: set[str], found: Affected) -> None:
    found.tests |= tests
    if os.path.exists(file):
        found.files.add(file)


def _look_into(
    file: str, data: TestData, setups: SetUps, repository: Repository, revision: str, found: Affected
) -> None:
    """Compare a file with what it was when the data was recorded, and in the revision."""
    name = os.path.relpath(file)
    real = real_file(file)
    past = repository.text(revision, file)
    recorded = data.sources.get(real, past)
    if recorded is None:
        found.tests |= data.tests
        found.remark(f"{name}: the data does not have it as it was: every test")
        return
    contexts = data.contexts_by_line(real)
    if not os.path.exists(file):
        _concern({context for names in contexts.values() for context in names}, name, data, found)
        return
    try:
        old, new = parse(recorded), parse(_read(file))
        before = old if past in (None, recorded) else parse(past or "")
    except (SyntaxError, ValueError) as error:
        found.tests |= data.tests
        found.remark(f"{name}: cannot be parsed ({error}): every test")
        return
    changes = _together(compare(old, new), compare(before, new))
    if changes.module:
        found.tests |= data.tests
        found.remark(f"{name}: what runs when it is imported has changed: every test")
    for function in sorted(changes.functions):
        _concern_function(function, old, real, contexts, data, setups, found)


def _concern_function(
    function: str,
    source: Source,
    file: str,
    contexts: Mapping[int, list[str]],
    data: TestData,
    setups: SetUps,
    found: Affected,
) -> None:
    name = f"{os.path.relpath(file)}: {function}()"
    if function not in source.functions:
        found.remark(f"{name}: is newer than the data: no test is known to run it")
        return
    known = source.functions[function]
    ran = {context for line in known.lines for context in contexts.get(line, ())}
    if not ran:
        found.remark(f"{name}: no test ran it")
        return
    if known.caches:
        found.tests |= data.tests
        found.remark(f"{name}: keeps results, and so may concern tests that did not run it: every test")
    _concern(ran, name, data, found)
    for origin in setups.origins(file, function):
        found.tests.update(_tests_that_ran(origin, data))
        found.remark(f"{name}: may have set up what others use: all tests that ran {os.path.relpath(origin)}")


def _tests_that_ran(file: str, data: TestData) -> set[str]:
    contexts = {context for names in data.contexts_by_line(file).values() for context in names}
    return {test for context in contexts for test in data.tests_of(context)}


def _concern(contexts: Iterable[str], name: str, data: TestData, found: Affected) -> None:
    for context in contexts:
        if context in OF_NO_TEST:
            found.tests |= data.tests
            where = f"in {context}" if context else "outside of tests, on import or collection"
            found.remark(f"{name}: ran {where}: every test")
        else:
            found.tests.update(data.tests_of(context))


def _together(one: Changes, other: Changes) -> Changes:
    return Changes(one.functions | other.functions, one.module or other.module)


def _look_for_stale(changed: Iterable[str], data: TestData, found: Affected) -> None:
    """Say which files are not as they were recorded, and as the revision has them."""
    known = set(map(real_file, changed))
    stale = [
        file
        for file, text in data.sources.items()
        if file not in known and os.path.exists(file) and _read(file) != text
    ]
    if stale:
        names = ", ".join(map(os.path.relpath, stale[:3])) + (", ..." if len(stale) > 3 else "")
        found.remark(
            f"{counted(len(stale), 'file has', 'files have')} changed between the data and the revision, which is not "
            f"looked at ({names}): "
            "run `pytest --pykcov` again, or give an older revision"
        )


def _files_of(tests: Iterable[str], data: TestData) -> dict[str, set[str]]:
    """Return the tests of each file."""
    found: dict[str, set[str]] = {}
    for test in tests:
        file = real_file(os.path.join(data.root, test.partition("::")[0]))
        found.setdefault(file, set()).add(test)
    return found


def _may_have_tests(file: str, data: TestData) -> bool:
    if not file.endswith(".py") or not _is_below(file, os.path.join(data.root, "x")):
        return False
    name = os.path.basename(file)
    return any(fnmatch(file if "/" in pattern else name, pattern) for pattern in data.python_files)


def _is_below(file: str, neighbour: str) -> bool:
    """Return whether a file is in the folder of another one, or below."""
    return real_file(file).startswith(os.path.join(real_file(os.path.dirname(neighbour)), ""))


def _read(file: str) -> str:
    with open(file, "rb") as source:
        return source.read().decode("utf-8", "surrogateescape")
