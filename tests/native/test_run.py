"""Native code under `pykcov run`, in trace files and reports."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from compiling import compile_shared, needs_symbols

from pykcov.traces.locations import PYTHON_PC
from pykcov.traces.tracefile import TraceFile

EXTENSION = """
#include <Python.h>
#include <signal.h>

static long classify(long value)
{
    if (value == 41)
        return 1;
    if (value > 1000)
        return 2;
    return 3;
}

static PyObject *add(PyObject *module, PyObject *argument)
{
    long value = PyLong_AsLong(argument);
    if (value == -1 && PyErr_Occurred())
        return NULL;
    Py_INCREF(argument);
    Py_DECREF(argument);
    if (value == 666)
        raise(SIGSEGV);
    return PyLong_FromLong(classify(value) + value);
}

static PyMethodDef functions[] = {{"add", add, METH_O, NULL}, {NULL, NULL, 0, NULL}};
static struct PyModuleDef definition = {PyModuleDef_HEAD_INIT, "made", NULL, -1, functions, NULL, NULL, NULL, NULL};
PyMODINIT_FUNC PyInit_made(void) { return PyModule_Create(&definition); }
"""
PROGRAM = """
import sys
import made
def twice(number):
    first = made.add(number)
    second = made.add(first)
    return first, second
print(*twice(int(sys.argv[1])))
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("program")
    compile_shared(folder, EXTENSION, name="made", options=["-O0"])
    (folder / "program.py").write_text(PROGRAM)
    return folder


def run(folder: Path, *words: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "pykcov", *words], capture_output=True, text=True, cwd=folder, timeout=120
    )


def traced(folder: Path, number: int, *options: str, exit_status: int = 0) -> TraceFile:
    done = run(folder, "run", "-q", "--mode", "pc", *options, "program.py", str(number))
    assert done.returncode == exit_status, done.stderr
    return TraceFile.load(folder / "pykcov.npz")


def line_of(text: str) -> int:
    return next(number for number, line in enumerate(EXTENSION.splitlines(), 1) if text in line)


@needs_symbols
def test_python_and_c_alternate_in_the_trace_file(folder: Path) -> None:
    trace = traced(folder, 5)
    names = []
    for row in trace.locations.rows_of(trace.threads[0].pcs):
        location = trace.locations.location(row)
        name = f"{location.module}.{location.function}"
        if location.function in ("twice", "add", "classify") and (not names or names[-1] != name):
            names.append(name)
    assert names == [
        "__main__.twice", "made.add", "made.classify", "made.add",
        "__main__.twice", "made.add", "made.classify", "made.add",
        "__main__.twice",
    ]  # fmt: skip


@needs_symbols
def test_lines_of_c_that_ran_and_could_have_are_known(folder: Path) -> None:
    trace = traced(folder, 5)
    source = str(folder / "made.c")
    ran, known = set(trace.lines()[source]), set(trace.native_lines()[source])
    assert {line_of("value == 41"), line_of("return 3"), line_of("return PyLong_FromLong")} <= ran
    not_run = {line_of("return 1;"), line_of("return 2;"), line_of("return NULL"), line_of("raise(SIGSEGV)")}
    assert not_run <= known - ran
    assert {file for file, lines in trace.native_lines().items() if lines} == {source}, "headers are Python's"


def test_a_pc_is_the_same_build_id_and_offset_in_every_run(folder: Path) -> None:
    places = []
    for _ in range(2):
        trace = traced(folder, 5)
        native = [pc for pc in trace.threads[0].entries.tolist() if pc < PYTHON_PC]
        found = [trace.images.place(pc) for pc in native]
        places.append([(place.image.build_id, place.offset) for place in found if place is not None])
        assert len(places[-1]) == len(native) > 0
    assert places[0] == places[1]
    assert len({build_id for build_id, _ in places[0]}) == 1


@needs_symbols
def test_the_places_are_known_when_a_signal_ended_the_program(folder: Path) -> None:
    trace = traced(folder, 666, exit_status=-11)
    assert line_of("raise(SIGSEGV)") in trace.lines()[str(folder / "made.c")]


@needs_symbols
@pytest.mark.parametrize(
    ("format", "words"),
    [
        ("text", ["made.c", "program.py"]),
        ("lcov", ["made.c", "program.py"]),
        ("xml", ["made.c", "program.py"]),
        ("json", ["made.c", "program.py"]),
    ],
)
def test_every_report_has_python_and_c(folder: Path, format: str, words: list[str]) -> None:
    traced(folder, 5)
    done = run(folder, "report", "--format", format, "-o", "out")
    assert done.returncode == 0, done.stderr
    text = (folder / "out").read_text()
    assert all(word in text for word in words)


@needs_symbols
def test_the_html_page_of_a_c_file_shows_what_ran(folder: Path) -> None:
    traced(folder, 5)
    done = run(folder, "report", "--format", "html", "-o", "pages")
    assert done.returncode == 0, done.stderr
    [page] = (folder / "pages").glob("*made_c.html")
    rows = re.findall(r'<p class="(\w+)[^"]*"><span class="n"><a id="t(\d+)"', page.read_text())
    kinds = {int(line): kind for kind, line in rows}
    assert kinds[line_of("return 3")] == "run"
    assert kinds[line_of("return 2;")] == "mis"
    assert kinds[line_of("#include <Python.h>")] == "pln"


@needs_symbols
def test_show_missing_names_the_lines_of_c(folder: Path) -> None:
    traced(folder, 5)
    done = run(folder, "report", "--show-missing")
    row = next(line for line in done.stdout.splitlines() if line.startswith("made.c"))
    assert str(line_of("return 2;")) in row


@needs_symbols
def test_dump_names_functions_of_c(folder: Path) -> None:
    traced(folder, 5)
    assert f"{folder}/made.c:{line_of('value == 41')}\tmade:classify" in run(folder, "dump").stdout


def test_without_the_packages_of_the_extra_it_says_so_and_traces(folder: Path) -> None:
    command = "import sys; sys.modules['symbolic'] = None; from pykcov.cli import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", command, "run", "program.py", "5"], capture_output=True, text=True, cwd=folder
    )
    assert done.returncode == 0
    assert "pykcov[native]" in run(folder, "dump", "--skipped").stdout
    assert "made.so+0x" in run(folder, "dump").stdout


@needs_symbols
def test_a_preloaded_library_that_owns_the_callbacks_is_named(folder: Path, tmp_path: Path) -> None:
    other = compile_shared(tmp_path, "void __sanitizer_cov_trace_pc(void) {}", name="other", flags=[])
    done = subprocess.run(
        [sys.executable, "-m", "pykcov", "run", "program.py", "5"],
        capture_output=True,
        text=True,
        cwd=folder,
        env={**os.environ, "LD_PRELOAD": str(other)},
    )
    assert done.returncode == 0
    assert f"{other} owns the callbacks" in run(folder, "dump", "--skipped").stdout
    assert "made:classify" in run(folder, "dump").stdout, "built for pykcov: recorded all the same"


@needs_symbols
def test_an_extension_without_debug_information_is_named_and_said(tmp_path: Path) -> None:
    compile_shared(tmp_path, EXTENSION, name="made", options=["-O1", "-g0"])
    (tmp_path / "program.py").write_text(PROGRAM)
    traced(tmp_path, 5)
    assert "\tmade:add+0x" in run(tmp_path, "dump").stdout
    assert "it has no debug information" in run(tmp_path, "dump", "--skipped").stdout
    assert run(tmp_path, "report").returncode == 0
