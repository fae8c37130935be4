"""What the tests of a run have run: lines by context, of one process or several.

A context is called as its test, 'tests/test_a.py::test_b'; with pytest-cov's names as a part of it,
'tests/test_a.py::test_b|run'; or as a fixture of wider scope, 'tests::server|session'.
"""

import os
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from marshal import dumps, loads
from typing import Self

from pykcov.counted import counted
from pykcov.remote.interrupts import COLLECTOR, EXIT, SIGNAL
from pykcov.traces import locations
from pykcov.traces.arcs import Arc, complete
from pykcov.traces.facts import Fact
from pykcov.traces.locations import Location
from pykcov.traces.pcs import is_python

OUTSIDE = ""
"""The context of what belongs to no test: imports, collection. coverage.py calls it so, too."""
OF_NO_TEST = frozenset((OUTSIDE, SIGNAL, COLLECTOR, EXIT))
"""Contexts that may concern any test."""

PARTS = ("setup", "run", "teardown")
SCOPES = ("class", "module", "package", "session")

Lines = Mapping[str, int]
"""Files, and which of their lines: bit n is line n."""
Arcs = Mapping[str, frozenset[Arc]]
"""Files, and the arcs that ran in them (pykcov.traces.arcs)."""
Facts = Mapping[str, frozenset[Fact]]
"""Files, and what was seen of their conditions (pykcov.traces.facts)."""


@dataclass
class Ran:
    """What ran, and what is to be said of it. Of builtin types throughout, to be sent to another process."""

    contexts: dict[str, Lines] = field(default_factory=dict)
    """In the order in which they ended, or in which a process first told of them."""
    arcs: dict[str, Arcs] = field(default_factory=dict)
    """The same as arcs, if code was to record them."""
    conditions: dict[str, Facts] = field(default_factory=dict)
    """What was seen of conditions, if code was to record it."""
    known_conditions: dict[str, frozenset[Fact]] = field(default_factory=dict)
    """What could have been, of all files with probes."""
    known: dict[str, int] = field(default_factory=dict)
    """The lines that could have run, of all files with probes."""
    unexecuted: dict[str, None] = field(default_factory=dict)
    """All files under the source, of which some, or none, was imported; a set in order."""
    native: list[str] = field(default_factory=list)
    """Which of these files are no Python."""
    first: dict[str, list[list[tuple[str, int]]]] = field(default_factory=dict)
    """By file, for each process: the contexts that ran lines of it before any other did, in order, and which lines."""
    again: dict[str, int] = field(default_factory=dict)
    """The lines that more than one context of a process ran."""
    users: dict[str, list[str]] = field(default_factory=dict)
    """Contexts of fixtures, and the tests that used these."""
    collected: dict[str, None] = field(default_factory=dict)
    """Node ids of all tests that were found, also of those that did not run; a set in order."""
    tests: dict[str, None] = field(default_factory=dict)
    """Node ids of the tests that ran."""
    matched: dict[str, None] = field(default_factory=dict)
    """What of --pykcov-source has matched something; a set."""
    dropped: dict[str, int] = field(default_factory=dict)
    """Entries that found a buffer full, by context."""
    cut_off: dict[str, list[str]] = field(default_factory=dict)
    """The names of threads and jobs that were not done when their context ended."""
    remarks: dict[str, None] = field(default_factory=dict)
    """What else is missing, in words; a set in order."""

    def add(
        self,
        pcs: Mapping[str, Iterable[bytes]],
        native: bool,
        files: Iterable[str],
        users: Mapping[str, Iterable[str]],
        branches: bool = False,
        conditions: bool = False,
    ) -> None:
        """Add what this process ran.

        pcs: sets of pcs by context, each of 8 bytes a pc. native: whether pcs of native code count. files: those that
        have probes. users: tests by the context of a fixture that they used. branches, conditions: whether arcs count,
        and what was seen of conditions.
        """
        table = _Table(files, native, branches)
        contexts = {name: table.lines(sets) for name, sets in pcs.items()}
        first, again = _first_runs(contexts)
        what = counted(table.unknown, "place")
        unknown = f"{what} of code that only forked children imported: not known"
        self.merge(
            type(self)(
                contexts=contexts,
                arcs={name: table.arcs(sets) for name, sets in pcs.items()} if branches else {},
                conditions={name: table.conditions(sets) for name, sets in pcs.items()} if conditions else {},
                known_conditions=_known_conditions(files) if conditions else {},
                known=dict(_union(known_lines(files), table.known_native)),
                native=sorted(table.known_native),
                first={file: [runs] for file, runs in first.items()},
                again=again,
                users={name: list(tests) for name, tests in users.items() if name in contexts},
                remarks=table.remarks | ({unknown: None} if table.unknown else {}),
            )
        )

    def merge(self, other: Self) -> None:
        """Add what another process ran."""
        for name, lines in other.contexts.items():
            self.contexts[name] = _union(self.contexts[name], lines) if name in self.contexts else lines
        for name, arcs in other.arcs.items():
            self.arcs[name] = _union_of_arcs(self.arcs[name], arcs) if name in self.arcs else arcs
        for name, facts in other.conditions.items():
            self.conditions[name] = union_of_facts(self.conditions.get(name, {}), facts)
        self.known_conditions = union_of_facts(self.known_conditions, other.known_conditions)
        self.known = dict(_union(self.known, other.known))
        self.native = sorted({*self.native, *other.native})
        self.again = dict(_union(self.again, other.again))
        for file, runs in other.first.items():
            self.first.setdefault(file, []).extend(runs)
        for name, tests in other.users.items():
            self.users[name] = list(dict.fromkeys([*self.users.get(name, ()), *tests]))
        self.add_losses(other.dropped, other.cut_off)
        self.unexecuted |= other.unexecuted
        self.collected |= other.collected
        self.tests |= other.tests
        self.matched |= other.matched
        self.remarks |= other.remarks

    def add_losses(self, dropped: Mapping[str, int], cut_off: Mapping[str, list[str]]) -> None:
        """Add what is missing, by context."""
        for name, number in dropped.items():
            self.dropped[name] = self.dropped.get(name, 0) + number
        for name, jobs in cut_off.items():
            self.cut_off[name] = [*self.cut_off.get(name, ()), *jobs]

    def forget_idle(self, files: Iterable[str]) -> None:
        """Forget those of `files` of which nothing ran."""
        ran = {file for lines in self.contexts.values() for file in lines}
        for file in files:
            if is_file(file) and real_file(file) not in ran:
                self.known.pop(real_file(file), None)

    def dumps(self) -> bytes:
        """Return all of it as bytes, for loads()."""
        # Contexts that ran the same lines share them, which marshal keeps.
        return zlib.compress(dumps(vars(self)), 1)

    @classmethod
    def loads(cls, data: bytes) -> Self:
        """Return what dumps() was called for."""
        return cls(**loads(zlib.decompress(data)))


def _first_runs(contexts: Mapping[str, Lines]) -> tuple[dict[str, list[tuple[str, int]]], dict[str, int]]:
    """Return by file which contexts ran which lines first, and the lines that others ran, too."""
    first: dict[str, list[tuple[str, int]]] = {}
    again: dict[str, int] = {}
    seen: dict[str, int] = {}
    for name, lines in contexts.items():
        if name in OF_NO_TEST:
            continue
        test = test_of(name)
        for file, those in lines.items():
            before = seen.get(file, 0)
            runs = first.setdefault(file, [])
            # Parts of one test are no others.
            own = runs.pop()[1] if runs and runs[-1][0] == test else 0
            again[file] = again.get(file, 0) | those & before & ~own
            if own or those & ~before:
                runs.append((test, own | those & ~before))
            seen[file] = before | those
    return first, again


def test_of(context: str) -> str:
    """Return the name of a context without the part of its test that it is."""
    name, _, part = context.rpartition("|")
    return name if part in PARTS else context


def _known_conditions(files: Iterable[str]) -> dict[str, frozenset[Fact]]:
    known = locations.known_conditions()
    return {real_file(file): frozenset(known[file]) for file in files if is_file(file) and file in known}


def known_lines(files: Iterable[str]) -> dict[str, int]:
    """Return the lines that could have run of files, as their code objects name them."""
    known = locations.known_lines()
    found: dict[str, int] = {}
    for file in files:
        if is_file(file):
            real = real_file(file)
            found[real] = found.get(real, 0) | _mask(known.get(file, ()))
    return found


class _Table:
    """What lines and arcs each pc implies."""

    def __init__(self, files: Iterable[str], native: bool, branches: bool) -> None:
        self.remarks: dict[str, None] = {}
        self._files = {file for file in files if is_file(file)}
        self.known_native: dict[str, int] = {}
        """All lines of native code, if that counts and any of it ran."""
        self.unknown = 0
        self._native = native
        self._branches = branches
        self._numbers: dict[str, int] = {"": 0}
        self._implied: dict[int, tuple[int, int, int]] = {}
        """By pc: number of a file, which lines of it, and which arcs."""
        self._more: dict[int, list[tuple[int, int, int]]] = {}
        """The same of native pcs, which may imply lines of several files: without the first."""
        self._numbered: dict[int, dict[Arc, int]] = {}
        """By number of a file: arcs of it, and which bit each has."""
        self._of_set: dict[bytes, tuple[Lines, Arcs]] = {}
        self._alike: dict[tuple[int, ...], tuple[Lines, Arcs]] = {}
        self._alike_arcs: dict[tuple[int, int, int], frozenset[Arc]] = {}
        self._conditions: dict[int, Location] = {}
        """By pc: the places that say something of conditions."""

    def lines(self, sets: Iterable[bytes]) -> Lines:
        """Return the lines that sets of pcs imply. Mostly equal ones are the same object."""
        result: Lines = {}
        for raw in sets:
            lines, _ = self._of(raw)
            result = _union(result, lines) if result else lines
        return result

    def arcs(self, sets: Iterable[bytes]) -> Arcs:
        """Return the arcs that sets of pcs imply. Equal ones of a file are the same object."""
        result: Arcs = {}
        for raw in sets:
            _, arcs = self._of(raw)
            result = _union_of_arcs(result, arcs) if result else arcs
        return result

    def conditions(self, sets: Iterable[bytes]) -> dict[str, frozenset[Fact]]:
        """Return what sets of pcs say of conditions."""
        found: dict[str, set[Fact]] = {}
        for raw in sets:
            self._of(raw)  # which learns of all pcs
            for pc in memoryview(raw).cast("Q").tolist():
                if row := self._conditions.get(pc):
                    found.setdefault(real_file(row.file), set()).update(row.conditions)
        return {file: frozenset(facts) for file, facts in found.items()}

    def _of(self, raw: bytes) -> tuple[Lines, Arcs]:
        found = self._of_set.get(raw)
        if found is None:
            found = self._of_set[raw] = self._resolve(memoryview(raw).cast("Q").tolist())
        return found

    def _resolve(self, pcs: list[int]) -> tuple[Lines, Arcs]:
        lines = [0] * len(self._numbers)
        arcs = lines.copy()
        try:
            implied = map(self._implied.__getitem__, pcs)
            if self._branches:
                for number, of_pc, arcs_of_pc in implied:
                    lines[number] |= of_pc
                    arcs[number] |= arcs_of_pc
            else:
                for number, of_pc, _ in implied:
                    lines[number] |= of_pc
        except KeyError:
            self._learn(set(pcs).difference(self._implied))
            return self._resolve(pcs)
        for pc in self._more.keys() & pcs if self._more else ():
            for number, of_pc, _ in self._more[pc]:
                lines[number] |= of_pc
        key = (*lines, *arcs)
        if key not in self._alike:
            numbers = [(file, number) for file, number in self._numbers.items() if lines[number]]
            with_arcs = numbers if self._branches else []
            self._alike[key] = (
                {file: lines[number] for file, number in numbers},
                {file: self._complete(number, lines[number], arcs[number]) for file, number in with_arcs},
            )
        return self._alike[key]

    def _complete(self, number: int, lines: int, arcs: int) -> frozenset[Arc]:
        key = number, lines, arcs
        if key not in self._alike_arcs:
            known = list(self._numbered.get(number, ()))
            ran = [known[bit] for bit in numbers_of(arcs)]
            self._alike_arcs[key] = frozenset(complete(set(numbers_of(lines)), ran))
        return self._alike_arcs[key]

    def _learn(self, pcs: set[int]) -> None:
        python = [pc for pc in pcs if is_python(pc)]
        for pc, row in zip(python, locations.symbolize(python), strict=True):
            # Others may have put probes into code that was not chosen here.
            self._implied[pc] = self._implied_by(row) if row.file in self._files else (0, 0, 0)
            if row.conditions and row.file in self._files:
                self._conditions[pc] = row
            self.unknown += not row.known
        native = [pc for pc in pcs if not is_python(pc)]
        self._implied.update(dict.fromkeys(native, (0, 0, 0)))
        if self._native and native:
            self._learn_native(native)

    def _learn_native(self, pcs: list[int]) -> None:
        # Not before: few tests run native code that is traced.
        from pykcov.native.images import images
        from pykcov.native.locations import Locator

        locator = Locator()
        for pc, rows in zip(pcs, locator.locate(images(), pcs), strict=True):
            if with_lines := [row for row in rows if row.lines]:
                self._implied[pc], *self._more[pc] = map(self._implied_by, with_lines)
        if not self.known_native:
            for row in (row for image in images() if image.instrumented for row in locator.all_of(image)):
                file = real_file(row.file)
                self.known_native[file] = self.known_native.get(file, 0) | _mask(row.lines)
        self.remarks.update(dict.fromkeys(f"{image}: {reason}" for image, reason in locator.remarks))

    def _implied_by(self, row: Location) -> tuple[int, int, int]:
        number = self._numbers.setdefault(real_file(row.file), len(self._numbers))
        arcs = 0
        if self._branches and row.arcs:
            bits = self._numbered.setdefault(number, {})
            arcs = mask_of(bits.setdefault(arc, len(bits)) for arc in row.arcs)
        return number, _mask(row.lines), arcs


def is_file(name: str) -> bool:
    """Return whether the name that a code object has for its file may be one: '<string>' is none."""
    return bool(name) and not name.startswith("<")


_real: dict[str, str] = {}


def real_file(name: str) -> str:
    """Return the name of a file as coverage.py writes it: absolute, without links."""
    found = _real.get(name)
    if found is None:
        found = _real[name] = os.path.realpath(name)
    return found


def numbers_of(lines: int) -> list[int]:
    """Return the lines of a mask, ascending."""
    return [number for number, bit in enumerate(bin(lines)[:1:-1]) if bit == "1"]


def mask_of(numbers: Iterable[int]) -> int:
    """Return the mask of lines."""
    mask = 0
    for number in numbers:
        mask |= 1 << number
    return mask


def _mask(lines: Iterable[int]) -> int:
    # Line 0 is that of a module's first instruction, and no line of its source.
    return mask_of(lines) & ~1


def _union(one: Lines, other: Lines) -> Lines:
    if one is other:
        return one
    return {file: one.get(file, 0) | other.get(file, 0) for file in {**one, **other}}


def union_of_facts(one: Facts, other: Facts) -> dict[str, frozenset[Fact]]:
    """Return what was seen in one or the other."""
    none: frozenset[Fact] = frozenset()
    return {file: one.get(file, none) | other.get(file, none) for file in {**one, **other}}


def _union_of_arcs(one: Arcs, other: Arcs) -> Arcs:
    if one is other:
        return one
    none: frozenset[Arc] = frozenset()
    return {file: one.get(file, none) | other.get(file, none) for file in {**one, **other}}
