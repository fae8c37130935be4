"""`pykcov run --conditions` and its reports: which operand was true, which false, which decided, and who saw it."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from running import Run

Write = Callable[[str, str], Path]

PROGRAM = """\
import threading

def f(a, b, c):
    if a and (b or not c):
        return 1
    return [i for i in (1, 2) if i and a]

f(1, 0, 0)
thread = threading.Thread(target=f, args=(0, 1, 5), name="other")
thread.start()
thread.join()
"""


@pytest.fixture
def traced(pykcov: Run, write: Write) -> Path:
    main = write("main.py", PROGRAM)
    done = pykcov("run", "-q", "--conditions", "main.py")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    return main


def test_the_text_report_names_what_was_never_seen(pykcov: Run, traced: Path) -> None:
    done = pykcov("report", "--conditions")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.split("\n\n")[1:] == [
        "main.py:4: a and (b or not c)\n"
        "    b: never true\n"
        "    c: never true\n"
        "main.py:6: i and a\n"
        "    i: never false\n"
        "    a: never true",
        "  File     Conditions  Outcomes  Missing\n"
        "  main.py           5        10        4\n"
        "6 of 10 outcomes were seen (60%).",
        done.stdout.split("\n\n")[3],
    ]
    assert "other" in done.stdout.split("\n\n")[3]


def test_mcdc_also_names_what_never_decided(pykcov: Run, traced: Path) -> None:
    done = pykcov("report", "--mcdc")
    assert "    b: never true, false never decided\n" in done.stdout


def test_json_tells_who_saw_what(pykcov: Run, traced: Path) -> None:
    done = pykcov("report", "--conditions", "--format", "json", "-o", "-")
    found: list[dict[str, Any]] = json.loads(done.stdout)["files"]["main.py"]["conditions"]
    assert [one["source"] for one in found] == ["a and (b or not c)", "i and a"]
    place = {"line": 4, "column": 7, "end_line": 4, "end_column": 8, "source": "a"}
    who = {"true": ["MainThread"], "false": ["other"], "decided_true": ["MainThread"], "decided_false": ["other"]}
    assert found[0]["conditions"][0] == place | who


def test_html_shows_conditions_beside_their_line(pykcov: Run, traced: Path) -> None:
    done = pykcov("report", "--conditions", "--format", "html", "-o", "pages")
    assert done.returncode == 0, done.stderr
    lines = Path(traced.parent, "pages", "main_py.html").read_text().splitlines()
    (line,) = [line for line in lines if 'id="t4"' in line]
    assert ">a \N{CHECK MARK}, b: never true, c: never true</span>" in line
    assert "a: true in MainThread; false in other;" in line


@pytest.mark.parametrize("format", ["text", "json", "html", "xml", "lcov", "data"])
def test_a_trace_without_conditions_is_refused(pykcov: Run, write: Write, format: str) -> None:
    write("main.py", PROGRAM)
    assert pykcov("run", "-q", "--branch", "main.py").returncode == 0
    done = pykcov("report", "--conditions", "--format", format)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("pykcov: pykcov.npz: holds no conditions: `pykcov run --conditions` and ")


@pytest.mark.parametrize("format", ["xml", "lcov", "data"])
def test_formats_without_a_place_for_conditions_are_refused(pykcov: Run, traced: Path, format: str) -> None:
    done = pykcov("report", "--mcdc", "--format", format)
    assert (done.returncode, done.stdout) == (2, "")
    assert "has no place for conditions" in done.stderr


@pytest.mark.parametrize("options", [["--mode", "cmp"], ["--granularity", "line"], ["--granularity", "arc"]])
def test_conditions_need_their_own_granularity(pykcov: Run, write: Write, options: list[str]) -> None:
    write("main.py", PROGRAM)
    done = pykcov("run", "--conditions", *options, "main.py")
    assert done.returncode == 2
    assert done.stderr == f"pykcov: --conditions and {' '.join(options)} exclude each other\n"


def test_a_source_that_has_changed_is_named(pykcov: Run, traced: Path) -> None:
    traced.write_text(PROGRAM.replace("a and (b or not c)", "(a and (b or not c))"))
    done = pykcov("report", "--conditions")
    assert done.returncode == 0
    assert "main.py: has changed since the trace was made" in done.stderr
    assert "main.py: its source is not the one that ran: its conditions are left out\n" in done.stderr
    assert "No file has a condition." in done.stdout


def test_what_coverage_excludes_is_left_out(pykcov: Run, write: Write) -> None:
    write(
        "main.py",
        "def f(a, b):\n    if a and b: return 1\n    if a or b: return 2  # pragma: no cover\n"
        "def g(a, b):  # pragma: no cover\n    return 1 if a and b else 2\nf(0, 0)\n",
    )
    assert pykcov("run", "-q", "--conditions", "main.py").returncode == 0
    found = json.loads(pykcov("report", "--conditions", "--format", "json", "-o", "-").stdout)
    assert [one["line"] for one in found["files"]["main.py"]["conditions"]] == [2]
