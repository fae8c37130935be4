"""What is recorded of random conditions is what an evaluation by hand sees of them."""

import random
from typing import Any

from decided import OTHERS, Seen, World, expected, names_in, programs
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rewriting import Recorder

from pykcov.decisions import decisions_of
from pykcov.instrument import conditions
from pykcov.instrument.rewrite import rewrite

FILE = "<decisions>"


def outcome(code: Any, world: World) -> Any:
    exec(code, world.names)
    try:
        return repr(world.names["f"]())
    except TypeError as error:
        return repr(error)


def check(source: str, seed: int) -> None:
    compiled = compile(source, FILE, "exec")
    conditions._sources[FILE] = conditions.Source(decisions_of(source, FILE))
    recorder = Recorder()
    probed = rewrite(compiled, recorder, granularity="condition")
    lines = source.splitlines()
    chance = random.Random(seed)
    for _ in range(4):
        values = {name: chance.random() < 0.5 for name in names_in(source)}
        bare, world = World(values), World(values)
        recorder.hits.clear()
        assert outcome(compiled, bare) == outcome(probed, world)
        assert bare.asked == world.asked
        found: set[Seen] = set()
        for _, site in recorder.hits:
            for line, column, _, end_column, what in site.conditions:
                name = lines[line - 1][column:end_column]
                if name not in OTHERS:
                    found.add((name, what % 2 == 1, what > 1))
        wanted = expected(source, values)
        assert found == wanted, (source, values)


@settings(
    max_examples=int(__import__("os").environ.get("N", "200")), deadline=None, suppress_health_check=list(HealthCheck)
)
@given(programs(), st.integers(0, 1000))
def test_random_decisions(program: tuple[str, str], seed: int) -> None:
    check(program[1], seed)
