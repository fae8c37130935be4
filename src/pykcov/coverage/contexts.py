"""What the tests of a run have run: lines by context, of one process or several.

A context is called as its test, 'tests/test_a.py::test_b'; with pytest-cov's names as a part of it,
'tests/test_a.py::test_b|run'; or as a fixture of wider scope, 'tests::server|session'.
"""

import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from marshal import dumps, loads
from typing import Self

from pykcov.counted import counted
from pykcov.coverage.lookup import Facts, Lookup, conditions_in_files, known_conditions
from pykcov.coverage.masks import Lines, arcs_in, bytes_of, is_file, mask_of, numbers_of, real_file, union
from pykcov.remote.interrupts import COLLECTOR, EXIT, SIGNAL
from pykcov.traces.facts import Fact

OUTSIDE = ""
"""The context of what belongs to no test: imports, collection. coverage.py calls it so, too."""
OF_NO_TEST = frozenset((OUTSIDE, SIGNAL, COLLECTOR, EXIT))
"""Contexts that may concern any test."""

PARTS = ("setup", "run", "teardown")
SCOPES = ("class", "module", "package", "session")


@dataclass
class Ran:
    """What ran, and what is to be said of it. Of builtin types throughout, to be sent to another process."""

    contexts: dict[str, Lines] = field(default_factory=dict)
    """In the order in which they ended, or in which a process first told of them."""
    arcs: dict[str, Lines] = field(default_factory=dict)
    """The same as arcs (pykcov.traces.arcs), if code was to record them."""
    known_arcs: dict[str, bytes] = field(default_factory=dict)
    """The arcs that could have run: which one each bit stands for (masks.arcs_in())."""
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
        lookup = Lookup(files, [raw for sets in pcs.values() for raw in sets], native, branches)
        ran = {name: lookup.ran(sets) for name, sets in pcs.items()}
        contexts = {name: lines for name, (lines, _) in ran.items()}
        first, again = _first_runs(contexts)
        what = counted(lookup.unknown, "place")
        unknown = f"{what} of code that only child processes imported: not known"
        self.merge(
            type(self)(
                contexts=contexts,
                arcs={name: arcs for name, (_, arcs) in ran.items()} if branches else {},
                known_arcs=lookup.known_arcs,
                conditions=conditions_in_files(pcs, files) if conditions else {},
                known_conditions=known_conditions(files) if conditions else {},
                known=dict(union(lookup.known, lookup.known_native)),
                native=sorted(lookup.known_native),
                first={file: [runs] for file, runs in first.items()},
                again=again,
                users={name: list(tests) for name, tests in users.items() if name in contexts},
                remarks=lookup.remarks | ({unknown: None} if lookup.unknown else {}),
            )
        )

    def merge(self, other: Self) -> None:
        """Add what another process ran."""
        for name, lines in other.contexts.items():
            self.contexts[name] = union(self.contexts[name], lines) if name in self.contexts else lines
        for name, arcs in self._with_arcs_of(other).items():
            self.arcs[name] = union(self.arcs[name], arcs) if name in self.arcs else arcs
        for name, facts in other.conditions.items():
            self.conditions[name] = union_of_facts(self.conditions.get(name, {}), facts)
        self.known_conditions = union_of_facts(self.known_conditions, other.known_conditions)
        self.known = dict(union(self.known, other.known))
        self.native = sorted({*self.native, *other.native})
        self.again = dict(union(self.again, other.again))
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

    def _with_arcs_of(self, other: Self) -> dict[str, Lines]:
        """Know the arcs that another process knew; return those that ran there, by the bits that they have here."""
        arcs = other.arcs
        for file, theirs in other.known_arcs.items():
            ours = self.known_arcs.setdefault(file, theirs)
            if ours != theirs:  # code that only one of them had
                both = self.known_arcs[file] = bytes_of(sorted({*arcs_in(ours), *arcs_in(theirs)}))
                self.arcs = _renumbered(self.arcs, file, ours, both)
                arcs = _renumbered(arcs, file, theirs, both)
        return arcs

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


def _renumbered(contexts: dict[str, Lines], file: str, before: bytes, after: bytes) -> dict[str, Lines]:
    """Return arcs by the bits that they have in another list of those that are known."""
    bits = {arc: bit for bit, arc in enumerate(arcs_in(after))}
    moved = [bits[arc] for arc in arcs_in(before)]
    known: dict[int, int] = {}
    result = {}
    for name, arcs in contexts.items():
        mask = arcs.get(file, 0)
        if mask not in known:
            known[mask] = mask_of(moved[bit] for bit in numbers_of(mask))
        result[name] = {**arcs, file: known[mask]} if mask else arcs
    return result


def union_of_facts(one: Facts, other: Facts) -> dict[str, frozenset[Fact]]:
    """Return what was seen in one or the other."""
    none: frozenset[Fact] = frozenset()
    return {file: one.get(file, none) | other.get(file, none) for file in {**one, **other}}
