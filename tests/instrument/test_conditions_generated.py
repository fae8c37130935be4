"""What is recorded of random conditions is what an evaluation by hand sees of them."""

import random
from collections.abc import Iterator
from inspect import iscoroutine
from typing import Any

import pytest
from decided import OTHERS, Nudge, Seen, World, expected, in_coroutine, names_in, programs
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rewriting import Recorder

from pykcov.instrument import conditions
from pykcov.instrument.rewrite import rewrite
from pykcov.traces.decisions import decisions_of

FILE = "<decisions>"
PATIENT: dict[str, Any] = {"deadline": None, "suppress_health_check": list(HealthCheck)}


@pytest.fixture(autouse=True)
def no_sources_left() -> Iterator[None]:
    yield
    conditions._sources.pop(FILE, None)


def outcome(code: Any, world: World, thrown: type[Exception] | None) -> Any:
    exec(code, world.names)
    try:
        found = world.names["f"]()
        return repr(awaited(found, thrown) if iscoroutine(found) else found)
    except (TypeError, KeyError) as error:
        return repr(error)


def awaited(coroutine: Any, thrown: type[Exception] | None) -> Any:
    """Return what a coroutine returns; `thrown` is thrown into each of its awaits."""
    try:
        coroutine.send(None)
        while True:
            if thrown is None:
                coroutine.send(None)
            else:
                coroutine.throw(thrown)
    except StopIteration as end:
        return end.value


def check(source: str, seed: int) -> None:
    compiled = compile(source, FILE, "exec")
    conditions._sources[FILE] = conditions.Source(decisions_of(source, FILE))
    recorder = Recorder()
    probed = rewrite(compiled, recorder, granularity="condition")
    lines, awaits = source.splitlines(), source.startswith("async")
    chance = random.Random(seed)
    for _ in range(4):
        values = {name: chance.random() < 0.5 for name in names_in(source)}
        bare, world = World(values, awaits), World(values, awaits)
        thrown = chance.choice([None, Nudge, KeyError]) if awaits else None
        recorder.hits.clear()
        assert outcome(compiled, bare, thrown) == outcome(probed, world, thrown)
        assert bare.asked == world.asked
        found: set[Seen] = set()
        for _, site in recorder.hits:
            for line, column, _, end_column, what in site.conditions:
                name = lines[line - 1][column:end_column]
                if name not in OTHERS:
                    found.add((name, what % 2 == 1, what > 1))
        wanted = expected(source, values)
        assert found <= wanted, (source, values)
        assert found == wanted or thrown is KeyError, (source, values)


@settings(max_examples=150, **PATIENT)
@given(programs(), st.integers(0, 1000))
def test_random_decisions(program: str, seed: int) -> None:
    check(program, seed)


@settings(max_examples=80, **PATIENT)
@given(programs().map(in_coroutine).filter(bool), st.integers(0, 1000))
def test_random_decisions_of_coroutines(program: str, seed: int) -> None:
    check(program, seed)


@pytest.mark.slow
@settings(max_examples=5000, **PATIENT)
@given(programs(), st.integers(0, 1000))
def test_many_random_decisions(program: str, seed: int) -> None:
    check(program, seed)
    if coroutine := in_coroutine(program):
        check(coroutine, seed)
