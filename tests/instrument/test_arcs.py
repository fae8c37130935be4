"""Arcs of code in which the way from line to line is not plain."""

import pytest
from coverage.parser import PythonParser
from generated import World
from rewriting import ArcEvents, Recorder, branch_arcs

from pykcov.instrument.rewrite import rewrite

FILE = "<arcs>"
CASES = {
    "an async for that ends, or fails": (
        "coroutine",
        "async def f():\n async for y in later():\n  x = d()\n else:\n  x = d()\n x = d()\n",
    ),
    "an exception that leaves a condition": ("def", "def f():\n if fail(d()):\n  x = 1\n"),
    "an exception into the finally that a loop leads to": (
        "def",
        "def f():\n try:\n  for y in items2(fail(d())):\n   x = 1\n finally:\n  x = d()\n return 1\n",
    ),
    "raise behind a condition on its line": ("def", "def f():\n if d(): raise E\n x = d()\n"),
    "a condition at the end of an except*": (
        "def",
        "def f():\n try:\n  fail(d())\n except* E:\n  if d():\n   x = 1\n x = d()\n",
    ),
    "break and the end of a loop lead to one line": (
        "def",
        "def f():\n for y in pairs():\n  if d(): break\n  x = d()\n return d()\n",
    ),
    "a break that runs on to where the end of a loop jumps to": (
        "def",
        "def f():\n for y in pairs():\n  if d():\n   z = 1\n  else:\n   x = d()\n   break\n return d()\n",
    ),
    "conditions of several lines lead to one": (
        "def",
        "def f():\n if d():\n  if d():\n   if d():\n    x = 1\n return d()\n",
    ),
    "the last condition of a with": ("def", "def f():\n with M(d()):\n  if fail(d()):\n   x = 1\n return d()\n"),
    "a condition at the end of a finally within a finally": (
        "def",
        "def f():\n try:\n  try:\n   fail(d())\n  finally:\n   if d() == 3: return\n finally:\n  if d():\n   x = 1\n",
    ),
    "the same behind an except*": (
        "def",
        "def f():\n try:\n  try:\n   fail(d())\n  except* F:\n   x = 1\n  finally:\n   if d() == 3: return\n"
        " finally:\n  if d():\n   x = 1\n",
    ),
    "a generator on one line": ("generator", "def f(): yield d()\nx = 1\n"),
}


@pytest.mark.parametrize("name", CASES)
def test_arcs_are_those_of_a_debugger(name: str) -> None:
    kind, source = CASES[name]
    parser = PythonParser(text=source)
    parser.parse_source()
    seen = set()
    for decisions in range(256):

        def run(code: object, decisions: int = decisions) -> None:
            world = World([decisions >> 2 * at & 3 for at in range(4)])
            exec(code, world.names)  # type: ignore[arg-type]
            world.run(kind, world.names["f"], [])

        with ArcEvents(FILE) as events:
            run(compile(source, FILE, "exec"))
        recorder = Recorder()
        run(rewrite(compile(source, FILE, "exec"), recorder, granularity="arc"))
        found = branch_arcs(parser, recorder.arcs())
        assert found == branch_arcs(parser, events.arcs), decisions
        seen |= found
    assert len(seen) >= 2
