"""Changes of examples that reached new code."""

from random import Random
from typing import TypeVar

from pykcov.contrib.hypothesis.example import FRESH, Example, Fresh, Span, Value, Values, resized
from pykcov.contrib.hypothesis.pool import Pool

Text = TypeVar("Text", str, bytes)

_SIGNIFICANT = "\n\n \t,;:=()[]{}<>!0123456789\"'#&*-_%/\\.abcxyzAZ\x00"


def mutated(random: Random, base: Example, other: Example, pool: Pool) -> Values:
    """Return what to draw instead of `base`; parts may come from `other`, and from the pool."""
    if not base.choices:
        return ()
    how = random.random() if len(base.choices) > 1 else 0
    if how < 0.4:
        return _with_changes(random, base, other, pool)
    if how < 0.6 and (runs := base.siblings):
        return _resized(random, base, runs)
    if how < 0.75 and (values_of_spans := _exchanged(random, base, other)):
        return values_of_spans
    if how < 0.85:  # as far as here, and then by chance
        return base.values[: random.randint(0, len(base.choices))]
    return base.values[: random.randint(0, len(base.choices))] + other.values[random.randint(0, len(other.choices)) :]


def _with_changes(random: Random, base: Example, other: Example, pool: Pool) -> Values:
    values: Values = base.values
    for _ in range(random.choice((1, 1, 1, 2, 4)) if len(values) > 1 else 1):
        index = random.randrange(len(values))
        values = (*values[:index], _changed(random, base.choices[index].value, other, pool), *values[index + 1 :])
    return values


def _resized(random: Random, base: Example, runs: list[list[Span]]) -> Values:
    run = random.choice(runs)
    if len(run) > 1 and random.random() < 0.3:
        start = random.randrange(len(run))
        left_out = run[start : start + random.randint(1, len(run) - 1)]
        return base.values[: left_out[0].start] + base.values[left_out[-1].end :]
    return resized(base.values, run[: random.randint(1, len(run))], len(run) + random.choice((1, 1, 2, 5)))


def _exchanged(random: Random, base: Example, other: Example) -> Values:
    """Return the values with one span in the place of another one of the same label; () if there are no such."""
    by_label: dict[int, list[tuple[Example, Span]]] = {}
    for example in (base, other):
        for span in example.spans:
            if 0 < span.end - span.start < 1000:
                by_label.setdefault(span.label, []).append((example, span))
    labels = [label for label, spans in by_label.items() if len(spans) > 1 and spans[0][0] is base]
    if not labels:
        return ()
    spans = by_label[random.choice(labels)]
    target = random.choice([span for example, span in spans if example is base])
    example, source = random.choice(spans)
    return base.values[: target.start] + example.values[source.start : source.end] + base.values[target.end :]


def _changed(random: Random, value: Value, other: Example, pool: Pool) -> Value | Fresh:
    if isinstance(value, bool):
        return not value
    if random.random() < 0.15:
        return FRESH
    if isinstance(value, int):
        candidate = pool.draw(random, int)
        if candidate is not None and random.random() < 0.3:
            return candidate
        return random.choice((value + 1, value - 1, -value, value * 2, value // 2, value ^ 1 << random.randrange(16)))
    if isinstance(value, float):
        number = pool.draw(random, float)
        return FRESH if number is None or random.random() < 0.5 else number
    if isinstance(value, str):
        texts = [choice.value for choice in other.choices if isinstance(choice.value, str)]
        return _edited(random, value, random.choice(_SIGNIFICANT), pool, texts)
    others = [choice.value for choice in other.choices if isinstance(choice.value, bytes)]
    return _edited(random, value, bytes([random.randrange(256)]), pool, others)


def _edited(random: Random, value: Text, character: Text, pool: Pool, others: list[Text]) -> Text:
    for _ in range(random.choice((1, 1, 2, 3, 4))):
        at = random.randint(0, len(value))
        end = min(len(value), at + random.randint(0, 8))
        how = random.random()
        if how < 0.35:
            piece = pool.draw(random, type(value))
            if isinstance(piece, type(value)):
                value = value[:at] + piece + value[at if random.random() < 0.7 else end :]
        elif how < 0.5:
            value = value[:at] + character + value[at if random.random() < 0.5 else at + 1 :]
        elif how < 0.6:
            value = value[:at] + value[end:]
        elif how < 0.7:
            value = value[:end] + value[at:end] + value[end:]
        elif how < 0.8 and others:
            value = value[:at] + random.choice(others)
        else:
            drawn = pool.drawn(random, type(value))
            if isinstance(drawn, type(value)):
                value = value[:at] + drawn + (value[at:] if random.random() < 0.3 else value[:0])
    return value
