"""A harness that Python itself started, or a packaged target, says at its end where it was, as libFuzzer's do."""

import os
import re
import subprocess
import sys
from pathlib import Path

HARNESS = """
import ctypes, sys, time
import pykcov.atheris as atheris

@atheris.instrument_func
def TestOneInput(data):
    if data == b"crash":
        ctypes.string_at(0)
    if data == b"hang":
        while True:
            time.sleep(0.01)
    if data == b"raise":
        raise KeyError("why")

atheris.Setup(sys.argv, TestOneInput)
atheris.Fuzz()
"""


def last_words(folder: Path, data: str, *flags: str) -> subprocess.CompletedProcess[str]:
    (folder / "harness.py").write_text(HARNESS)
    (folder / "input").write_text(data)
    environment = {name: value for name, value in os.environ.items() if not name.endswith("SAN_OPTIONS")}
    return subprocess.run(
        [sys.executable, "harness.py", "input", *flags],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_crash_shows_the_python_stack_as_sanitizers_show_theirs(tmp_path: Path) -> None:
    done = last_words(tmp_path, "crash")
    assert done.returncode == 77
    frames = re.findall(
        r"^    #(\d+) 0x0+ in (\S+) (\S+):(\d+)$", done.stderr.partition("deadly signal")[2], re.MULTILINE
    )
    assert [number for number, *_ in frames] == [str(number) for number in range(len(frames))]
    assert frames[-1][1] == "TestOneInput", "behind it is pykcov, which called it"
    assert frames[-1][3] == "8"
    # ClusterFuzz takes what it finds this in for an exception of Python.
    assert '.py", line' not in done.stderr


def test_a_timeout_shows_where_it_was(tmp_path: Path) -> None:
    done = last_words(tmp_path, "hang", "-timeout=1")
    assert done.returncode == 70
    assert re.search(r"ERROR: libFuzzer: timeout after \d+ seconds\n    #0 0x0+ in TestOneInput ", done.stderr)
    assert '.py", line' not in done.stderr


def test_an_exception_comes_between_the_words_that_clusterfuzz_looks_for(tmp_path: Path) -> None:
    done = last_words(tmp_path, "raise")
    assert done.returncode == 77
    report = done.stderr.partition("\n === Uncaught Python exception: ===\n")[2].partition(
        "== ERROR: libFuzzer: fuzz target"
    )[0]
    assert re.findall(r'File ".*harness.py", line (\d+), in (\w+)', report) == [("13", "TestOneInput")]
    assert "KeyError: 'why'" in report
