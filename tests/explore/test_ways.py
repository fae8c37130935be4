"""The calls that a way has, told from the order of entries, are those that Python's own profiler has seen."""

import sys
from pathlib import Path
from typing import Any

from browsing import Page
from exploring import Traced, run

from pykcov.explore.ways import way
from pykcov.traces.tracefile import TraceFile

PROGRAM = """
def leaf(n):
    if n % 2:
        return n
    return -n

def outer(n):
    one = leaf(n)
    two = leaf(n + 1)
    for _ in range(2):
        one += leaf(one)
    return one + two

def fib(n):
    if n < 2:
        return n
    return fib(n - 1) + fib(n - 2)

def even(n):
    if n == 0:
        return True
    return odd(n - 1)

def odd(n):
    if n == 0:
        return False
    return even(n - 1)

def fails(n):
    if n:
        fails(n - 1)
    raise ValueError(n)

class Thing:
    def __init__(self, n):
        self.n = n

    def walk(self):
        if self.n:
            below = Thing(self.n - 1)
            below.walk()
        return self.n

def main():
    outer(3)
    fib(5)
    even(6)
    try:
        fails(3)
    except ValueError:
        leaf(1)
    thing = Thing(3)
    thing.walk()
    return leaf(2)

main()
"""


def calls_seen_by_profiler(path: Path) -> list[tuple[int, str]]:
    """Return depth and name of each call."""
    found: list[tuple[int, str]] = []
    depth = 0

    def profile(frame: Any, event: str, _: object) -> None:
        nonlocal depth
        if frame.f_code.co_filename == str(path):
            if event == "call":
                found.append((depth, frame.f_code.co_qualname))
            depth += {"call": 1, "return": -1}.get(event, 0)

    code = compile(path.read_text(), str(path), "exec")
    sys.setprofile(profile)
    try:
        exec(code, {"__name__": "__main__"})
    finally:
        sys.setprofile(None)
    return found


def test_calls_are_those_that_the_profiler_sees(tmp_path: Path) -> None:
    path = tmp_path / "program.py"
    path.write_text(PROGRAM)
    run(tmp_path, "run", "--mode", "pc", "program.py")
    trace = TraceFile.load(tmp_path / "pykcov.npz")
    found = way(trace, "MainThread", trace.threads[0])
    names = [found.functions[callee][0] for callee in found.callees]
    assert [*zip(found.depths, names, strict=True)] == calls_seen_by_profiler(path)
    # Each is within the one before that is less deep, and none of a depth begins before the last one has ended.
    ends: dict[int, int] = {}
    for start, length, depth in zip(found.starts, found.lengths, found.depths, strict=True):
        assert ends.get(depth, 0) <= start
        assert depth == 0 or start + length <= ends[depth - 1]
        ends[depth] = start + length
    assert max(ends.values()) == found.entries == len(trace.threads[0])


def test_the_table_has_calls_and_entries_of_each_function(ordered: Page, demo: Traced) -> None:
    trace = demo.order
    names = trace.thread_names()
    number = names.index("MainThread")
    pcs = trace.threads[number].pcs
    rows = trace.locations.rows_of(pcs)
    own: dict[str, int] = {}
    for row in rows:
        function = trace.locations.location(row).function
        own[function] = own.get(function, 0) + 1
    page = ordered
    page.show(view="timeline", way=number)
    shown = [
        [cell.text for cell in row.find_elements("css selector", "th, td")] for row in page.all(".functions tbody tr")
    ]
    found: dict[str, int] = {}
    for name, _, _, entries in shown:
        found[name] = found.get(name, 0) + int(entries)
    assert len(shown) < 50, "not all are shown"
    assert found == own
    assert page.complaints() == []


def test_the_timeline_can_be_moved_by_keyboard(ordered: Page, demo: Traced) -> None:
    from selenium.webdriver.common.keys import Keys

    number = demo.order.thread_names().index("MainThread")
    entries = len(demo.order.threads[number])
    page = ordered
    page.show(view="timeline", way=number)
    canvas = page.one(".timeline canvas")
    canvas.send_keys("+")
    page.wait(lambda: f"Entries {int(entries / 4 + 0.5):,} to" in page.text(".call"))
    canvas.send_keys("0" + Keys.ARROW_DOWN + Keys.ARROW_DOWN)
    page.wait(lambda: page.text(".call b"))
    first = way(demo.order, "", demo.order.threads[number])
    assert page.text(".call b") == first.functions[first.callees[1]][0]
    canvas.send_keys(Keys.ENTER)
    page.wait(lambda: f"Entries {first.starts[1]:,} to {first.starts[1] + first.lengths[1]:,}" in page.text(".call"))


def test_perfetto_and_speedscope_get_the_calls_of_all_threads(ordered: Page, demo: Traced) -> None:
    page = ordered
    page.show(view="timeline")
    trace = demo.order
    ways = [way(trace, name, thread) for name, thread in zip(trace.thread_names(), trace.threads, strict=True)]
    calls = [
        (track, way.functions[callee][0], start, length)
        for track, way in enumerate(ways, 1)
        for callee, start, length in zip(way.callees, way.starts, way.lengths, strict=True)
    ]
    events = page.saved("Save for Perfetto", "pykcov.perfetto.json")["traceEvents"]
    # Each thread was handed its work when it was started, and has waited for nothing else.
    begun: dict[int, int] = {}
    found = [
        (one["tid"], one["name"], one["ts"] - begun.setdefault(one["tid"], one["ts"]), one["dur"])
        for one in events
        if one["ph"] == "X"
    ]
    assert found == calls
    assert [one["args"]["name"] for one in events if one["ph"] == "M"] == [way.name for way in ways]

    scope = page.saved("Save for speedscope", "pykcov.speedscope.json")
    frames = scope["shared"]["frames"]
    opened = []
    for profile in scope["profiles"]:
        stack: list[int] = []
        last = 0
        for event in profile["events"]:
            assert last <= event["at"] <= profile["endValue"]
            last = event["at"]
            if event["type"] == "O":
                opened.append((frames[event["frame"]]["name"], event["at"]))
                stack.append(event["frame"])
            else:
                assert stack.pop() == event["frame"]
        assert stack == []
    assert opened == [(name, start) for _, name, start, _ in calls]
