"""`pykcov run --live`: what is seen of a program while it runs, and that it runs as without."""

import ast
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from screen import on_screen

from pykcov.traces.tracefile import TraceFile

BUSY = str(Path(__file__).with_name("busy.py"))
LIVE = [sys.executable, "-m", "pykcov", "run", "--live", "--source", str(Path(BUSY).parent)]
THREADS = ["MainThread", "[red]worker 0", "[red]worker 1", "[red]worker 2"]


def run_python(folder: Path, words: list[str]) -> "subprocess.CompletedProcess[str]":
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST", "COV"))}
    command = [sys.executable, *words]
    return subprocess.run(
        command, cwd=folder, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=100
    )


def rows(text: str, words: str) -> list[str]:
    return [line for line in text.splitlines() if words in line]


def test_the_view_shows_processes_threads_lines_and_output(tmp_path: Path) -> None:
    with on_screen([*LIVE, BUSY], tmp_path) as screen:
        works = re.compile(r"child \[red\]worker 1 +(running|waiting) +[\d,]* +[\d,]+ +\S*busy.py:\d+ (work|step)")
        text = screen.wait(
            lambda text: all(len(rows(text, name)) >= 2 for name in THREADS) and "ready" in text and works.search(text)
        )
        assert "2 processes, 8 threads" in text
        assert "ready on a terminal" in text
        assert len(rows(text, "child [red]worker 1")) == 1
        assert re.search(r"\d+ of \d+ lines, \d+ new a second", text)
        assert "; 0 dropped" in text
        assert rows(text, "busy.py:19 ") == []  # has not run
        (tmp_path / "end").touch()
        assert screen.end() == 0
    # What the program has printed stands on the terminal behind the view, and the summary behind that.
    behind = screen.printed.rpartition(b"\x1b[?1049l")[2].decode()
    assert re.search(r"ready.* on a terminal\r\ndone\r\n.*pykcov: 8 threads ran", behind, re.DOTALL)
    assert len(TraceFile.load(tmp_path / "pykcov.npz").threads) == 8


def test_keys_pause_write_reset_and_leave(tmp_path: Path) -> None:
    with on_screen([*LIVE, BUSY], tmp_path) as screen:
        screen.wait(lambda text: "8 threads" in text and "busy.py:25" in text)
        screen.type("p")
        totals = rows(screen.wait(lambda text: "paused" in text), " s; ")
        screen.type("w")
        held = screen.wait(lambda text: "wrote pykcov-1.npz" in text)
        assert rows(held, " s; ") == totals
        screen.type("p")
        screen.wait(lambda text: "paused" not in text)
        screen.type("r")
        screen.wait(lambda text: "forgotten" in text and "; 0 of " in text)
        (tmp_path / "pykcov-2.npz").touch()
        screen.type("w")
        screen.wait(lambda text: "wrote pykcov-3.npz" in text)
        screen.type("q")
        (tmp_path / "end").touch()
        assert screen.end() == 0
    functions = {name: functions_of(tmp_path / f"pykcov{name}.npz") for name in ("-1", "-3", "")}
    assert functions["-1"] >= {"<module>", "main", "work", "step"}
    assert functions["-1"].isdisjoint({"late"})
    assert functions["-3"] == set()
    # Each thread tells each place once: what it ran before the reset is not there again.
    assert "late" in functions[""]
    assert "step" not in functions[""]
    assert b"done" in screen.printed


def functions_of(path: Path) -> set[str]:
    trace = TraceFile.load(path)
    return {trace.locations.location(row).function for thread in trace.threads for row in trace.rows(thread)}


def test_what_never_matched_is_shown_as_it_is(tmp_path: Path) -> None:
    with on_screen([*LIVE, "--mode", "cmp-bytes", BUSY], tmp_path) as screen:
        row = re.compile(r"'(worker \d|main)', '\[bold\]never \d+' +== +[\d,]+ ")
        text = screen.wait(row.search)
        assert "places never matched" in text
        screen.type("\x03")
        screen.wait(lambda text: "KeyboardInterrupt" in text)
        (tmp_path / "end").touch()
        assert screen.end() == -signal.SIGINT


def test_lines_are_typed_for_the_program(tmp_path: Path) -> None:
    (tmp_path / "main.py").write_text("import sys\nfirst = input('name? ')\nprint([first, *sys.stdin])\n")
    with on_screen([*LIVE[:-2], "main.py"], tmp_path) as screen:
        screen.wait(lambda text: "│name?" in text)
        screen.type("i")
        screen.wait(lambda text: "a line for the program" in text)
        for line in ("A[b]c", "more"):
            screen.type(f"{line}\r")
            screen.wait(lambda text, line=line: re.search(rf"│(name\? )?{re.escape(line)}", text))
        screen.type("\x04")
        assert screen.end() == 0
    assert b"['A[b]c', 'more\\n']" in screen.printed


def test_behind_the_view_the_program_has_the_terminal(tmp_path: Path) -> None:
    (tmp_path / "main.py").write_text("first = input('one? ')\nprint('got', first, input('two? '))\n")
    with on_screen([*LIVE[:-2], "main.py"], tmp_path) as screen:
        screen.wait(lambda text: "│one?" in text)
        screen.type("q")
        screen.wait(lambda _: screen.printed.endswith(b"one? "))
        screen.type("A\r")
        screen.wait(lambda _: screen.printed.endswith(b"two? "))
        screen.type("B\r")
        assert screen.end() == 0
    assert b"got A B" in screen.printed


@pytest.mark.parametrize(
    ("keys", "program"),
    [
        pytest.param("", "ends", id="in the view, ends"),
        pytest.param("p", "goes on", id="in the paused view, goes on"),
        pytest.param("q", "ends", id="behind the view, ends"),
        pytest.param("q", "goes on", id="behind the view, goes on"),
    ],
)
def test_a_program_notices_as_without_the_view_that_its_terminal_goes_away(
    tmp_path: Path, keys: str, program: str
) -> None:
    trap = "signal.signal(signal.SIGHUP, lambda *_: told.append('SIGHUP'))\n" if program == "goes on" else ""
    (tmp_path / "main.py").write_text(
        "import signal, sys\n"
        "told = []\n"
        f"{trap}"
        "print('begun', flush=True)\n"
        "told.append(sys.stdin.read())\n"
        "try:\n"
        "    print('more', flush=True)\n"
        "except OSError as error:\n"
        "    told.append(error.strerror)\n"
        "with open(sys.argv[1], 'w') as file:\n"
        "    print(told, file=file)\n"
        "sys.stdout = None\n"
    )  # fmt: skip
    ends = {}
    for name, command in {"bare": [sys.executable], "live": LIVE[:-2]}.items():
        with on_screen([*command, "main.py", name], tmp_path) as screen:
            screen.wait(lambda text: "begun" in text)
            if name == "live" and keys:
                screen.type(keys)
                screen.wait(lambda text: "paused" in text if keys == "p" else screen.printed.endswith(b"begun\r\n"))
            ends[name] = screen.hang_up(), [file.read_text() for file in tmp_path.glob(name)]
    assert ends["live"] == ends["bare"]
    assert TraceFile.load(tmp_path / "pykcov.npz").exit_status == ends["bare"][0]


@pytest.mark.slow
def test_a_dozen_terminals_that_go_away_while_the_view_draws_leave_a_dozen_traces(tmp_path: Path) -> None:
    for number in range(12):
        folder = tmp_path / str(number)
        folder.mkdir()
        with on_screen([*LIVE, BUSY], folder) as screen:
            screen.wait(lambda text: "8 threads" in text)
            time.sleep(number * 0.05)
            assert screen.hang_up() == -signal.SIGHUP
        assert len(TraceFile.load(folder / "pykcov.npz").threads) == 8


def test_without_a_terminal_there_are_lines(tmp_path: Path) -> None:
    (tmp_path / "main.py").write_text(
        "import time\n"
        "def wait():\n"
        "    time.sleep(2.5)\n"
        "wait()\n"
        "print('out')\n"
    )  # fmt: skip
    done = run_python(tmp_path, ["-m", "pykcov", "run", "--live", "main.py"])
    assert (done.returncode, done.stdout) == (0, "out\n")
    lines = rows(done.stderr, "MainThread at ")
    assert re.fullmatch(
        r"pykcov: \d+ s; 1 process, 1 thread; 4 of 5 lines, \d+ new a second; \d+ entries, \d+ a second; 0 dropped; "
        r"MainThread at main.py:3 wait",
        lines[0],
    )


@pytest.mark.parametrize("mode", ["unique", "pc", "cmp-bytes", "once"])
def test_threads_that_end_between_two_looks_count(tmp_path: Path, mode: str) -> None:
    """Sampled once, at the end."""
    (tmp_path / "main.py").write_text(
        "import threading\n"
        "def work(n):\n"
        "    if n == 'no':\n"
        "        return\n"
        "    return n\n"
        "for n in range(40):\n"
        "    thread = threading.Thread(target=work, args=(str(n),), name=f'worker {n}')\n"
        "    thread.start()\n"
        "    thread.join()\n"
    )  # fmt: skip
    done = run_python(tmp_path, [str(Path(__file__).with_name("sampled.py")), mode, "main.py"])
    sample = ast.literal_eval(done.stdout)
    if mode == "once":
        assert sample["threads"] == ["all threads"]
    else:
        assert {f"worker {n}" for n in range(40)} <= set(sample["threads"])
    if mode == "cmp-bytes":
        assert sample["unmatched"] == [("main.py:3 work", "==", ("'no'", "'39'"), 40)]
    else:
        assert sample["lines"] == (8, 9)
        assert "main.py:5" in sample["recent"]
