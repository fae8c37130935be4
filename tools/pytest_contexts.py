"""Compares the lines that each test runs by the pytest plugin with those by coverage.py's --cov-context=test.

    tools/pytest_contexts.py [LIBRARY]... [--runs N] [--keep FOLDER]

Runs the test suites of libraries from their source distributions (by pip) bare, N times with pytest-cov and N times
with pykcov. Chance is the same in each run (REPEATABLE); what is left of it, and what depends on time, differs among
the runs of one and the same. So a line of a test counts as a difference if each run of one has it and no run of the
other does. Tests with such lines that have no reason (Reasons) run five times more by themselves: what shows in some of
these runs only is a matter of time. What is left is printed. Exit code 1 if there is any, if a line that each run of
coverage.py has is in no context of any run of pykcov, or if a test has outcomes under pykcov that it never has
otherwise. Needs pytest-cov, and what the suites need.

What has run once is kept in FOLDER and not run again: a comparison that was cut short goes on there.
"""

import argparse
import json
import sys
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from types import CodeType

from pytest_libraries import (
    BARE,
    LIBRARIES,
    Contexts,
    Library,
    Run,
    environment,
    fetch,
    run,
    with_coverage,
    with_data,
    with_pykcov,
)

PARTS = ("setup", "run", "teardown")
BARGING_IN = ("(signal)", "(collector)", "(exit)")
_WIDER_SCOPES = ("|class", "|module", "|package", "|session")
_CONTEXTS = ("test", "setup-call-teardown")
"""What the runs of pykcov have as contexts, in turns."""

_ALONE = 5
"""So many times tests run by themselves."""

REPEATABLE = '''\
"""The same numbers for each test in each run, also for the order in which trio runs its tasks."""
import random
import sys

def pytest_runtest_setup(item):
    random.seed(0)
    run = sys.modules.get("trio._core._run")
    if run is not None:
        run._ALLOW_DETERMINISTIC_SCHEDULING = True
        run._r.seed(0)
'''
"""A plugin for pytest."""

Lines = set[tuple[str, int]]
"""Files, and lines of them."""


class Runs:
    """The runs of one suite, each of which is kept in a folder when it is done."""

    def __init__(self, library: Library, folder: Path) -> None:
        """Unpack it, if that was not done before."""
        self._library, self._folder = library, folder
        self.root = fetch(library, folder)
        plugins = folder / "plugins"
        plugins.mkdir(exist_ok=True)
        (plugins / "repeatable.py").write_text(REPEATABLE, "utf-8")
        paths = environment(library, self.root)["PYTHONPATH"]
        self._environment = {"PYTHONPATH": f"{paths}:{plugins}", "PYTHONHASHSEED": "0"}
        self._plugins = ["-p", "repeatable"]
        if "hypothesis" in library.requirements:
            self._plugins += ["-p", "_hypothesis_pytestplugin", "--hypothesis-seed=0"]

    def bare(self) -> Run:
        """Return the run of which nothing is recorded."""
        return self._kept("bare", BARE, {})

    def of_coverage(self, number: int) -> Run:
        """Return one with pytest-cov."""
        name = f"coverage-{number}"
        return self._kept(name, *with_coverage(self._library, self._data_file(name)))

    def of_pykcov(self, number: int) -> Run:
        """Return one with pykcov."""
        name = f"pykcov-{number}"
        context = _CONTEXTS[number % len(_CONTEXTS)]
        return self._kept(name, *with_pykcov(self._library, self._data_file(name), context))

    def by_themselves(self, tests: Sequence[str]) -> tuple["Recorded", "Recorded"]:
        """Return what some tests alone run, five times with each. This is not kept."""
        some = replace(self._library, tests=tests[0], options=(*self._library.options, *tests[1:]))

        def again(arguments: list[str], extra: dict[str, str]) -> Run:
            return run(some, self.root, [*self._plugins, *arguments], self._environment | extra)

        theirs = [again(*with_coverage(some, self._data_file("alone"))) for _ in range(_ALONE)]
        return Recorded(theirs), Recorded([again(*with_pykcov(some, self._data_file("alone"))) for _ in range(_ALONE)])

    def _data_file(self, name: str) -> str:
        return str(self._folder / f"{self._library.name}.{name}")

    def _kept(self, name: str, arguments: list[str], extra: dict[str, str]) -> Run:
        kept = Path(self._data_file(name) + ".json")
        if kept.exists():
            return with_data(json.loads(kept.read_text("utf-8")), extra.get("COVERAGE_FILE"))
        done = run(self._library, self.root, [*self._plugins, *arguments], self._environment | extra)
        kept.write_text(json.dumps(done.outcomes), "utf-8")
        return done


def by_test(contexts: Contexts) -> dict[str, Lines]:
    """Return the lines of each test, whatever part of it ran them.

    Without line 0: coverage.py says so of the body of an empty file, which has no line.
    """
    found: dict[str, Lines] = {}
    for name, files in contexts.items():
        test, _, part = name.rpartition("|")
        lines = found.setdefault(test if part in PARTS else name, set())
        lines.update((file, line) for file, those in files.items() for line in those if line)
    return found


@dataclass(frozen=True)
class Difference:
    """A line that each run of one has in a context, and no run of the other."""

    who: str
    context: str
    file: str
    line: int


class Recorded:
    """What the runs of one tool have recorded."""

    def __init__(self, runs: Sequence[Run]) -> None:
        """Take them."""
        self.contexts = [one.contexts for one in runs]
        self._tests = [by_test(contexts) for contexts in self.contexts]
        self.names = dict.fromkeys(name for tests in self._tests for name in tests)

    def always(self, name: str) -> Lines:
        """Return the lines that each run has in a context."""
        return set.intersection(*(tests.get(name, set()) for tests in self._tests))

    def ever(self, name: str) -> Lines:
        """Return those that any run has."""
        return set.union(*(tests.get(name, set()) for tests in self._tests))

    def unsteady(self) -> set[tuple[str, str]]:
        """Return the contexts and files of which not all runs have the same lines."""
        return {(name, file) for name in self.names for file, _ in self.ever(name) - self.always(name)}

    def in_totals(self, without: set[str]) -> tuple[Lines, Lines]:
        """Return the lines that each run has in some context, and those that any run has in any."""
        totals = [
            set().union(*(lines for name, lines in tests.items() if name not in without)) for tests in self._tests
        ]
        return set.intersection(*totals), set.union(*totals)


def differences(theirs: Recorded, ours: Recorded) -> Iterator[Difference]:
    """Yield what each run of one has and no run of the other."""
    for name in theirs.names | ours.names:
        for who, one, other in (("coverage.py", theirs, ours), ("pykcov", ours, theirs)):
            for file, line in sorted(one.always(name) - other.ever(name)):
                yield Difference(who, name, file, line)


def is_steady(found: Difference, theirs: Recorded, ours: Recorded) -> bool:
    """Return whether other runs of the test show the line in neither or, each time, in the same one."""
    one, other = (theirs, ours) if found.who == "coverage.py" else (ours, theirs)
    place = found.file, found.line
    if place in other.ever(found.context):
        return False
    return place in one.always(found.context) or place not in one.ever(found.context)


def lost_track(contexts: Contexts) -> set[str]:
    """Return the tests in which coverage.py takes a file for another: lines that the file does not have.

    It happens where a coroutine is cancelled on CPython 3.11: the lines of asyncio and unittest are counted for what
    called these, for the rest of the test.
    """
    return {
        name
        for name, lines in by_test(contexts).items()
        if any(line not in lines_in(file) for file, line in lines if Path(file).exists())
    }


@cache
def lines_in(file: str) -> frozenset[int]:
    """Return the lines that a file has code at."""
    found: set[int] = set()
    codes = [compile(Path(file).read_text(), file, "exec", dont_inherit=True)]
    while codes:
        code = codes.pop()
        found.update(line for _, _, line in code.co_lines() if line is not None)
        codes.extend(constant for constant in code.co_consts if isinstance(constant, CodeType))
    return frozenset(found)


class Reasons:
    """Why coverage.py and pykcov may differ in a line of a test."""

    def __init__(self, library: Library, theirs: Recorded, ours: Recorded) -> None:
        """Take what both have recorded."""
        self._library = library
        self.lost = set().union(*map(lost_track, theirs.contexts))
        self._unsteady = theirs.unsteady() | ours.unsteady()
        # Lines in contexts of pykcov that are no tests: what barged in, fixtures of wider scope, threads of workers.
        self._apart = {
            (file, line)
            for name in ours.names
            for file, line in ours.ever(name)
            if is_apart(name) or by_worker(library, name, file)
        }

    def explain(self, found: Difference) -> str | None:
        """Return the reason for a difference; None: there is none."""
        test = found.context.rpartition("::")[2].partition("[")[0]
        if found.context in self.lost:
            return "coverage.py lost track"
        if (found.context, found.file) in self._unsteady:
            return "the runs of one differ in this file"
        if found.who == "coverage.py" and (found.file, found.line) in self._apart:
            return "it barged in, or a fixture or a worker ran it: a context of its own"
        if found.who == "pykcov" and test in self._library.forking:
            return "a forked child ran it"
        if found.who == "pykcov" and (is_apart(found.context) or by_worker(self._library, found.context, found.file)):
            return "it barged in, or a fixture or a worker ran it: a context of its own"
        return None


def is_apart(context: str) -> bool:
    """Return whether a context is none of a test."""
    return context in BARGING_IN or context.endswith(_WIDER_SCOPES)


def by_worker(library: Library, context: str, file: str) -> bool:
    """Return whether a context of pykcov has the lines of a file as no test's because a worker's thread ran them."""
    return context == "" and Path(file).name in library.workers


def other_outcomes(without: Sequence[Run], ours: Sequence[Run]) -> list[str]:
    """Return the tests that have an outcome under pykcov, each time, that they never have without it."""
    tests = dict.fromkeys(test for one in (*without, *ours) for test in one.outcomes)
    return [
        test
        for test in tests
        if not {one.outcomes.get(test) for one in without} & {one.outcomes.get(test) for one in ours}
    ]


def sort_out(found: Iterable[Difference], why: Reasons, runs: Runs) -> tuple[list[Difference], dict[str, int]]:
    """Return the differences without a reason, and how many have which."""
    counts: Counter[str] = Counter()
    unexplained = []
    for one in found:
        if (reason := why.explain(one)) is None:
            unexplained.append(one)
        else:
            counts[reason] += 1
    if tests := sorted({one.context for one in unexplained if "::" in one.context}):
        theirs, ours = runs.by_themselves(tests)
        steady = [one for one in unexplained if is_steady(one, theirs, ours)]
        counts["by itself the test runs it sometimes"] = len(unexplained) - len(steady)
        unexplained = steady
    return unexplained, counts


def main() -> int:
    """Compare, and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("library", nargs="*", default=list(LIBRARIES), metavar="LIBRARY", help=", ".join(LIBRARIES))
    parser.add_argument("--runs", type=int, default=2, help="how many of each (2)")
    parser.add_argument("--keep", type=Path, help="where to unpack, and to leave the data files")
    options = parser.parse_args()
    failed = False
    with tempfile.TemporaryDirectory() as temporary:
        folder = (options.keep or Path(temporary)).resolve()
        folder.mkdir(exist_ok=True)
        for name in options.library:
            failed |= not compare(LIBRARIES[name], folder, options.runs)
    return failed


def compare(library: Library, folder: Path, count: int = 2) -> bool:
    """Compare one library; return whether all is the same."""
    runs = Runs(library, folder)
    bare = runs.bare()
    with_theirs = [runs.of_coverage(number) for number in range(count)]
    with_ours = [runs.of_pykcov(number) for number in range(count)]
    changed = other_outcomes([bare, *with_theirs], with_ours)
    print(
        f"{library.name}: {len(bare.outcomes)} outcomes, {len(changed)} of them others under pykcov; data file of "
        f"coverage.py {with_theirs[0].size}, pykcov {' and '.join(str(one.size) for one in with_ours)} bytes"
    )
    for test in changed:
        print(f"  {test}: {bare.outcomes.get(test)}, under pykcov {with_ours[0].outcomes.get(test)}")
    theirs, ours = Recorded(with_theirs), Recorded(with_ours)
    why = Reasons(library, theirs, ours)
    missing = theirs.in_totals(why.lost)[0] - ours.in_totals(set())[1]
    for file, line in sorted(missing):
        print(f"  missing from the totals: {Path(file).relative_to(runs.root)}:{line}")
    unexplained, counts = sort_out(differences(theirs, ours), why, runs)
    for found in unexplained:
        where = f"{found.context or '(outside of tests)'} {Path(found.file).relative_to(runs.root)}:{found.line}"
        print(f"  only {found.who}: {where}")
    for reason, number in counts.items():
        print(f"  {number} differences: {reason}")
    lines = sum(len(theirs.ever(name)) for name in theirs.names)
    print(
        f"  {len(missing)} lines missing from the totals, {len(unexplained)} differences without a reason in {lines} "
        f"lines of {len(theirs.names)} contexts"
    )
    return not changed and not missing and not unexplained


if __name__ == "__main__":
    sys.exit(main())
