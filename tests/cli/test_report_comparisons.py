"""`pykcov report` of comparisons."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from compared_programs import PROGRAM
from running import Run

from pykcov.reports._comparisons import sites
from pykcov.traces.tracefile import TraceFile

Write = Callable[[str, str], Path]
Load = Callable[[], TraceFile]


@pytest.fixture
def main(write: Write) -> Path:
    return write("main.py", PROGRAM)


def test_report_has_a_row_for_each_place_those_never_matched_first(pykcov: Run, main: Path) -> None:
    assert pykcov("run", "-q", "--mode", "cmp-bytes", "main.py").returncode == 0
    done = pykcov("report")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == (
        "8 comparisons at 5 of 6 places\n"
        "  Place      Function  Op          Times  Matched  Pairs  Most often\n"
        "  main.py:8  count     <               2        0      2  -1, 0\n"
        "  main.py:8  count     >               2        0      2  9.5, 0.0\n"
        "  main.py:3  parse     ==              2        1      2  'GET', 'POST'\n"
        "  main.py:5  parse     startswith      1        1      1  'PO', 'POST'\n"
        "  main.py:5  parse     ==              1        1      1  4, 4\n"
        "\n"
        "  Thread      Comparisons  Places  Dropped\n"
        "  MainThread            4       3        0\n"
        "  counter               4       2        0\n"
    )


def test_report_as_json_has_threads_and_operands(pykcov: Run, main: Path) -> None:
    assert pykcov("run", "-q", "--mode", "cmp-bytes", "main.py").returncode == 0
    done = pykcov("report", "--format", "json")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "Written: comparisons.json\n")
    found = json.loads((main.parent / "comparisons.json").read_text())
    assert (found["mode"], found["command"]) == ("cmp-bytes", "main.py")
    [place] = [place for place in found["places"] if place["line"] == 3]
    assert place.pop("pc") >> 63 == 1
    assert place == {
        "file": str(main),
        "line": 3,
        "column": 7,
        "function": "parse",
        "module": "__main__",
        "threads": ["MainThread"],
        "op": "==",
        "const": True,
        "times": 2,
        "matched": 1,
        "pairs": 2,
        "operands": [["'GET'", "'POST'", 1], ["'GET'", "'GET'", 1]],
    }


@pytest.mark.parametrize(
    ("source", "matched"),
    [
        ("x.startswith('ab')", [1, 0]),
        ("x.removeprefix('ab')", [1, 0]),
        ("x.endswith(('cd', 'x'))", [1, 1]),
        ("x.removesuffix('cd')", [1, 0]),
        ("x.find('bc')", [1, 0]),
        ("x.split('b')", [1, 0]),
        ("x.encode().partition(b'c')", [1, 0]),
        ("x == 'abcd'", [1, 0]),
        ("'abcd' == x", [1, 0]),
        ("x in ('abcd', 'abc')", [1, 0]),
        ("'b' in x", [0, 0]),
        ("x + 'x' * 64 == 'abcd' + 'x' * 70", [0, 0]),
    ],
)
def test_a_method_matches_if_it_finds_others_if_the_operands_are_equal(
    pykcov: Run, write: Write, trace: Load, source: str, matched: list[int]
) -> None:
    found = []
    for operand in ("abcd", "xyyx"):
        write("main.py", f"def f(x):\n    return {source}\nf({operand!r})\n")
        assert pykcov("run", "-q", "--mode", "cmp-bytes", "main.py").returncode == 0
        [site] = sites(trace())
        found.append(site.matched)
    assert found == matched


@pytest.mark.parametrize(
    "words",
    [("--format", "html"), ("--format", "xml"), ("--format", "lcov"), ("--show-missing",), ("--fail-under", "50")],
    ids=" ".join,
)
def test_report_of_lines_is_refused_in_one_line(pykcov: Run, main: Path, words: tuple[str, ...]) -> None:
    assert pykcov("run", "-q", "--mode", "cmp", "main.py").returncode == 0
    done = pykcov("report", *words)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("pykcov: pykcov.npz: holds comparisons, not coverage: only --format text or json")
    assert done.stderr.count("\n") == 1
