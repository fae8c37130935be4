"""Draws the choices of an example: those of a plan, and else what Hypothesis would draw by itself."""

import math
from collections.abc import Mapping
from typing import Any, TypeVar

from hypothesis.internal.conjecture.choice import choice_from_index
from hypothesis.internal.conjecture.data import ConjectureData
from hypothesis.internal.conjecture.providers import COLLECTION_DEFAULT_MAX_SIZE, PrimitiveProvider
from hypothesis.internal.intervalsets import IntervalSet

from pykcov.contrib.hypothesis.example import FRESH, Choice, Example, Fresh, Value, fits
from pykcov.contrib.hypothesis.waiting import Plan

V = TypeVar("V", bool, int, float, str, bytes)

SIMPLEST = Plan((), "simplest")
"""Not what would be drawn, but the simplest value of each choice."""


class Drawing(PrimitiveProvider):
    """One for an example after the other, or for one alone."""

    _plan: Plan
    _example: Example
    _fresh: PrimitiveProvider
    """Hypothesis's own."""

    def __init__(self, conjecturedata: ConjectureData | None, /) -> None:
        """Begin with an example that has no choices yet."""
        super().__init__(conjecturedata)
        self._plan = SIMPLEST
        self._example = Example()

    def span_start(self, label: int, /) -> None:
        """Note it."""
        self._example.begin_span(label)

    def span_end(self, discard: bool, /) -> None:
        """Note it."""
        self._example.end_span()

    def draw_boolean(self, p: float = 0.5) -> bool:
        """Draw a choice, as Hypothesis says."""
        return self._draw("boolean", bool, p=p)

    def draw_integer(
        self,
        min_value: int | None = None,
        max_value: int | None = None,
        *,
        weights: dict[int, float] | None = None,
        shrink_towards: int = 0,
    ) -> int:
        """Draw a choice, as Hypothesis says."""
        return self._draw(
            "integer", int, min_value=min_value, max_value=max_value, weights=weights, shrink_towards=shrink_towards
        )

    def draw_float(
        self,
        *,
        min_value: float = -math.inf,
        max_value: float = math.inf,
        allow_nan: bool = True,
        smallest_nonzero_magnitude: float,
    ) -> float:
        """Draw a choice, as Hypothesis says."""
        return self._draw(
            "float",
            float,
            min_value=min_value,
            max_value=max_value,
            allow_nan=allow_nan,
            smallest_nonzero_magnitude=smallest_nonzero_magnitude,
        )

    def draw_string(
        self, intervals: IntervalSet, *, min_size: int = 0, max_size: int = COLLECTION_DEFAULT_MAX_SIZE
    ) -> str:
        """Draw a choice, as Hypothesis says."""
        return self._draw("string", str, intervals=intervals, min_size=min_size, max_size=max_size)

    def draw_bytes(self, min_size: int = 0, max_size: int = COLLECTION_DEFAULT_MAX_SIZE) -> bytes:
        """Draw a choice, as Hypothesis says."""
        return self._draw("bytes", bytes, min_size=min_size, max_size=max_size)

    def _draw(self, type_: str, kind: type[V], **constraints: Any) -> V:
        index = len(self._example.choices)
        value: Value
        if self._plan is SIMPLEST:
            value = choice_from_index(0, type_, constraints)  # type: ignore[arg-type]
        else:
            planned = self._plan.values[index] if index < len(self._plan.values) else FRESH
            if not isinstance(planned, Fresh) and fits(planned, Choice(type_, constraints, planned)):
                value = planned
            else:
                value = self._fresh_value(type_, constraints)
        self._example.choices.append(Choice(type_, constraints, value))
        assert isinstance(value, kind)
        return value

    def _fresh_value(self, type_: str, constraints: Mapping[str, Any]) -> Value:
        """Return what is drawn where nothing that fits is planned."""
        drawn: Value = getattr(self._fresh, f"draw_{type_}")(**constraints)
        return drawn
