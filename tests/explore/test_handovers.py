"""Hand-overs are between the line that hands work over and the function that does it, in the trace and on the page."""

from pathlib import Path

import pytest
from browsing import Browser, Page
from exploring import run

from pykcov.traces.handovers import Handover
from pykcov.traces.tracefile import TraceFile

PROGRAM = """
import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor

def first():
    return 1

def second():
    return first() + 1

def third():
    return pool.submit(first)

def started():
    return second()

async def serve(ready):
    ready.set_result(asyncio.get_running_loop())
    await stopped.wait()

async def main():
    global stopped
    stopped = asyncio.Event()
    await serve(ready)

def loop():
    asyncio.run(main())

class Ready:
    def __init__(self):
        self.event = threading.Event()

    def set_result(self, result):
        self.result = result
        self.event.set()

thread = threading.Thread(target=started, name="starting")
thread.start()  # to started
thread.join()
with ThreadPoolExecutor(1, "pool") as pool:
    pool.submit(second).result()  # to second
    pool.submit(third).result().result()  # to third
    assert pool.submit(len, "ab").result() == 2
    pool.submit(first).result()  # to first
ready = Ready()
thread = threading.Thread(target=loop, name="loop")
thread.start()  # to loop
ready.event.wait()

def stop():
    stopped.set()

ready.result.call_soon_threadsafe(stop)  # to stop
thread.join()
"""


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    found = tmp_path_factory.mktemp("handovers")
    (found / "program.py").write_text(PROGRAM)
    run(found, "run", "--mode", "pc", "--granularity", "line", "program.py")
    run(found, "explore", "pykcov.npz", "-o", "page")
    return found


@pytest.fixture(scope="session")
def trace(folder: Path) -> TraceFile:
    return TraceFile.load(folder / "pykcov.npz")


def function_and_line(trace: TraceFile, thread: int, entry: int) -> tuple[str, int]:
    (row,) = trace.locations.rows_of([trace.threads[thread].pcs[entry]])
    place = trace.locations.location(row)
    return place.function, place.line


def test_a_trace_has_each_hand_over_where_it_was(trace: TraceFile) -> None:
    expected = [
        (line, text.rpartition("# to ")[2]) for line, text in enumerate(PROGRAM.splitlines(), 1) if "# to " in text
    ]
    found = [
        (function_and_line(trace, one.giver, one.given - 1)[1], function_and_line(trace, one.taker, one.taken)[0])
        for one in trace.handovers
    ]
    # Not of what a thread hands to itself, as third() does, nor of what records nothing, as len() does.
    assert found == expected
    names = [thread.name for thread in trace.threads]
    assert {(names[one.giver], names[one.taker]) for one in trace.handovers} == {
        ("MainThread", "starting"),
        ("MainThread", "pool_0"),
        ("MainThread", "loop"),
    }


def times_of(trace: TraceFile, handovers: list[Handover]) -> list[list[int]]:
    """Return when each entry of each thread begins: behind the one before, and behind what it was handed."""
    times = [[0] * len(thread) for thread in trace.threads]
    handed: dict[tuple[int, int], list[tuple[int, int]]] = {(one.taker, one.taken): [] for one in handovers}
    for one in handovers:
        handed[one.taker, one.taken].append((one.giver, one.given - 1))
    for _ in trace.threads:  # what is handed on and on comes to rest
        for thread, own in enumerate(times):
            for entry in range(len(own)):
                earlier = [times[giver][given] for giver, given in handed.get((thread, entry), ())]
                own[entry] = max([*earlier, own[entry - 1] if entry else -1]) + 1
    return times


def test_perfetto_gets_arrows_that_lead_forward(folder: Path, trace: TraceFile, browser: Browser) -> None:
    page = Page(browser, folder / "page")
    page.show(view="timeline")
    events = page.saved("Save for Perfetto", "pykcov.perfetto.json")["traceEvents"]
    times = times_of(trace, trace.handovers)
    flows = [
        (
            ("s", one.giver + 1, times[one.giver][one.given - 1]),
            ("f", one.taker + 1, times[one.taker][one.taken]),
        )
        for one in trace.handovers
    ]
    found = [(one["ph"], one["tid"], one["ts"]) for one in events if one["ph"] in "sf"]
    assert found == [end for flow in flows for end in flow]
    assert all(begun[2] < ended[2] for begun, ended in flows)
    calls = [one for one in events if one["ph"] == "X"]
    assert calls[0]["ts"] == 0
    assert max(one["ts"] + one["dur"] for one in calls) == max(own[-1] for own in times) + 1
    for kind, thread, time in found:
        assert any(one["tid"] == thread and one["ts"] <= time < one["ts"] + one["dur"] for one in calls), kind


def test_the_page_lists_the_hand_overs_of_a_thread(folder: Path, trace: TraceFile, browser: Browser) -> None:
    names = trace.thread_names()
    page = Page(browser, folder / "page")
    for thread in range(len(names)):
        given = [(one.given - 1, "to", one.taker, one.taken) for one in trace.handovers if one.giver == thread]
        taken = [(one.taken, "from", one.giver, one.given - 1) for one in trace.handovers if one.taker == thread]
        expected = [[str(at), f"{word} {names[other]}", str(there)] for at, word, other, there in sorted(given + taken)]
        page.show(view="timeline", way=thread)
        page.wait(lambda: page.all(".handovers tbody tr"))
        shown = [
            [cell.text for cell in row.find_elements("css selector", "th, td")]
            for row in page.all(".handovers tbody tr")
        ]
        assert sorted(shown) == sorted(expected)
    page.all(".handovers tbody a")[0].click()
    page.wait(lambda: page.run("return document.querySelector('#way').value") == str(names.index("MainThread")))
    assert page.complaints() == []


def test_a_trace_of_several_files_keeps_arrows_within_each(folder: Path, tmp_path: Path, browser: Browser) -> None:
    copied = tmp_path / "second.npz"
    copied.write_bytes((folder / "pykcov.npz").read_bytes())
    run(folder, "explore", "pykcov.npz", str(copied), "-o", str(tmp_path / "page"))
    page = Page(browser, tmp_path / "page")
    trace = TraceFile.load(copied)
    page.show(view="timeline", way=len(trace.threads))
    page.wait(lambda: page.all(".handovers tbody tr"))
    assert len(page.all(".handovers tbody tr")) == sum((one.giver == 0) + (one.taker == 0) for one in trace.handovers)
