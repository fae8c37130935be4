"""Options of Python, its variables and the folders of a program are for the program; pykcov does not notice."""

import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from running import Run

from pykcov.program.options import interpreter_options, without
from pykcov.traces.tracefile import TraceFile

Write = Callable[[str, str], Path]
Load = Callable[[], TraceFile]

TELLING = """\
import sys, warnings
print(sys.flags, sys.warnoptions, sys._xoptions, [one[:3] for one in warnings.filters])
"""

OPTIONS = {
    "errors of warnings": (["-W", "error"], {}),
    "errors of encodings": (["-X", "warn_default_encoding", "-W", "error"], {}),
    "errors of encodings by variables": ([], {"PYTHONWARNDEFAULTENCODING": "1", "PYTHONWARNINGS": "error"}),
    "development mode": (["-X", "dev", "-Werror"], {}),
    "development mode by a variable": ([], {"PYTHONDEVMODE": "1", "PYTHONWARNINGS": "error"}),
    "bytes that are compared with str": (["-bb", "-W", "error"], {}),
    "no docstrings": (["-OO"], {}),
    "no assertions": ([], {"PYTHONOPTIMIZE": "1"}),
    "traced memory": (["-X", "tracemalloc=5", "-W", "error"], {}),
    "all at once": (["-bbOO", "-Xdev", "-Xwarn_default_encoding", "-Xutf8=0", "-Werror"], {"LC_ALL": "C"}),
    "the first line skipped": (["-x"], {}),
    "the first line skipped, and more": (["-bxW", "error", "-X", "dev"], {}),
    "encodings of streams": ([], {"PYTHONIOENCODING": "latin-1", "PYTHONUTF8": "0"}),
    "short numbers": ([], {"PYTHONINTMAXSTRDIGITS": "640"}),
    "no columns": (["-X", "no_debug_ranges"], {}),
}


@pytest.mark.parametrize(("options", "variables"), OPTIONS.values(), ids=OPTIONS)
def test_options_and_variables_reach_the_program_alone(
    bare: Run, write: Write, trace: Load, options: list[str], variables: dict[str, str]
) -> None:
    script = write("main.py", "# the first line\n" + TELLING)
    expected = bare(*options, "main.py", env=variables)
    got = bare(*options, "-m", "pykcov", "run", "main.py", env=variables)
    assert (got.returncode, got.stdout) == (expected.returncode, expected.stdout), got.stderr
    assert "Traceback" not in got.stderr
    assert "Warning" not in got.stderr
    assert trace().lines() == {str(script): [2, 3]}
    for words in (("report",), ("report", "--format", "html"), ("dump", "--limit", "1")):
        shown = bare(*options, "-m", "pykcov", *words, env=variables)
        assert shown.returncode == 0, shown.stderr
        assert "Warning" not in shown.stderr


def test_the_first_line_is_skipped_as_python_does(bare: Run, write: Write, trace: Load) -> None:
    script = write("main.py", "this is no Python\nimport sys\nprint(sys.argv, sys.orig_argv[1:])\n1/0\n")
    expected = bare("-x", "main.py", "a")
    got = bare("-x", "-m", "pykcov", "run", "-q", "main.py", "a")
    assert (got.returncode, got.stdout, got.stderr) == (expected.returncode, expected.stdout, expected.stderr)
    assert trace().lines() == {str(script): [2, 3, 4]}
    for content in ("no line at all", "\n", "", "x\ndef (\n"):
        write("other.py", content)
        expected, got = bare("-x", "other.py"), bare("-x", "-m", "pykcov", "run", "-q", "other.py")
        assert got.returncode in (expected.returncode, 3)
        assert got.stderr.startswith(expected.stderr)


def test_the_first_line_of_what_is_no_script_is_not_skipped(bare: Run, write: Write) -> None:
    write("main.py", TELLING)
    write("app/__main__.py", TELLING)
    for words in (("-m", "main"), ("app",), ("-c", TELLING)):
        expected, got = bare("-x", *words), bare("-x", "-m", "pykcov", "run", "-q", *words)
        assert (got.returncode, got.stdout, got.stderr) == (expected.returncode, expected.stdout, expected.stderr)
        assert got.stdout


def test_modules_of_the_program_do_not_take_the_place_of_those_that_pykcov_needs(
    bare: Run, write: Write, tmp_path: Path, trace: Load
) -> None:
    """Neither in the current folder, which `python -m` puts first, nor in those of PYTHONPATH."""
    for name in ("click", "coverage", "numpy", "rich", "selectors", "socket", "zipfile", "typing", "array", "marshal"):
        write(f"lib/{name}.py", f"print('{name} of the program')\n")
        write(f"{name}.py", f"print('{name} of the program')\n")
    write("main.py", "import click\nprint(__name__)\n")
    for variables in ({}, {"PYTHONPATH": str(tmp_path / "lib")}):
        got = bare("-m", "pykcov", "run", "main.py", env=variables)
        assert (got.returncode, got.stdout) == (0, "click of the program\n__main__\n"), got.stderr
        assert trace().threads
        assert bare("-m", "pykcov", "report", env=variables).returncode == 0


COMMAND_LINES = {
    "python": [],
    "python main.py -x": [],
    "python -x main.py": ["-x"],
    "python -bxO -m main": ["-bxO"],
    "python -bxW error main.py": ["-bxW", "error"],
    "python -Wxyz -Xx main.py": ["-Wxyz", "-Xx"],
    "python -X x -W x main.py": ["-X", "x", "-W", "x"],
    "python --check-hash-based-pycs always -x main.py": ["--check-hash-based-pycs", "always", "-x"],
    "python -bxmain": ["-bx"],
    "python -xc code": ["-x"],
    "python - -x": [],
}


@pytest.mark.parametrize(("line", "options"), COMMAND_LINES.items())
def test_options_of_python_are_told_from_the_rest(line: str, options: list[str]) -> None:
    assert interpreter_options(line.replace("-bxmain", "-bxm main").split()) == options


def test_a_flag_is_taken_out_and_no_value() -> None:
    assert without("x", ["-x"]) == []
    assert without("x", ["-bxW", "x", "-xO", "-Wx", "-X", "x"]) == ["-bW", "x", "-O", "-Wx", "-X", "x"]
    assert without("xi", ["-xi", "--check-hash-based-pycs", "-x", "-ib"]) == ["--check-hash-based-pycs", "-x", "-b"]


HARNESS = """\
This line is skipped with -x.
import sys
import atheris
with atheris.instrument_imports():
    import target
print(sys.flags, sys.warnoptions)
def run(data):
    target.parse(data)
atheris.Setup(sys.argv, run)
atheris.Fuzz()
"""


@pytest.mark.skipif(sys.version_info >= (3, 15), reason="there is no wheel of atheris")
def test_options_reach_the_harness_that_is_fuzzed(bare: Run, write: Write, tmp_path: Path) -> None:
    write("target.py", "def parse(data):\n    if data[:1] == b'k':\n        raise KeyError(1)\n")
    harness = write("fuzz_it.py", HARNESS)
    (tmp_path / "seeds").mkdir()
    (tmp_path / "seeds" / "k").write_bytes(b"k")
    options = ["-x", "-i", "-X", "dev", "-X", "warn_default_encoding", "-W", "error", "-OO"]
    done = bare(*options, "-m", "pykcov", "fuzz", "--minimize", "1", str(harness), "seeds", "-runs=10")
    assert done.returncode == 77, done.stderr
    told = bare(
        *[each for each in options if each not in ("-x", "-i")], "-c", "import sys; print(sys.flags, sys.warnoptions)"
    )
    assert told.stdout in done.stdout
    assert "Warning" not in done.stderr
    assert "1 finding\n" in done.stderr
    (reproduce,) = tmp_path.glob("**/reproduce.py")
    again = bare("-x", str(reproduce))
    assert (again.returncode, "KeyError: 1" in again.stderr) == (1, True), again.stderr
    forked = bare(*options, "-m", "pykcov", "fuzz", "--minimize", "0", str(harness), "seeds", "-runs=10", "-fork=1")
    assert "1 finding\n" in forked.stderr, forked.stderr
    unskipped = bare("-m", "pykcov", "fuzz", str(harness), "seeds", "-runs=1")
    assert "This line is skipped" in unskipped.stderr
    measured = bare(*options, "-m", "pykcov", "corpus", "coverage", str(harness), "seeds")
    assert measured.returncode == 0, measured.stderr
    assert measured.stdout.endswith("1 input reaches 2 locations\n"), measured.stdout


def test_no_environment_is_added_to_that_of_the_program(bare: Run, write: Write) -> None:
    write("main.py", "import os\nprint(sorted(os.environ.items()))\n")
    assert bare("-m", "pykcov", "run", "-q", "main.py").stdout == bare("main.py").stdout
    assert "pykcov" not in {name.lower() for name in os.environ}
