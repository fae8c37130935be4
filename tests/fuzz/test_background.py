"""What an input causes elsewhere than in the target itself - in threads, tasks, finalisers, children - is found."""

import subprocess
import sys
from pathlib import Path

import pytest
from fuzzing import Ran, fuzz_body, write_harness

HEAD = """
import asyncio, concurrent.futures, contextlib, ctypes, gc, multiprocessing, multiprocessing.pool, os, sys
import threading, time, weakref


@atheris.instrument_func
def fail(data):
    if data[:1] == b"B":
        raise ValueError("behind")


class Dying:
    def __init__(self, data):
        self.data = data

    @atheris.instrument_func
    def __del__(self):
        fail(self.data)


async def failing(data):
    fail(data)


@atheris.instrument_func
def TestOneInput(data):
    {}
"""

ROADS = {
    "thread": "t = threading.Thread(target=fail, args=(data,)); t.start(); t.join()",
    "timer": "t = threading.Timer(0, fail, (data,)); t.start(); t.join()",
    "bare_thread": "import _thread; _thread.start_new_thread(fail, (data,)); time.sleep(0.001)",
    "thread_that_ends_later": "threading.Thread(target=lambda: (time.sleep(0.005), fail(data))).start()",
    "del": "Dying(data)",
    "cycle": "a = Dying(data); a.a = a; del a",
    "cycle_collected": "a = Dying(data); a.a = a; del a; gc.collect(0)",
    "weakref": "a = Dying(b''); r = weakref.ref(a, lambda _: fail(data)); del a",
    "callback_of_c": "ctypes.CFUNCTYPE(None)(lambda: fail(data))()",
    "task": "asyncio.run(main(data))",
    "call_soon": "asyncio.run(soon(data))",
    "protocol": "asyncio.run(later(data))",
    "executor": "with concurrent.futures.ThreadPoolExecutor(1) as e: e.submit(fail, data)",
    "executor_map": "with concurrent.futures.ThreadPoolExecutor(1) as e: e.map(fail, [data])",
    "done_callback": "with concurrent.futures.ThreadPoolExecutor(1) as e: "
    "e.submit(int).add_done_callback(lambda _: fail(data))",
    "fork": "child = os.fork(); child or (fail(data), os._exit(0)); os.waitpid(child, 0)",
    "fork_and_return": "child = os.fork(); child and os.waitpid(child, 0); child or fail(data)",
    "process": "p = context.Process(target=fail, args=(data,)); p.start(); p.join()",
    "hook_of_the_program": "threading.excepthook = lambda args: seen(args); "
    "t = threading.Thread(target=fail, args=(data,)); t.start(); t.join()",
    "unraisablehook_of_the_program": "sys.unraisablehook = lambda args: seen(args); Dying(data)",
    "handler_of_the_program": "asyncio.run(handled(data))",
}
REST = """

context = multiprocessing.get_context("fork")


def seen(*_):
    open("seen", "a").close()


async def main(data):
    task = asyncio.ensure_future(failing(data))
    await asyncio.sleep(0)
    del task


async def soon(data):
    asyncio.get_running_loop().call_soon(fail, data)
    await asyncio.sleep(0)


async def later(data):
    task = asyncio.ensure_future(failing(data))
    task.myself = lambda: task
    await asyncio.sleep(0)
    del task


async def handled(data):
    asyncio.get_running_loop().set_exception_handler(seen)
    await main(data)
"""


def fuzz_road(folder: Path, road: str, *flags: str, options: tuple[str, ...] = ()) -> Ran:
    (folder / "seeds").mkdir()
    (folder / "seeds" / "seed").write_bytes(b"BGx")
    return fuzz_body(
        folder,
        HEAD.format(ROADS[road]) + REST,
        "seeds",
        *(flags or ("-runs=3000",)),
        options=("--minimize=0", *options),
    )


@pytest.mark.parametrize("road", sorted(ROADS))
def test_an_exception_that_does_not_come_out_of_the_target_is_found_and_reproduced(tmp_path: Path, road: str) -> None:
    # Without a GIL, Python collects garbage only after some thousand inputs.
    ran = fuzz_road(tmp_path, road, f"-runs={20_000 if road == 'cycle' else 3_000}")
    assert ran.code == 77, ran.output
    (finding,) = ran.findings
    assert finding.name.startswith("ValueError-")
    assert (finding / "input").read_bytes().startswith(b"B")
    assert 'raise ValueError("behind")' in (finding / "report.txt").read_text()
    again = subprocess.run([sys.executable, finding / "reproduce.py"], cwd=tmp_path, capture_output=True, text=True)
    assert again.returncode == 1, again.stderr
    assert 'raise ValueError("behind")' in again.stderr
    if road.endswith("of_the_program"):
        assert (tmp_path / "seen").exists()


@pytest.mark.parametrize("road", ["thread", "task", "del", "process"])
def test_no_background_leaves_them_out_and_prints_each_once(tmp_path: Path, road: str) -> None:
    ran = fuzz_road(tmp_path, road, options=("--no-background",))
    assert ran.code == 0, ran.output
    assert not ran.findings
    assert 1 <= ran.output.count("ValueError: behind") <= (3000 if road == "process" else 1)


def test_what_belongs_to_no_input_is_printed_once_and_no_finding(tmp_path: Path) -> None:
    body = """
        import queue, threading

        jobs = queue.Queue()


        def work():
            while True:
                jobs.get()
                thread = threading.Thread(target=fail)
                thread.start()
                thread.join()
                jobs.task_done()


        def fail():
            raise ValueError("of nobody")


        threading.Thread(target=work, daemon=True).start()


        @atheris.instrument_func
        def TestOneInput(data):
            jobs.put(1)
            jobs.join()
            return data[:1] == b"a"
        """
    ran = fuzz_body(tmp_path, body, "-runs=500")
    assert ran.code == 0, ran.output
    assert ran.output.count("ValueError: of nobody") == 1


def test_with_a_time_to_end_after_all_that_happens_behind_the_target_is_found(tmp_path: Path) -> None:
    body = """
        import threading

        def first(data):
            if data[:1] == b"F": raise KeyError

        def second(data):
            if data[:1] == b"S": raise IndexError

        @atheris.instrument_func
        def TestOneInput(data):
            for function in first, second:
                thread = threading.Thread(target=function, args=(data,))
                thread.start()
                thread.join()
        """
    (tmp_path / "seeds").mkdir()
    for word in ("F", "S"):
        (tmp_path / "seeds" / word).write_text(word)
    ran = fuzz_body(tmp_path, body, "seeds", "-max_total_time=2", options=("--minimize=0",))
    assert ran.code == 77, ran.output
    assert [finding.name.partition("-")[0] for finding in ran.findings] == ["IndexError", "KeyError"]


def test_a_result_that_is_asked_for_is_nobody_elses_finding(tmp_path: Path) -> None:
    body = """
        import concurrent.futures, multiprocessing.pool

        def fail(data):
            if data[:1] == b"a": raise ValueError

        @atheris.instrument_func
        def TestOneInput(data):
            with concurrent.futures.ThreadPoolExecutor(1) as executor:
                future = executor.submit(fail, data)
                try:
                    future.result()
                except ValueError as error:
                    assert future.exception() is error
                assert executor.submit(fail, data).exception() is None or data[:1] == b"a"
            with multiprocessing.pool.ThreadPool(1) as pool:
                try:
                    pool.apply(fail, (data,))
                except ValueError:
                    pass
        """
    (tmp_path / "seeds").mkdir()
    (tmp_path / "seeds" / "seed").write_text("a")
    ran = fuzz_body(tmp_path, body, "seeds", "-runs=50")
    assert (ran.code, ran.findings) == (0, []), ran.output


TESTS = """
import threading

import pykcov
from hypothesis import given, strategies as st


def fail(data):
    if data[:1] == b"B":
        raise LookupError("behind")


@pykcov.fuzz_test
def test_bytes(data):
    thread = threading.Thread(target=fail, args=(data,))
    thread.start()
    thread.join()


@given(st.binary(max_size=20))
def test_any(data):
    thread = threading.Thread(target=fail, args=(data,))
    thread.start()
    thread.join()
"""


@pytest.mark.parametrize("test", ["test_bytes", "test_any"])
def test_tests_fail_of_what_happens_in_their_threads(tmp_path: Path, test: str) -> None:
    write_harness(tmp_path, TESTS, "test_threads.py", whole=True)
    words = [sys.executable, "-m", "pykcov", "fuzz", "--minimize=0", f"test_threads.py::{test}"]
    words += ["-seed=1", "-runs=20000"]
    ran = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True)
    assert ran.returncode == 77, ran.stderr
    (finding,) = tmp_path.glob(f"test_threads.fuzz/{test}/findings/LookupError-*")
    again = subprocess.run([sys.executable, finding / "reproduce.py"], cwd=tmp_path, capture_output=True, text=True)
    assert again.returncode == 1, again.stderr
    if test == "test_bytes":
        words = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", f"test_threads.py::{test}"]
        replayed = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True).stdout
        assert f"FAILED test_threads.py::{test}[LookupError-" in replayed
        assert "[empty]" not in replayed


def test_threads_that_go_on_comparing_behind_an_input_do_no_harm(tmp_path: Path) -> None:
    """Without a GIL they write records while those of their input are read."""
    body = """
        import threading

        @atheris.instrument_func
        def go_on(data):
            for i in range(500):
                data.startswith(b"x" * (i % 70)), data == b"y" * (i % 70), data in (b"", b"z" * (i % 70)), i == 10**30

        @atheris.instrument_func
        def TestOneInput(data):
            if threading.active_count() < 4:
                threading.Thread(target=go_on, args=(data,), daemon=True).start()
            return data[:1] == b"a"
    """
    ran = fuzz_body(tmp_path, body, "-runs=1500", options=("--minimize=0",))
    assert (ran.code, ran.findings) == (0, []), ran.output
    assert ran.executions >= 1500
