"""What runs without being called is in the trace, of the thread that it runs in: up to the very end."""

from collections.abc import Callable
from pathlib import Path

import pytest
from running import Run

from pykcov.traces.tracefile import TraceFile

Write = Callable[[str, str], Path]
Load = Callable[[], TraceFile]

MAIN = """
import atexit, gc, os, signal, threading, time, weakref


def handler(number, frame):
    x = "signal to itself"


def alarm(number, frame):
    global rung
    rung = "signal of a timer"


class Kept:
    def __del__(self):
        self.last = "taken apart"


class Cyclic:
    def __init__(self, when):
        self.me = self
        self.when = when

    def __del__(self):
        if self.when == "asked for":
            self.last = "collection asked for"
        elif self.when == "allocation":
            self.last = "collection of its own accord"
        else:
            self.last = "collection at the end"


def suspended():
    try:
        yield
    finally:
        x = "generator closed when taken apart"


def told(_):
    x = "callback of a weak reference"


def collected(phase, information):
    x = "callback of the collector"


@atexit.register
def at_exit():
    x = "atexit"


def finalise():
    x = "finaliser"


def at_end_of_threads():
    begun.set()
    x = "threads end"


def late():
    begun.wait()
    x = "late"


signal.signal(signal.SIGUSR1, handler)
os.kill(os.getpid(), signal.SIGUSR1)
rung = ""
signal.signal(signal.SIGALRM, alarm)
signal.setitimer(signal.ITIMER_REAL, 0.01)
while not rung:
    time.sleep(0.001)
gc.disable()
thing = Cyclic("asked for")
reference = weakref.ref(thing, told)
del thing
gc.callbacks.append(collected)
gc.collect()
gc.callbacks.clear()
Cyclic("allocation")
gc.enable()
gc.set_threshold(1, 1, 1)
kept_objects = [[] for n in range(3000)]
gc.set_threshold(0)
kept = Kept()
weakref.finalize(handler, finalise)
begun = threading.Event()
threading._register_atexit(at_end_of_threads)
threading.Thread(target=late, name="late").start()
generator = suspended()
next(generator)
last = Cyclic("end")
"""


@pytest.mark.parametrize("granularity", ["line", "block"])
def test_nothing_that_barges_in_is_missing(pykcov: Run, write: Write, trace: Load, granularity: str) -> None:
    main = write("main.py", MAIN)
    done = pykcov("run", f"--granularity={granularity}", "main.py")
    assert (done.returncode, done.stdout) == (0, ""), done.stderr

    result = trace()
    lines = {thread.name: set(result.lines(thread)[str(main)]) for thread in result.threads}
    marked = {number for number, line in enumerate(MAIN.splitlines(), 1) if line.startswith("  ") and ' = "' in line}
    late = {number for number, line in enumerate(MAIN.splitlines(), 1) if '"late"' in line and "name" not in line}
    assert len(marked) == 13
    assert set(lines) == {"MainThread", "late"}
    assert lines["MainThread"] & marked == marked - late
    assert lines["late"] & marked == late
