"""Where coverage.py and pykcov differ in the lines of tests, and why."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import CodeType

from pytest_libraries import Contexts, Library, Run

from pykcov.coverage.contexts import OF_NO_TEST, OUTSIDE, SCOPES, test_of

_BARGING_IN = OF_NO_TEST - {OUTSIDE}
_WIDER_SCOPES = tuple(f"|{scope}" for scope in SCOPES)

Lines = set[tuple[str, int]]
"""Files, and lines of them."""


def by_test(contexts: Contexts) -> dict[str, Lines]:
    """Return the lines of each test, whatever part of it ran them.

    Without line 0: coverage.py says so of the body of an empty file, which has no line.
    """
    found: dict[str, Lines] = {}
    for name, files in contexts.items():
        lines = found.setdefault(test_of(name), set())
        lines.update((file, line) for file, those in files.items() for line in those if line)
    return found


@dataclass(frozen=True)
class Difference:
    """A line that each run of one has in a context, and no run of the other."""

    who: str
    context: str
    file: str
    line: int

    @property
    def place(self) -> tuple[str, int]:
        """The line and its file."""
        return self.file, self.line


class Recorded:
    """What some runs with one tool have recorded."""

    def __init__(self, runs: Sequence[Run]) -> None:
        """Take them."""
        self._tests = [by_test(one.contexts) for one in runs]
        self.names = dict.fromkeys(name for tests in self._tests for name in tests)

    def always(self, name: str) -> Lines:
        """Return the lines that each run has in a context."""
        return set.intersection(*(tests.get(name, set()) for tests in self._tests))

    def ever(self, name: str) -> Lines:
        """Return those that any run has."""
        return set.union(*(tests.get(name, set()) for tests in self._tests))

    def in_totals(self) -> tuple[Lines, Lines]:
        """Return the lines that each run has in some context, and those that any run has in any."""
        totals = [set().union(*tests.values()) for tests in self._tests]
        return set.intersection(*totals), set.union(*totals)


def differences(theirs: Recorded, ours: Recorded) -> Iterator[Difference]:
    """Yield what each run of one has and no run of the other."""
    for name in theirs.names | ours.names:
        for who, one, other in (("coverage.py", theirs, ours), ("pykcov", ours, theirs)):
            for file, line in sorted(one.always(name) - other.ever(name)):
                yield Difference(who, name, file, line)


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


NO_CODE = "coverage.py took a file for another: there is no code at that line"
OWN_CONTEXT = "it barged in, or a fixture or a worker ran it: a context of its own"


class Rules:
    """Reasons that a difference shows by itself."""

    def __init__(self, library: Library, ours: Recorded) -> None:
        """Take what pykcov has recorded."""
        self._library = library
        # Lines in contexts of pykcov that are no tests.
        self._apart = {
            place
            for name in ours.names
            for place in ours.ever(name)
            if is_apart(name) or _is_of_worker(library, name, place[0])
        }

    def explain(self, found: Difference) -> str | None:
        """Return the reason for a difference; None: it has to be proved."""
        if found.who == "coverage.py":
            if Path(found.file).exists() and found.line not in lines_in(found.file):
                return NO_CODE
            return OWN_CONTEXT if found.place in self._apart else None
        if is_apart(found.context) or _is_of_worker(self._library, found.context, found.file):
            return OWN_CONTEXT
        return None


def is_apart(context: str) -> bool:
    """Return whether a context is none of a test."""
    return context in _BARGING_IN or context.endswith(_WIDER_SCOPES)


def _is_of_worker(library: Library, context: str, file: str) -> bool:
    """Return whether a context of pykcov has the lines of a file as no test's because a worker's thread ran them."""
    return context == "" and Path(file).name in library.workers


MISSED = "coverage.py misses it each time the test runs alone; sys.settrace() sees it"
INVENTED = "coverage.py has it each time the test runs alone; sys.settrace() never sees it"
CHANCE = "the test runs it in some runs only"

MOVED = "coverage.py has it in another test, if at all; a statement planted there says that this one runs it bare"


@dataclass(frozen=True)
class Trial:
    """The same tests by themselves, several times each: with coverage.py, with pykcov, and with the judge.

    The judge (suite_plugins/judge.py) is the interpreter's own tracing, which neither of them can lead astray.
    """

    theirs: Recorded
    ours: Recorded
    judge: Recorded

    def explain(self, found: Difference) -> str | None:
        """Return what the trial has shown of a difference that all earlier runs had; None: it stands."""
        one, other = (self.theirs, self.ours) if found.who == "coverage.py" else (self.ours, self.theirs)
        name, place = found.context, found.place
        if place in other.ever(name) or place in one.ever(name) - one.always(name):
            return CHANCE
        if place not in one.always(name):
            # Neither runs it alone: that proves nothing, unless it comes and goes before the judge's eyes.
            return CHANCE if place in self.judge.ever(name) - self.judge.always(name) else None
        if found.who == "pykcov":
            return MISSED if place in self.judge.ever(name) else None
        return None if place in self.judge.ever(name) else INVENTED


def by_witness(found: Difference, witness: Recorded) -> str | None:
    """Return the reason for a difference by a statement planted at its line (suite_plugins/witness.py).

    Only if that has run: else it may be of other code, with the same name of the file.
    """
    return MOVED if found.who == "pykcov" and found.place in witness.ever(found.context) else None
