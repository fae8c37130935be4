"""Random programs do with probes what they do without, and the lines hit are the lines run."""

import ast
import random
from types import CodeType
from typing import Any

import pytest
from coverage.parser import PythonParser
from generated import Kind, World, sources
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rewriting import GRANULARITIES, ArcEvents, LineEvents, Recorder, branch_arcs, silent

from pykcov.instrument.rewrite import rewrite

FILE = "<generated>"


def run(code: CodeType, kind: Kind, seed: int) -> object:
    chance = random.Random(seed)
    world = World(chance.choices([0, 1, 2, 3], [5, 5, 2, 1], k=60))
    exec(code, world.names)
    function: Any = world.names["f"]
    return world.run(kind, function, chance.choices([0, 1, 2], [8, 1, 1], k=6))


def check(program: tuple[Kind, str], seed: int) -> None:
    kind, source = program

    def compiled() -> CodeType:
        return compile(source, FILE, "exec")

    expected = run(compiled(), kind, seed)
    with ArcEvents(FILE) as events:
        assert run(compiled(), kind, seed) == expected
    for granularity in GRANULARITIES:
        rewritten = rewrite(compiled(), silent, granularity=granularity)
        assert run(rewritten, kind, seed) == expected
        with LineEvents(FILE) as same_events:
            assert run(rewritten, kind, seed) == expected
        assert same_events.seen == events.seen
    recorder = Recorder()
    assert run(rewrite(compiled(), recorder, granularity="line"), kind, seed) == expected
    assert recorder.lines() == events.lines()
    recorder = Recorder()
    assert run(rewrite(compiled(), recorder, granularity="arc"), kind, seed) == expected
    assert recorder.lines() == events.lines()
    parser = PythonParser(text=source)
    parser.parse_source()
    found, expected_arcs = branch_arcs(parser, recorder.arcs()), branch_arcs(parser, events.arcs)
    if "except*" in source:
        # Behind one no probe can tell which of its lines an exception has passed (docs/branches.md).
        handlers = lines_of_group_handlers(source)
        found, expected_arcs = (
            {arc for arc in arcs if arc[1] > 0 and (arc[0] not in handlers or arc[1] in handlers)}
            for arcs in (found, expected_arcs)
        )
    assert found == expected_arcs


def lines_of_group_handlers(source: str) -> set[int]:
    """Return the lines of all handlers by `except*`."""
    handlers = [
        handler for node in ast.walk(ast.parse(source)) if isinstance(node, ast.TryStar) for handler in node.handlers
    ]
    return {line for handler in handlers for line in range(handler.lineno, (handler.end_lineno or 0) + 1)}


GIVEN = given(sources(), st.integers(0, 1000))
PATIENT: dict[str, Any] = {"deadline": None, "suppress_health_check": list(HealthCheck)}


@settings(max_examples=60, **PATIENT)
@GIVEN
def test_random_programs(program: tuple[Kind, str], seed: int) -> None:
    for way in range(3):
        check(program, seed + way)


@pytest.mark.slow
@pytest.mark.timeout(3600)
@settings(max_examples=5000, **PATIENT)
@GIVEN
def test_many_random_programs(program: tuple[Kind, str], seed: int) -> None:
    for way in range(5):
        check(program, seed + way)
