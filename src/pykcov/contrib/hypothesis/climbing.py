"""Numbers that several choices make up together: a date's day in the calendar, a sum, two bytes of a word.

No choice equals such a number. But how it changes with each choice can be tried; if that is about linear, a few steps
lead to the number that is wanted.
"""

import math
from collections.abc import Generator, Mapping, Sequence
from typing import TypeAlias

from hypothesis.internal.conjecture.choice import choice_permitted

from pykcov.contrib.hypothesis.example import Example, Value, Values
from pykcov.traces.records import Comparison

Met: TypeAlias = Sequence[Comparison]
"""What an example compared."""

MOST_NUMBERS = 8
"""Of more choices nothing is tried: each takes an example."""

_ROUNDS = 4


def numbers(example: Example) -> list[int]:
    """Return which choices are numbers that can change."""
    return [
        index
        for index, choice in enumerate(example.choices)
        if choice.type == "integer"
        and (
            choice.constraints["min_value"] is None
            or choice.constraints["min_value"] != choice.constraints["max_value"]
        )
    ]


def climb(example: Example, pc: int, want: int, have: int, side: int) -> Generator[Values, Met, None]:
    """Yield what is to be drawn, be sent what that compared, until the operand at `pc` that is `have` is `want`.

    side: 0 if it is operand1, 1 if it is operand2.
    """
    values = list(example.values)
    changing = numbers(example)
    for _ in range(_ROUNDS):
        slopes: dict[int, int] = {}
        for index in changing:
            step = next((step for step in (1, -1) if _permitted(example, index, values[index], step)), 0)
            if step:
                met = yield (*values[:index], _sum(values[index], step), *values[index + 1 :])
                found = _operand(met, pc, want, side)
                if found is not None and found != have:
                    slopes[index] = (found - have) * step
        if not slopes:
            return
        moved = list(values)
        left = want - have
        by_slope = sorted(slopes, key=lambda index: -abs(slopes[index]))
        for place, index in enumerate(by_slope):
            others = [_reach(example, other, values[other], slopes[other]) for other in by_slope[place + 1 :]]
            step = _step(left, slopes[index], sum(low for low, _ in others), sum(high for _, high in others))
            moved[index] = _clamped(example, index, _sum(values[index], step))
            left -= (_integer(moved[index]) - _integer(values[index])) * slopes[index]
        if moved == values:
            return
        met = yield tuple(moved)
        found = _operand(met, pc, want, side)
        if found is not None and abs(found - want) < abs(have - want):
            have, values = found, moved
        if have == want:
            return


def _operand(met: Met, pc: int, want: int, side: int) -> int | None:
    """Return the first number that met `want` at this place."""
    for one in met:
        operand, other = (one.operand1, one.operand2) if side == 0 else (one.operand2, one.operand1)
        if one.pc == pc and other == want and isinstance(operand, int):
            return operand
    return None


def _permitted(example: Example, index: int, value: Value, step: int) -> bool:
    constraints: Mapping[str, object] = example.choices[index].constraints
    return choice_permitted(_sum(value, step), constraints)  # type: ignore[arg-type]


def _clamped(example: Example, index: int, value: int) -> int:
    constraints = example.choices[index].constraints
    lowest, highest = constraints["min_value"], constraints["max_value"]
    if lowest is not None:
        value = max(value, lowest)
    return value if highest is None else min(value, highest)


def _step(left: int, slope: int, low: float, high: float) -> int:
    """Return about left / slope, so that the rest is between what others can take away (low) and add (high).

    To the nearest integer where that is possible: what a month has too much, days take back.
    """
    down = left // slope
    nearest = down if abs(left - down * slope) <= abs(left - (down + 1) * slope) else down + 1
    for step in (nearest, down, down + 1):
        if low <= left - step * slope <= high:
            return step
    return nearest


def _reach(example: Example, index: int, value: Value, slope: int) -> tuple[float, float]:
    """Return by how much the operand can become less and more with this choice."""
    constraints = example.choices[index].constraints
    lowest, highest = constraints["min_value"], constraints["max_value"]
    ends = [
        -math.inf if lowest is None else (lowest - _integer(value)),
        math.inf if highest is None else (highest - _integer(value)),
    ]
    low, high = sorted(end * slope for end in ends)
    return low, high


def _integer(value: Value) -> int:
    assert isinstance(value, int)
    return value


def _sum(value: Value, step: int) -> int:
    return _integer(value) + step
