"""However a harness ends or misbehaves, `pykcov fuzz` says what happened, and keeps the input."""

import os
import signal
import subprocess
import time
from pathlib import Path

import pytest
from fuzzing import fuzz, fuzz_body, start, write_harness

from pykcov.cli import exit_code_of
from pykcov.fuzz.settings import Settings
from pykcov.fuzz.supervisor import Supervisor

ENDING = """
@atheris.instrument_func
def TestOneInput(data):
    if data[:3] == b"END":
        {}
"""


@pytest.mark.parametrize(
    ("ending", "kind"),
    [
        ("import os; os._exit(3)", "exit"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", "SIGKILL"),
        ("import ctypes; ctypes.string_at(0)", "SIGSEGV"),
        ("import os; os.abort()", "SIGABRT"),
        ("sys.exit(5)", "SystemExit"),
    ],
)
def test_an_ending_is_a_finding_with_its_input(tmp_path: Path, ending: str, kind: str) -> None:
    ran = fuzz_body(tmp_path, ENDING.format(ending))
    assert ran.code == 77, ran.output
    (finding,) = ran.findings
    assert finding.name.startswith(kind)
    assert (finding / "input").read_bytes().startswith(b"END")


def test_an_input_that_takes_too_long_is_found_with_the_stack(tmp_path: Path) -> None:
    ran = fuzz_body(tmp_path, ENDING.format("import time; time.sleep(100)"), "-timeout=1", "-runs=300000")
    assert ran.code == 70, ran.output
    (finding,) = ran.findings
    assert finding.name.startswith("timeout")
    assert "in TestOneInput" in (finding / "report.txt").read_text()


@pytest.mark.parametrize(
    ("ending", "kind", "code"),
    [("import ctypes; ctypes.string_at(0)", "SIGSEGV", 77), ("import time; time.sleep(100)", "timeout", 70)],
)
def test_a_finding_is_kept_also_if_libfuzzer_puts_its_file_elsewhere(
    tmp_path: Path, ending: str, kind: str, code: int
) -> None:
    (tmp_path / "artifacts").mkdir()
    ran = fuzz_body(tmp_path, ENDING.format(ending), "-artifact_prefix=artifacts/", "-timeout=1", "-runs=300000")
    assert ran.code == code, ran.output
    (finding,) = ran.findings
    assert finding.name.startswith(kind)
    (artifact,) = (tmp_path / "artifacts").iterdir()
    assert artifact.read_bytes() == (finding / "input").read_bytes()


def _fuzzing(folder: Path) -> "subprocess.Popen[str]":
    """Start a campaign that finds nothing, and wait until its corpus has an input."""
    write_harness(folder, ENDING.format("pass").replace('b"END"', "b'E'"))
    process = start(folder, "-d", "out", "harness.py", "-seed=1")
    deadline = time.monotonic() + 60
    while not list((folder / "out").glob("corpus/*")) and time.monotonic() < deadline:
        time.sleep(0.05)
    return process


def test_an_interrupt_leaves_a_whole_corpus_and_a_report(tmp_path: Path) -> None:
    process = _fuzzing(tmp_path)
    time.sleep(0.3)
    process.send_signal(signal.SIGINT)
    time.sleep(0.2)
    # A terminal sends it to the child, too.
    for child in _children(process.pid):
        os.kill(child, signal.SIGINT)
    output, _ = process.communicate(timeout=60)
    assert process.returncode == 72, output
    assert "executions" in output.splitlines()[-1]
    assert "Traceback" not in output
    for path in (tmp_path / "out" / "corpus").iterdir():
        assert path.stat().st_size > 0


def test_a_crash_that_never_ends_is_found(tmp_path: Path) -> None:
    body = """
import ctypes

libc = ctypes.CDLL(None)
libc.signal(11, ctypes.cast(libc.pause, ctypes.c_void_p))  # libFuzzer leaves what is there


@atheris.instrument_func
def TestOneInput(data):
    if data[:2] == b"EN":
        ctypes.string_at(0)
"""
    ran = fuzz_body(tmp_path, body, options=("--minimize=0",))
    assert ran.code == 77, ran.output
    (finding,) = ran.findings
    assert finding.name.startswith("SIGSEGV")
    assert (finding / "input").read_bytes()[:2] == b"EN"


def test_what_fuzzes_ends_with_the_process_that_watches_it(tmp_path: Path) -> None:
    with _fuzzing(tmp_path) as process:
        (child,) = _children(process.pid)
        process.kill()
    deadline = time.monotonic() + 60
    while _is_running(child) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not _is_running(child)


def _is_running(pid: int) -> bool:
    """Whether there is a process of this id that has not ended; one that nobody waits for stays as a zombie."""
    try:
        return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return False


def _children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


@pytest.mark.parametrize(
    ("source", "code", "words"),
    [
        ("import sys\n", 2, "called neither Setup() nor Fuzz()"),
        ("import atheris, sys\natheris.Setup(sys.argv, print)\n", 2, "called Setup(), but not Fuzz()"),
        ("import atheris\natheris.Fuzz()\n", 2, "Setup() must be called before Fuzz()"),
        ("raise LookupError('early')\n", 1, "LookupError: early"),
        ("def broken(:\n", 1, "SyntaxError"),
        ("import sys\nsys.exit(9)\n", 9, ""),
        ("import atheris, sys\natheris.Setup(sys.argv, 3)\n", 1, "Setup() takes a function of bytes"),
    ],
)
def test_a_harness_that_does_not_fuzz_is_told_why(tmp_path: Path, source: str, code: int, words: str) -> None:
    write_harness(tmp_path, source, whole=True)
    ran = fuzz(tmp_path, "harness.py")
    assert (ran.code, words in ran.output) == (code, True), ran.output
    assert "/pykcov/fuzz/" not in ran.output


def test_a_harness_that_is_not_there(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert exit_code_of(["fuzz", str(tmp_path / "missing.py")]) == 2
    assert "no such harness" in capsys.readouterr().err


@pytest.mark.parametrize(
    "odd",
    [
        "import os; os.fork()",
        "sys.setrecursionlimit(150)",
        "import os; os.close(1); os.close(2)",
        "import signal; signal.signal(signal.SIGINT, lambda *_: None); signal.signal(signal.SIGALRM, signal.SIG_DFL)",
        "import threading, time; threading.Thread(target=time.sleep, args=(0.01,), daemon=True).start()",
        "sys.meta_path.insert(0, type('F', (), {'find_spec': staticmethod(lambda *_: None)}))",
        "import os; [os.close(number) for number in (0, 1, 2)]; sys.stdout = sys.stderr = None",
        "import atexit, os; atexit.register(os.listdir, 'nowhere')",
        "import subprocess; subprocess.run(['true'])",
        "import os, threading; threading.Thread(target=os.fork, daemon=True).start()",
        "import os; os.chdir('/')",
        "import builtins; builtins.__import__ = lambda *words, old=builtins.__import__: old(*words)",
    ],
)
def test_odd_harnesses_go_on_to_the_bug(tmp_path: Path, odd: str) -> None:
    body = f"""
@atheris.instrument_func
def TestOneInput(data):
    if data[:1] == b"O" and not done:
        done.append(1)
        {odd}
    if data[:3] == b"END":
        raise KeyError


done = []
"""
    ran = fuzz_body(tmp_path, body)
    assert ran.code == 77, ran.output
    assert [finding.name.partition("-")[0] for finding in ran.findings] == ["KeyError"]


def test_a_crash_whose_file_was_not_written_to_its_end_has_the_whole_input(tmp_path: Path) -> None:
    settings = Settings("harness.py", findings=str(tmp_path / "findings"))
    with Supervisor(settings, minimize_seconds=0) as supervisor:
        (tmp_path / "findings").mkdir()
        Path(supervisor._scratch, "crash-1f2e").write_bytes(b"the in")
        assert supervisor._take_artifacts("Fatal Python error: Segmentation fault\n", b"the input")
    (finding,) = (tmp_path / "findings").iterdir()
    assert finding.name.startswith("SIGSEGV")
    assert (finding / "input").read_bytes() == b"the input"


def test_a_folder_for_temporary_files_that_is_not_there_is_done_without(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path / "missing"))
    with Supervisor(Settings("harness.py", findings=str(tmp_path)), minimize_seconds=0) as supervisor:
        assert Path(supervisor._scratch).is_dir()
        Path(supervisor._scratch).rmdir()  # as who clears up /tmp would
