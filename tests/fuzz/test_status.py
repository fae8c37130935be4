"""The line that `pykcov fuzz` keeps up to date on a terminal."""

import os
import pty
import re
import select
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

from fuzzing import write_harness

from pykcov.fuzz.statistics import Snapshot
from pykcov.fuzz.status import Status

LINE = re.compile(
    r"(?P<executions>[\d,]+) executions · (?P<rate>[\d,]+)/s · (?P<locations>\d+) of (?P<probes>\d+) locations, "
    r"new \d+ s ago · corpus (?P<corpus>\d+) · (?P<findings>\d+) findings · (?P<inside>\d+)% in the target"
)

NOTHING = Snapshot(*[0] * len(Snapshot._fields))


def on_terminal(folder: Path, columns: int, until: Callable[[str], bool]) -> tuple[int, str]:
    """Run `pykcov fuzz` on a terminal; press Ctrl-C when `until` says so. Return the exit code and what was shown."""
    process, terminal = pty.fork()
    if process == 0:
        os.chdir(folder)
        words = [sys.executable, "-m", "pykcov", "fuzz", "-d", "out", "harness.py", "-seed=1"]
        os.execve(sys.executable, words, os.environ | {"COLUMNS": str(columns), "TERM": "xterm"})
    shown, pressed, deadline = b"", False, time.monotonic() + 120
    while time.monotonic() < deadline:
        if select.select([terminal], [], [], 0.1)[0]:
            try:
                shown += os.read(terminal, 65536)
            except OSError:
                break  # nobody has it open any more
        if not pressed and until(shown.decode("utf-8", "replace")):
            os.write(terminal, b"\x03")
            pressed = True
    else:
        os.kill(process, signal.SIGKILL)
    _, status = os.waitpid(process, 0)
    os.close(terminal)
    return os.waitstatus_to_exitcode(status), shown.decode("utf-8", "replace")


def running(shown: str) -> bool:
    return any(line["rate"] != "0" and line["inside"] != "0" for line in LINE.finditer(shown))


def left_on_screen(shown: str) -> list[str]:
    """Return the lines as a terminal shows them in the end: each without what was erased."""
    return [re.sub(r"\x1b\[[?\d]*[a-zA-Z]", "", line.rpartition("\x1b[2K")[2]).strip() for line in shown.split("\n")]


def test_the_line_is_whole_and_gone_after_an_interrupt(tmp_path: Path) -> None:
    write_harness(
        tmp_path,
        """
        @atheris.instrument_func
        def TestOneInput(data):
            if data[:1] == b"a":
                if data[1:2] == b"b" and not seen:
                    seen.append(1)
                    print("seen", file=sys.stderr)


        seen = []
        """,
    )
    code, shown = on_terminal(tmp_path, 200, lambda shown: "seen" in shown and running(shown))
    assert code == 72, shown
    numbers = [match.groupdict() for match in LINE.finditer(shown)]
    last = numbers[-1]
    assert int(last["executions"].replace(",", "")) > 0
    assert int(last["rate"].replace(",", "")) > 0
    assert 0 < int(last["locations"]) <= int(last["probes"])
    assert int(last["corpus"]) > 0
    assert 0 < int(last["inside"]) <= 100
    lines = left_on_screen(shown)
    # What libFuzzer and the target write stands in lines of its own, and so does the summary.
    assert "INFO: Seed: 1" in lines
    assert "seen" in lines
    assert any(re.fullmatch(r"==\d+== libFuzzer: run interrupted; exiting", line) for line in lines)
    assert re.fullmatch(r"pykcov: \d+ executions, 0 findings", lines[-2]), lines[-3:]
    assert lines[-1] == ""
    # The cursor is back.
    assert shown.rindex("\x1b[?25h") > shown.rindex("\x1b[?25l")
    assert [line for line in lines if " cov: " in line] == []


def test_on_a_narrow_terminal_nothing_is_left_out(tmp_path: Path) -> None:
    write_harness(tmp_path, "@atheris.instrument_func\ndef TestOneInput(data):\n    pass\n")
    code, shown = on_terminal(tmp_path, 60, lambda shown: "corpus 1" in shown and "in the target" in shown)
    assert code == 72, shown
    assert re.fullmatch(r"pykcov: \d+ executions, 0 findings", left_on_screen(shown)[-2]), shown[-500:]


def test_findings_and_dropped_comparisons_are_in_the_line() -> None:
    numbers = NOTHING._replace(executions=12345, inside=30, spent=40, probes=9, dropped=7)
    status = Status(lambda: numbers, lambda: 2)
    status.take(b"#2\tINITED cov: 3 ft: 3 corp: 1/1b exec/s: 0 rss: 46Mb\n")
    line = status.line()
    assert line.startswith("12,345 executions · ")
    assert "3 of 9 locations" in line
    assert "corpus 1 · 2 findings · 75% in the target · 7 comparisons dropped" in line


def test_progress_of_fork_is_taken_and_without_any_no_zero_is_shown() -> None:
    status = Status(lambda: NOTHING, lambda: 0)
    assert "locations" not in status.line()
    status.take(b"#442338: cov: 40 ft: 41 corp: 22 exec/s 112698 oom/timeout/crash: 0/0/0 time: 9s job: 2\n")
    assert "40 of 0 locations" in status.line()
    assert "corpus 22" in status.line()
