"""Which accesses of two threads followed each other: how much of what can happen in which order a test has seen.

Threads share a *location*: an attribute of one object, the contents of one object, or a global variable or one of an
enclosing function. It counts if several threads access it and one of them writes; what the thread that began the trace
has written before any other was at work does not count. All accesses to such locations have one order. A *pair* is two
neighbours in it that are of different threads: where one thread was left, and where another went on.
docs/interleavings.md has the reasons.
"""

import json
import os
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from fcntl import LOCK_EX, flock
from linecache import getline
from typing import NamedTuple

from pykcov._core import ACCESS_OBJECT_BITS
from pykcov.traces.locations import Location, symbolize

_OBJECT = (1 << ACCESS_OBJECT_BITS) - 1
_NAME = 1
_WRITES = ("write", "change")
_VERBS = {"read": "reads", "write": "writes", "look": "looks into", "change": "changes"}
_LAST_NAME = re.compile(r"\w+(?=\W*$)")
_FORMAT = "pykcov interleavings 1"


class InterleavingsError(ValueError):
    """Interleavings were asked for where no accesses were recorded."""

    def __init__(self) -> None:
        """Say what to do."""
        super().__init__("interleavings are recorded in mode 'accesses': trace('accesses', follow=True)")


class SeenError(ValueError):
    """A file does not hold what was seen in earlier runs."""


class Place(NamedTuple):
    """Where something that threads share is accessed."""

    pc: int
    file: str
    line: int
    function: str
    """Qualified name of the code: 'Class.method'."""
    operation: str
    """'read' or 'write': an attribute or a variable; 'look' or 'change': what is in an object."""
    text: str
    """The source of the access, as far as it is on one line; '' if there is no source."""

    def __str__(self) -> str:
        """Return 'counter.py:12 Counter.add writes self.value'."""
        text = self.text or "something"
        return f"{os.path.basename(self.file)}:{self.line} {self.function} {_VERBS[self.operation]} {text}"


class Pair(NamedTuple):
    """Two places of which one thread ran the second directly after another thread had run the first."""

    before: Place
    after: Place
    times: int

    def __str__(self) -> str:
        """Return it in words."""
        return f"{self.before}; then in another thread {self.after}"


def pairs_of(entries: Iterable[tuple[int, int]], beginner: int) -> list[Pair]:
    """Return the pairs in entries of TRACE_ACCESS, in the order in which they first occurred.

    beginner: the number of the thread that began the trace.
    """
    accesses = [(pc, who >> ACCESS_OBJECT_BITS, who & _OBJECT) for pc, who in entries if who & _OBJECT]
    places = {place.pc: place for place in symbolize(dict.fromkeys(pc for pc, _, _ in accesses))}
    names = {pc: _name_of(place) for pc, place in places.items() if place.known}
    located = [
        (pc, thread, _location(places[pc], names[pc], found))
        for pc, thread, found in accesses
        if places[pc].comparison in _VERBS
    ]
    shared = _shared(located, places, beginner)
    times: dict[tuple[int, int], int] = {}
    before = thread_before = 0
    for pc, thread, location in located:
        if location in shared:
            if thread_before not in (0, thread):
                times[before, pc] = times.get((before, pc), 0) + 1
            before, thread_before = pc, thread
    found = {pc: _place(places[pc]) for pair in times for pc in pair}
    return [Pair(found[before], found[after], number) for (before, after), number in times.items()]


_What = tuple[int, str, str]
"""A location: the object or _NAME, the file that a variable belongs to, and its name, or that of an attribute."""


def _location(place: Location, name: str, found: int) -> _What:
    if found == _NAME:
        return _NAME, place.file, name
    return found, "", name if place.comparison in ("read", "write") else "()"


def _shared(located: list[tuple[int, int, _What]], places: dict[int, Location], beginner: int) -> set[_What]:
    """Return the locations that several threads access, and one of them writes."""
    threads: dict[_What, set[int]] = defaultdict(set)
    written = set()
    alone = True
    for pc, thread, location in located:
        alone = alone and thread == beginner
        threads[location].add(thread)
        if not alone and places[pc].comparison in _WRITES:
            written.add(location)
    return {location for location in written if len(threads[location]) > 1}


def _text_of(place: Location) -> str:
    line = getline(place.file, place.line).encode()
    end = place.end_column if place.end_line == place.line else len(line)
    return line[max(place.column, 0) : end].decode(errors="replace").strip()


def _name_of(place: Location) -> str:
    """Return the name of an attribute or variable: the last one of the source of the access; '' if there is none."""
    line = getline(place.file, place.end_line).encode()
    start = place.column if place.end_line == place.line else 0
    found = _LAST_NAME.search(line[max(start, 0) : place.end_column].decode(errors="replace"))
    return found[0] if found else ""


def _place(place: Location) -> Place:
    return Place(place.pc, place.file, place.line, place.function, place.comparison, _text_of(place))


class Seen:
    """What was seen in earlier runs, in a file: of each pair, how often in runs that passed, and in runs that failed.

    A pair is known by its two pcs, which are the same in every process and on every machine, until the code changes.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        """Read the file; without one, nothing was seen.

        Raises:
            SeenError: the file holds something else, or is damaged.
            OSError: it cannot be read.
        """
        self.path = os.fspath(path)
        self._before = _read(self.path)
        self._now: dict[str, list[int]] = {}

    def __len__(self) -> int:
        """Return how many pairs were seen, in earlier runs and by add()."""
        return len(self._before.keys() | self._now.keys())

    def __contains__(self, pair: Pair) -> bool:
        """Return whether a pair was seen, in an earlier run or by add()."""
        return _key(pair) in self._before or _key(pair) in self._now

    def has_passed(self, pair: Pair) -> bool:
        """Return whether a pair was seen in a run that passed."""
        return any(counts.get(_key(pair), (0, 0))[0] > 0 for counts in (self._before, self._now))

    def add(self, pairs: Iterable[Pair], *, failed: bool = False) -> list[Pair]:
        """Add what a run has seen. save() writes it.

        Args:
            pairs: what the run has seen.
            failed: whether the run failed.

        Returns:
            Those of the pairs that no run before has seen.
        """
        pairs = list(pairs)
        new = [pair for pair in pairs if pair not in self]
        for pair in pairs:
            self._now.setdefault(_key(pair), [0, 0])[failed] += 1
        return new

    def save(self) -> None:
        """Add what was seen since it was read to the file, to which other processes may have added meanwhile.

        Raises:
            SeenError: the file holds something else by now.
            OSError: it cannot be written.
        """
        with _locked(self.path):
            found = _read(self.path)
            for key, (passed, failed) in self._now.items():
                before = found.get(key, (0, 0))
                found[key] = (before[0] + passed, before[1] + failed)
            written = f"{self.path}.{os.getpid()}"
            with open(written, "w", encoding="ascii") as file:
                json.dump({"format": _FORMAT, "pairs": found}, file)
            os.replace(written, self.path)
        self._before, self._now = found, {}


def _key(pair: Pair) -> str:
    return f"{pair.before.pc:x}-{pair.after.pc:x}"


@contextmanager
def _locked(path: str) -> Iterator[None]:
    descriptor = os.open(f"{path}.lock", os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o666)
    try:
        flock(descriptor, LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _read(path: str) -> dict[str, tuple[int, int]]:
    try:
        with open(path, "rb") as file:
            content = json.load(file)
    except FileNotFoundError:
        return {}
    except (ValueError, RecursionError) as error:
        raise SeenError(f"{path} is no file of interleavings: {error}") from error
    pairs = content.get("pairs") if isinstance(content, dict) and content.get("format") == _FORMAT else None
    if not isinstance(pairs, dict):
        raise SeenError(f"{path} is no file of interleavings: its format is not {_FORMAT!r}")
    for counts in pairs.values():
        if not (isinstance(counts, list) and len(counts) == 2 and all(type(one) is int and one >= 0 for one in counts)):
            raise SeenError(f"{path} is damaged: {counts!r} are not two counts of runs")
    return {key: (passed, failed) for key, (passed, failed) in pairs.items()}
