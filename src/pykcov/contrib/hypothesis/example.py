"""What was drawn for an example: its choices, and the spans that group them."""

from collections.abc import Mapping, Sequence
from functools import cached_property, lru_cache, reduce
from operator import xor
from typing import Any, NamedTuple, TypeAlias

from hypothesis.internal.conjecture.choice import choice_permitted
from hypothesis.internal.intervalsets import IntervalSet

Value: TypeAlias = bool | int | float | str | bytes


class Fresh:
    """In the place of a value: what Hypothesis would draw by itself. There is one object of it, FRESH."""

    def __repr__(self) -> str:
        """Return its name."""
        return "FRESH"


FRESH = Fresh()

Values: TypeAlias = tuple[Value | Fresh, ...]
"""What is to be drawn, in order. Where it does not fit, and behind its end, choices are fresh."""

TYPES: Mapping[str, type] = {"boolean": bool, "integer": int, "float": float, "string": str, "bytes": bytes}
"""The type of a choice, by Hypothesis's name for it."""


class Choice(NamedTuple):
    """One draw."""

    type: str
    """A key of TYPES."""
    constraints: Mapping[str, Any]
    """What Hypothesis asked for."""
    value: Value


def fits(value: object, choice: Choice) -> bool:
    """Return whether a choice could have come to `value`."""
    if type(value) is not TYPES[choice.type]:
        return False
    if isinstance(value, str):
        return _text_fits(value, choice.constraints)
    return choice_permitted(value, choice.constraints)  # type: ignore[arg-type]


def _text_fits(value: str, constraints: Mapping[str, Any]) -> bool:
    """As choice_permitted(), which is slow: most of the characters have been looked at before."""
    if not constraints["min_size"] <= len(value) <= constraints["max_size"]:
        return False
    intervals = constraints["intervals"]
    permitted = _permitted(intervals)
    others = set(value) - permitted
    if not all(ord(character) in intervals for character in others):
        return False
    permitted |= others
    return True


@lru_cache(maxsize=64)
def _permitted(intervals: IntervalSet) -> set[str]:
    """Return the characters that are known to be among these; more are added as they are met."""
    return set()


class Span(NamedTuple):
    """Choices that belong together, such as those of one element of a list."""

    label: int
    """The same for spans of the same meaning."""
    depth: int
    start: int
    end: int
    """Choices start ... end - 1."""


class Example:
    """Choices in the order in which they were drawn, and their spans in the order in which they began."""

    def __init__(self) -> None:
        """Begin with none."""
        self.choices: list[Choice] = []
        self.spans: list[Span] = []
        self.values: tuple[Value, ...] = ()
        """What the choices came to, when all are there."""
        self.fingerprint = 0
        """That of the values."""
        self.size = 0
        """Characters and bytes, and 1 for each other choice: about what it costs to run."""
        self._open: list[int] = []

    def begin_span(self, label: int) -> None:
        """Begin a span inside the one that is open."""
        self._open.append(len(self.spans))
        self.spans.append(Span(label, len(self._open), len(self.choices), len(self.choices)))

    def end_span(self) -> None:
        """End the innermost span."""
        if self._open:  # Hypothesis begins the outermost one before there is a test case
            index = self._open.pop()
            self.spans[index] = self.spans[index]._replace(end=len(self.choices))

    def end(self) -> None:
        """All choices are there: end the spans that an exception left open."""
        while self._open:
            self.end_span()
        self.values = tuple([choice.value for choice in self.choices])
        self.fingerprint = fingerprint(self.values)
        self.size = sum([len(value) if isinstance(value, (str, bytes)) else 1 for value in self.values])

    def fingerprint_with(self, index: int, value: Value) -> int:
        """Return the fingerprint of the values with another one at `index`."""
        return self.fingerprint ^ _part(index, self.values[index]) ^ _part(index, value)

    @cached_property
    def siblings(self) -> list[list[Span]]:
        """The runs of adjacent spans of one label and depth, such as the elements of each list."""
        runs: list[list[Span]] = []
        current: dict[int, list[Span]] = {}
        for span in self.spans:
            if span.start == span.end:
                continue
            run = current.get(span.depth)
            if run is None or run[-1].label != span.label or run[-1].end != span.start:
                run = current[span.depth] = []
                runs.append(run)
            run.append(span)
        return [self._elements(run) for run in runs]

    def _elements(self, run: list[Span]) -> list[Span]:
        """Leave out the last one if it is no element, but the choice that there is none."""
        last = run[-1]
        is_end = len(run) > 1 and last.end - last.start == 1 and self.choices[last.start].value is False
        return run[:-1] if is_end and self.choices[run[0].start].value is True else run


def fingerprint(values: Values) -> int:
    """Return a number that equal values share, and others hardly ever."""
    # Not their sum: hashes of tuples grow nearly evenly with their last number, so sums of them are often equal.
    return reduce(xor, [_part(index, value) for index, value in enumerate(values)], 0)


def _part(index: int, value: Value | Fresh) -> int:
    # 0.0 and -0.0 are equal, and so are 1, True and 1.0.
    return hash((index, type(value), repr(value) if type(value) is float else value))


def resized(values: tuple[Value, ...], run: Sequence[Span], size: int) -> Values:
    """Return the values with `size` spans in the place of those of the run: the last one repeated, or some left out."""
    kept = run[: max(1, size)]
    copies = values[kept[-1].start : kept[-1].end] * max(0, size - len(run))
    if size == 0:
        kept = []
    end = kept[-1].end if kept else run[0].start
    return (*values[:end], *copies, *values[run[-1].end :])
