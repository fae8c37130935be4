"""In a real IPython: what a cell ran and compared is shown, and the cell does what it does without."""

import subprocess
import sys

import pytest

import pykcov

pytest.importorskip("IPython")

# Cells, run by an IPython shell of their own process; prints what is displayed.
SHELL = """
import sys
from IPython.core.interactiveshell import InteractiveShell
from IPython.core.displaypub import CapturingDisplayPublisher
shell = InteractiveShell.instance()
shell.display_pub = CapturingDisplayPublisher()
shell.run_cell("%load_ext pykcov")
for cell in sys.stdin.read().split("\\n====\\n"):
    result = shell.run_cell(cell)
    print("result", repr(result.result), type(result.error_in_exec).__name__)
    for output in shell.display_pub.outputs:
        print(output["data"].get("text/html", ""))
    shell.display_pub.outputs.clear()
"""


def run_cells(*cells: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", SHELL], input="\n====\n".join(cells), capture_output=True, text=True, timeout=100
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def rows(output: str) -> list[tuple[str, str]]:
    """Return the state of each line that is shown, and what stands in it."""
    return [(row.partition('title="')[2].partition('"')[0], row) for row in output.split("<tr ")[1:]]


CELL = """%%trace
def choose(name, n):
    if name == "<b>":
        return 1
    for _ in range(n):
        n += 1
    return n

total = choose("x", 3)
total"""


def test_a_cell_shows_which_lines_ran_and_what_they_compared() -> None:
    output = run_cells(CELL)
    found = rows(output)
    assert [state for state, _ in found] == ["ran", "ran", "did not run", "ran", "ran", "ran", "", "ran", "ran"]
    assert "never equal: &#x27;x&#x27; == &#x27;&lt;b&gt;&#x27;" in found[1][1]
    assert "<b>" not in output
    assert "Out[" in output
    assert output.count("6") > 0


def test_names_stay_and_errors_are_shown_as_without() -> None:
    output = run_cells(CELL, "choose('<b>', 0) + total", "%%trace\na = 1\nraise KeyError(a)\n", "a", "%%trace\n(")
    assert "result 7 NoneType" in output
    assert "KeyError" in output
    assert "result 1 NoneType" in output
    assert "SyntaxError" in output


def test_a_trace_shows_sources_and_a_trace_of_comparisons_a_table() -> None:
    namespace: dict[str, object] = {"__name__": "of_a_notebook"}
    exec(compile("def f(n):\n    return n == 5\n", "<text>", "exec"), namespace)
    function = pykcov.instrument(namespace["f"], granularity="line", compare=True)
    with pykcov.trace("cmp-bytes", include=["of_a_notebook"]) as compared:
        function(3)  # type: ignore[operator]
    assert "<td" in compared._repr_html_()
    assert ">3<" in compared._repr_html_()
    with pykcov.trace(include=["of_a_notebook"]) as ran:
        function(3)  # type: ignore[operator]
    assert "&lt;text&gt;" in ran._repr_html_()
