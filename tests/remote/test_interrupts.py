"""Whose work code is that runs for other reasons than that somebody called it (roads.py)."""

from types import ModuleType

import pytest
from following import ran
from roads import OWN, ROADS

from pykcov import FollowedTrace, Tracer


def barged_in(trace: FollowedTrace) -> dict[str, set[str]]:
    """Return the functions that barged in, by context."""
    return {name: {one.function for one in found.locations()} for name, found in trace.interrupts().items()}


@pytest.mark.parametrize("name", ROADS)
def test_each_road_leads_to_its_context(name: str, functions: ModuleType, tracer: Tracer) -> None:
    way, context = ROADS[name]
    with tracer.trace() as trace:
        way(functions.own1)
        functions.own2()
    found = {name: functions & {"own1", "own2"} for name, functions in barged_in(trace).items()}
    assert (ran(trace) if context == OWN else ran(trace) | {"own1"}) == {"own1", "own2"}
    assert ("own1" in ran(trace)) == (context == OWN)
    assert {name for name, functions in found.items() if functions} == ({context} - {OWN})
    assert found.get(context, {"own1"}) == {"own1"}
