"""What the page shows: source files, the contexts that ran lines of them, what was compared, ways of threads."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import reduce
from operator import or_

from pykcov.traces.handovers import Handover


@dataclass(frozen=True)
class Histogram:
    """How often numbers of equal ranges between two numbers were compared."""

    low: int | float
    high: int | float
    counts: Sequence[int]


@dataclass(frozen=True)
class Compared:
    """What was compared at one place with one operation."""

    line: int
    op: str
    function: str
    constant: bool
    """Whether the first operand of each pair is a constant of the code."""
    times: int
    matched: int
    distinct: int
    """How many different pairs there were."""
    pairs: Sequence[tuple[str, str, int]]
    """The most frequent ones: operands as Python writes them, and how many times."""
    threads: Sequence[str]
    histogram: Histogram | None


@dataclass
class Source:
    """A source file. Sets of lines are numbers: bit n is line n."""

    text: str = ""
    """'' if it cannot be read."""
    remarks: dict[str, None] = field(default_factory=dict)
    """What is doubtful about it, in words; a set in order."""
    known: int = 0
    """The lines that could have run."""
    contexts: dict[int, int] = field(default_factory=dict)
    """By index of a context, the lines that it ran."""
    partial: dict[int, list[str]] = field(default_factory=dict)
    """By line, where it never went although it could."""
    compared: list[Compared] = field(default_factory=list)

    @property
    def ran(self) -> int:
        """The lines that any context ran."""
        return reduce(or_, self.contexts.values(), 0)


@dataclass(frozen=True)
class Way:
    """What a thread ran, in order, as calls of functions within each other."""

    name: str
    entries: int
    dropped: int
    functions: Sequence[tuple[str, str, int]]
    """Name, file as in `sources` and first line."""
    starts: Sequence[int]
    """Of each call, ascending: the entry that it begins with."""
    lengths: Sequence[int]
    """How many entries it has, with those of the calls in it."""
    depths: Sequence[int]
    callees: Sequence[int]
    """Index into `functions`."""


@dataclass
class Exploration:
    """All that the page shows."""

    title: str = ""
    contexts: list[str] = field(default_factory=list)
    failed: set[int] = field(default_factory=set)
    """Indices of the contexts that are known to have failed."""
    sources: dict[str, Source] = field(default_factory=dict)
    """By name of the file."""
    ways: list[Way] = field(default_factory=list)
    handovers: list[Handover] = field(default_factory=list)
    """Between ways, by their indices: each has an entry before it there, and one behind it here."""
    remarks: dict[str, None] = field(default_factory=dict)
    """What is missing or doubtful, in words; a set in order."""

    def context_numbers(self, names: Sequence[str], origin: str) -> Mapping[str, int]:
        """Return an index for each of these contexts; those that are there already are new ones, named by `origin`."""
        taken = {name: number for number, name in enumerate(self.contexts)}
        clash = any(name in taken for name in names)
        numbers = {}
        for name in names:
            numbers[name] = len(self.contexts)
            self.contexts.append(f"{origin}: {name}" if clash else name)
        return numbers

    def source(self, name: str) -> Source:
        """Return what is known of a file, which is made if need be."""
        return self.sources.setdefault(name, Source())
