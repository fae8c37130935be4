"""The limits of a campaign hold whatever the target does to signals, timers and threads."""

import os
import signal
import time
from pathlib import Path

import pytest
from fuzzing import Ran, fuzz_body, start, write_harness

BODY = """
        import ctypes, os, signal, threading, time


        @atheris.instrument_func
        def TestOneInput(data):
            {}
            if data[:1] == b"H":
                {}
        """
SPIN = "while True: pass"
IGNORE_ALL = (
    "[signal.signal(n, signal.SIG_IGN) for n in signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP, 32, 33}]"
)


def _fuzz(folder: Path, before: str, hang: str, *flags: str, options: tuple[str, ...] = ()) -> Ran:
    (folder / "seeds").mkdir()
    (folder / "seeds" / "seed").write_bytes(b"H")
    return fuzz_body(folder, BODY.format(before, hang), "seeds", *flags, options=options)


@pytest.mark.parametrize(
    ("before", "hang"),
    [
        ("signal.signal(signal.SIGALRM, lambda *_: None); signal.alarm(0)", SPIN),
        ("signal.setitimer(signal.ITIMER_REAL, 0); signal.signal(signal.SIGALRM, signal.SIG_IGN)", SPIN),
        ("signal.signal(signal.SIGALRM, signal.SIG_DFL)", SPIN),
        (IGNORE_ALL, SPIN),
        ("signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())", SPIN),
        ("signal.signal(signal.SIGALRM, signal.SIG_IGN)", "ctypes.PyDLL(None).pause()"),  # with the GIL
        ("signal.signal(signal.SIGALRM, signal.SIG_IGN)", "os.kill(os.getpid(), signal.SIGSTOP)"),
        ("signal.signal(signal.SIGALRM, signal.SIG_IGN)", "os.execvp('sleep', ['sleep', '1000'])"),
        ("signal.signal(signal.SIGALRM, signal.SIG_IGN)", "os.waitpid(os.fork() or time.sleep(1000), 0)"),
        ("signal.signal(signal.SIGALRM, signal.SIG_IGN)", "os.closerange(3, 256); time.sleep(1000)"),
        ("signal.signal(signal.SIGALRM, signal.SIG_IGN)", "t = threading.Thread(target=time.sleep, args=(1000,)); "
         "t.start(); t.join()"),
    ],
)  # fmt: skip
def test_an_input_that_hangs_is_found_whatever_it_does_to_signals(tmp_path: Path, before: str, hang: str) -> None:
    ran = _fuzz(tmp_path, before, hang, "-timeout=1", "-max_total_time=60", options=("--minimize=0",))
    assert ran.code == 70, ran.output
    (finding,) = ran.findings
    assert finding.name.startswith("timeout")
    assert (finding / "input").read_bytes() == b"H"
    if "SIGSTOP" not in hang and "exec" not in hang and "closerange" not in hang and before != IGNORE_ALL:
        assert "in TestOneInput" in (finding / "report.txt").read_text()


def test_the_last_locations_of_a_hang_without_a_stack_are_kept(tmp_path: Path) -> None:
    ran = _fuzz(tmp_path, IGNORE_ALL, SPIN, "-timeout=1", "-max_total_time=60")
    assert ran.code == 70, ran.output
    (finding,) = ran.findings
    assert "TestOneInput" in (finding / "report.txt").read_text()


def test_the_total_time_ends_an_input_that_does_not_end(tmp_path: Path) -> None:
    ran = _fuzz(tmp_path, IGNORE_ALL, SPIN, "-max_total_time=1")
    assert ran.code == 0, ran.output
    assert "the time was over while an input ran" in ran.output


@pytest.mark.parametrize(
    "eat",
    [
        "t = threading.Thread(target=swallow); t.start(); t.join()",
        "swallow()",
        "os.waitpid(os.fork() or swallow(), 0)",
    ],
)
def test_memory_is_watched_in_threads_and_in_children(tmp_path: Path, eat: str) -> None:
    body = f"""
        import os, signal, threading, time

        def swallow():
            taken = bytearray(400 << 20)
            taken[::4096] = b"x" * len(taken[::4096])
            time.sleep(100)

        @atheris.instrument_func
        def TestOneInput(data):
            signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
            if data[:1] == b"H":
                {eat}
        """
    (tmp_path / "seeds").mkdir()
    (tmp_path / "seeds" / "seed").write_bytes(b"H")
    ran = fuzz_body(tmp_path, body, "seeds", "-rss_limit_mb=250", "-runs=100000")
    assert ran.code == 71, ran.output
    (finding,) = ran.findings
    assert finding.name.startswith("out_of_memory")


@pytest.mark.parametrize("inside", [False, True])
def test_a_process_that_somebody_kills_is_replaced(tmp_path: Path, inside: bool) -> None:
    body = """
        import sys, time
        import atheris

        @atheris.instrument_func
        def TestOneInput(data):
            open("ran", "w").close()
            time.sleep(WAIT)
            if data[:1] == b"a":
                return 1


        def mutator(data, size, seed):
            time.sleep(0.05 - WAIT)
            return bytes([seed % 256])


        atheris.Setup(sys.argv, TestOneInput, custom_mutator=mutator)
        atheris.Fuzz()
        """.replace("WAIT", "0.049" if inside else "0.0")
    write_harness(tmp_path, body, whole=True)
    process = start(tmp_path, "-d", "out", "harness.py", "-runs=60")
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
    deadline = time.monotonic() + 60
    while not (tmp_path / "ran").exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    time.sleep(0.5)
    (child,) = children.read_text().split()
    os.kill(int(child), signal.SIGKILL)
    output, _ = process.communicate(timeout=120)
    assert process.returncode == 0, output
    assert "the process that fuzzes was ended by SIGKILL while" in output
    assert "another one goes on with the corpus" in output


def test_a_target_that_does_not_hear_interrupts_is_ended(tmp_path: Path) -> None:
    write_harness(tmp_path, BODY.format(IGNORE_ALL, "pass").replace("if data", "open('ran', 'w').close()\n            "
                  "time.sleep(1000)\n            if data"))  # fmt: skip
    process = start(tmp_path, "-d", "out", "harness.py")
    deadline = time.monotonic() + 60
    while not (tmp_path / "ran").exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    output, _ = process.communicate(timeout=60)
    assert process.returncode == 72, output
