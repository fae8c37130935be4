"""What barges in on an input, such as a timer or the collector, is no feedback: the corpus does not grow by it."""

from pathlib import Path

import pytest
from fuzzing import fuzz_body

# Each call reaches another line, and so a counter that was 0 before.
HARNESS = """
import gc, itertools, os, signal

body = "".join(f"    if n == {n}:\\n        n = -1\\n" for n in range(100))
exec("@atheris.instrument_func\\ndef reach(n):\\n" + body)
numbers = itertools.count()


@atheris.instrument_func
def interrupted(*_):
    number = next(numbers)
    reach(number)
    if number == 100:
        open("reached", "w").close()


class Cyclic:
    @atheris.instrument_func
    def __del__(self):
        interrupted()


SETUP


@atheris.instrument_func
def TestOneInput(data):
    x = len(data)
    CALL
"""
CYCLE = "c = Cyclic(); c.me = c"
TIMER = "signal.signal(signal.SIGVTALRM, interrupted); signal.setitimer(signal.ITIMER_VIRTUAL, 0.001, 0.001)"
MINE = "signal.signal(signal.SIGUSR1, interrupted)"


def size_of_corpus(folder: Path, setup: str, call: str) -> int:
    body = HARNESS.replace("SETUP", setup).replace("CALL", call)
    ran = fuzz_body(folder, body, "-runs=20000", "-max_len=8", options=("--minimize=0",))
    assert ran.code == 0, ran.output
    assert (folder / "reached").exists()
    [last] = [line for line in ran.output.splitlines() if "DONE" in line][-1:]
    return int(last.partition("corp: ")[2].partition("/")[0])


@pytest.mark.parametrize(
    ("setup", "call"),
    [
        pytest.param(TIMER, "for _ in range(5000): pass", id="timer"),
        pytest.param("gc.set_threshold(50)", CYCLE, id="collector"),
    ],
)
def test_what_barges_in_adds_nothing_to_the_corpus(tmp_path: Path, setup: str, call: str) -> None:
    assert size_of_corpus(tmp_path, setup, call) < 20


@pytest.mark.parametrize(
    ("setup", "call"),
    [
        pytest.param(MINE, "os.kill(os.getpid(), signal.SIGUSR1)", id="signal"),
        pytest.param("", f"{CYCLE}; del c; gc.collect(0)", id="collection"),
    ],
)
def test_what_an_input_brings_about_itself_does(tmp_path: Path, setup: str, call: str) -> None:
    assert size_of_corpus(tmp_path, setup, call) > 60
