"""Compares the lines that each test runs by the pytest plugin with those by coverage.py's --cov-context=test.

    tools/pytest_contexts.py [LIBRARY]... [--runs N] [--keep FOLDER]

Runs the test suites of libraries from their source distributions (by pip) bare, N times with pytest-cov and N times
with pykcov. Chance is the same in each run (suite_plugins/repeatable.py); what is left of it, and what depends on time,
differs among the runs of one and the same. So a line of a test counts as a difference if each run of one has it and no
run of the other does. Some differences show their reason (Rules). Tests with others run five times more by themselves,
with coverage.py, with pykcov, and with sys.settrace() as the judge: that tells chance and the errors of coverage.py
from ours (Trial). Where tracing itself changes which test runs a line, a statement planted there says which does bare.
What is left is printed. Exit code 1 if there is any, if a line that each run of coverage.py has is in no context of any
run of pykcov, or if a test has outcomes under pykcov, alone too, that it never has otherwise.
Needs pytest-cov, and what the suites need.

What has run once is kept in FOLDER and not run again: a comparison that was cut short goes on there.
"""

import argparse
import hashlib
import json
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from context_differences import INVENTED, NO_CODE, Difference, Recorded, Rules, Trial, by_witness, differences
from pytest_libraries import (
    BARE,
    LIBRARIES,
    PLUGINS,
    Library,
    Run,
    environment,
    fetch,
    run,
    with_coverage,
    with_data,
    with_judge,
    with_pykcov,
    with_witness,
)

from pykcov.counted import counted

_CONTEXTS = ("test", "setup-call-teardown")
"""What the runs of pykcov have as contexts, in turns."""

_ALONE = 5
"""So many times tests run by themselves."""


class Runs:
    """The runs of one suite, each of which is kept in a folder when it is done."""

    def __init__(self, library: Library, folder: Path) -> None:
        """Unpack it, if that was not done before."""
        self._library, self._folder = library, folder
        self.root = fetch(library, folder)
        paths = environment(library, self.root)["PYTHONPATH"]
        self._environment = {"PYTHONPATH": f"{paths}:{PLUGINS}", "PYTHONHASHSEED": "0"}
        self._plugins = ["-p", "repeatable"]
        if "hypothesis" in library.requirements:
            self._plugins += ["-p", "_hypothesis_pytestplugin", "--hypothesis-seed=0"]

    def bare(self) -> Run:
        """Return the run of which nothing is recorded."""
        return self._kept(self._library, "bare", BARE, {})

    def of_coverage(self, number: int) -> Run:
        """Return one with pytest-cov."""
        name = f"coverage-{number}"
        return self._kept(self._library, name, *with_coverage(self._library, self._data_file(name)))

    def of_pykcov(self, number: int) -> Run:
        """Return one with pykcov."""
        name = f"pykcov-{number}"
        context = _CONTEXTS[number % len(_CONTEXTS)]
        return self._kept(self._library, name, *with_pykcov(self._library, self._data_file(name), context))

    def alone(self, tests: Sequence[str]) -> "Alone":
        """Return runs of some tests by themselves."""
        some = replace(self._library, tests=tests[0], options=(*self._library.options, *tests[1:]))
        which = hashlib.sha256("\n".join(tests).encode()).hexdigest()[:8]

        def several(tool: str, make: Callable[[str], tuple[list[str], dict[str, str]]]) -> list[Run]:
            names = [f"alone-{which}-{tool}-{number}" for number in range(_ALONE)]
            return [self._kept(some, name, *make(self._data_file(name))) for name in names]

        return Alone(
            several("coverage", lambda file: with_coverage(some, file)),
            several("pykcov", lambda file: with_pykcov(some, file)),
            several("judge", lambda file: with_judge(some, self.root, file)),
        )

    def with_witness(self, found: Sequence[Difference], count: int) -> Recorded:
        """Return what statements planted at the lines of differences say in `count` runs."""
        lines: dict[str, list[int]] = {}
        for file, line in sorted({one.place for one in found}):
            lines.setdefault(file, []).append(line)
        which = hashlib.sha256(json.dumps(lines).encode()).hexdigest()[:8]
        names = [f"witness-{which}-{number}" for number in range(count)]
        return Recorded(
            [self._kept(self._library, name, *with_witness(lines, self._data_file(name))) for name in names]
        )

    def _data_file(self, name: str) -> str:
        return str(self._folder / f"{self._library.name}.{name}")

    def _kept(self, library: Library, name: str, arguments: list[str], extra: dict[str, str]) -> Run:
        kept = Path(self._data_file(name) + ".json")
        if kept.exists():
            return with_data(json.loads(kept.read_text("utf-8")), extra.get("COVERAGE_FILE"))
        done = run(library, self.root, [*self._plugins, *arguments], self._environment | extra)
        kept.write_text(json.dumps(done.outcomes), "utf-8")
        return done


class Alone(NamedTuple):
    """Runs of some tests by themselves."""

    theirs: list[Run]
    ours: list[Run]
    judge: list[Run]


def other_outcomes(without: Sequence[Run], ours: Sequence[Run]) -> list[str]:
    """Return the tests that have an outcome under pykcov, each time, that they never have without it."""
    tests = dict.fromkeys(test for one in (*without, *ours) for test in one.outcomes)
    return [
        test
        for test in tests
        if not {one.outcomes.get(test) for one in without} & {one.outcomes.get(test) for one in ours}
    ]


Reason = Callable[[Difference], str | None]


def sort_out(found: Iterable[Difference], why: Reason) -> tuple[list[Difference], dict[Difference, str]]:
    """Return the differences for which there is no reason, and the reasons of the others."""
    reasons = {one: why(one) for one in found}
    return [one for one, reason in reasons.items() if reason is None], {
        one: reason for one, reason in reasons.items() if reason is not None
    }


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
    changed, alone = other_outcomes([bare, *with_theirs], with_ours), Alone([], [], [])
    print(
        f"{library.name}: {counted(len(bare.outcomes), 'outcome')}; data file of coverage.py {with_theirs[0].size}, "
        f"pykcov {' and '.join(str(one.size) for one in with_ours)} bytes"
    )
    theirs, ours = Recorded(with_theirs), Recorded(with_ours)
    left, reasons = sort_out(differences(theirs, ours), Rules(library, ours).explain)
    if tests := sorted({one.context for one in left if "::" in one.context}.union(changed)):
        print(
            f"  {counted(len(left), 'difference')} and {counted(len(changed), 'other outcome')} to be judged: "
            f"{counted(len(tests), 'test')} by themselves, {_ALONE} times",
            flush=True,
        )
        alone = runs.alone(tests)
        left, proved = sort_out(left, Trial(*map(Recorded, alone)).explain)
        reasons |= proved
        if any(one.who == "pykcov" for one in left):
            witness = runs.with_witness(left, count)
            left, proved = sort_out(left, lambda found: by_witness(found, witness))
            reasons |= proved
        changed = other_outcomes([bare, *with_theirs, *alone.theirs], [*with_ours, *alone.ours])
    for test in changed:
        print(f"  {test}: {bare.outcomes.get(test)}, under pykcov {with_ours[0].outcomes.get(test)}")
    never = {one.place for one, reason in reasons.items() if reason in (NO_CODE, INVENTED)}
    missing = theirs.in_totals()[0] - Recorded([*with_ours, *alone.ours]).in_totals()[1] - never
    for file, line in sorted(missing):
        print(f"  missing from the totals: {Path(file).relative_to(runs.root)}:{line}")
    for found in left:
        where = f"{found.context or '(outside of tests)'} {Path(found.file).relative_to(runs.root)}:{found.line}"
        print(f"  only {found.who}: {where}")
    for reason, number in Counter(reasons.values()).items():
        print(f"  {counted(number, 'difference')}: {reason}")
    lines = sum(len(theirs.ever(name)) for name in theirs.names)
    contexts = counted(len(theirs.names), "context")
    print(
        f"  {counted(len(changed), 'other outcome')}, {counted(len(missing), 'line')} missing from the totals, "
        f"{counted(len(left), 'difference')} without a reason in {counted(lines, 'line')} of {contexts}"
    )
    return not changed and not missing and not left


if __name__ == "__main__":
    sys.exit(main())
