"""All that Python takes as a program: scripts, compiled scripts, folders, zip files, modules, packages."""

import py_compile
import zipapp
from collections.abc import Callable
from pathlib import Path

import pytest
from running import Run, assert_same

from pykcov.traces.tracefile import TraceFile

Write = Callable[[str, str], Path]
Load = Callable[[], TraceFile]

# Says all that a main module knows of how it was started, then fails.
TELLING = """\
import sys
print(__name__, __file__, __package__, __spec__, sorted(globals()), sys.argv, sys.path)
print(type(__loader__).__name__, sys.modules["__main__"].__dict__ is globals(), "runpy" in sys.modules)
def fail():
    raise LookupError("to see the traceback")
fail()
"""


def test_a_script_in_another_folder(bare: Run, pykcov: Run, write: Write) -> None:
    write("sub/main.py", TELLING)
    assert_same(bare, pykcov, "sub/main.py", "1")
    assert_same(bare, pykcov, "./sub/../sub/main.py", "1")


def test_a_script_by_a_link(bare: Run, pykcov: Run, write: Write, tmp_path: Path) -> None:
    write("sub/main.py", TELLING)
    (tmp_path / "link.py").symlink_to("sub/main.py")
    assert_same(bare, pykcov, "link.py")


def test_a_script_whose_name_has_no_ending(bare: Run, pykcov: Run, write: Write) -> None:
    write("tool", TELLING)
    assert_same(bare, pykcov, "tool")


def test_a_script_in_another_encoding(bare: Run, pykcov: Run, tmp_path: Path) -> None:
    (tmp_path / "main.py").write_bytes(b"# coding: latin-1\nprint(ascii('\xe9'))\n")
    assert_same(bare, pykcov, "main.py")
    (tmp_path / "main.py").write_bytes(b"print('\xe9')\n")
    assert_same(bare, pykcov, "main.py")
    (tmp_path / "main.py").write_bytes(b"\xef\xbb\xbfprint(1)\r\nprint(2)\r")
    assert_same(bare, pykcov, "main.py")
    (tmp_path / "main.py").write_bytes(b"print(1)\0\n")
    assert_same(bare, pykcov, "main.py")


def test_a_compiled_script(bare: Run, pykcov: Run, write: Write, tmp_path: Path, trace: Load) -> None:
    source = write("main.py", TELLING)
    py_compile.compile(str(source), str(tmp_path / "compiled.pyc"))
    assert_same(bare, pykcov, "compiled.pyc", "1")
    assert trace().lines() == {str(source): [1, 2, 3, 4, 5, 6]}
    (tmp_path / "compiled.pyc").rename(tmp_path / "no_ending")
    assert_same(bare, pykcov, "no_ending")


def test_a_script_compiled_by_another_python(bare: Run, pykcov: Run, tmp_path: Path) -> None:
    (tmp_path / "main.pyc").write_bytes(b"\0\0\r\n" + bytes(12))
    assert_same(bare, pykcov, "main.pyc")


def test_a_compiled_script_that_is_damaged(bare: Run, pykcov: Run, write: Write, tmp_path: Path) -> None:
    compiled = tmp_path / "main.pyc"
    py_compile.compile(str(write("main.py", TELLING)), str(compiled))
    compiled.write_bytes(compiled.read_bytes()[:40])
    assert_same(bare, pykcov, "main.pyc")


def test_a_folder(bare: Run, pykcov: Run, write: Write, trace: Load, tmp_path: Path) -> None:
    write("app/__main__.py", "import helper\n" + TELLING)
    write("app/helper.py", "pass\n")
    assert_same(bare, pykcov, "app", "1")
    assert set(trace().lines()) == {str(tmp_path / "app/__main__.py"), str(tmp_path / "app/helper.py")}
    assert_same(bare, pykcov, "app/", "1")


def test_a_folder_without_a_main_module(bare: Run, pykcov: Run, write: Write) -> None:
    write("app/helper.py", "pass\n")
    assert_same(bare, pykcov, "app")


def test_a_zip_file(bare: Run, pykcov: Run, write: Write, tmp_path: Path, trace: Load) -> None:
    write("app/__main__.py", "import helper\n" + TELLING)
    write("app/helper.py", "x = 1\n")
    zipapp.create_archive(tmp_path / "app", tmp_path / "app.pyz")
    assert_same(bare, pykcov, "app.pyz", "1")
    assert trace().lines()[str(tmp_path / "app.pyz/helper.py")] == [1]


def test_a_module(bare: Run, pykcov: Run, write: Write, trace: Load, tmp_path: Path) -> None:
    write("main.py", TELLING)
    assert_same(bare, pykcov, "-m", "main", "-m", "x")
    assert trace().lines()[str(tmp_path / "main.py")] == [1, 2, 3, 4, 5, 6]


def test_a_package(bare: Run, pykcov: Run, write: Write, trace: Load, tmp_path: Path) -> None:
    write("app/__init__.py", "print('init', __name__)\n")
    write("app/__main__.py", "from . import helper\n" + TELLING)
    write("app/helper.py", "pass\n")
    assert_same(bare, pykcov, "-m", "app")
    assert {Path(file).name for file in trace().lines()} == {"__init__.py", "__main__.py", "helper.py"}


def test_a_module_of_a_package(bare: Run, pykcov: Run, write: Write) -> None:
    write("app/__init__.py", "")
    write("app/tool.py", TELLING)
    assert_same(bare, pykcov, "-m", "app.tool", "1")


@pytest.mark.parametrize("name", ["nosuch", "nosuch.tool", "app.nosuch", "app", ".x", "app.bad", "broken", "sys"])
def test_a_module_that_cannot_be_run(bare: Run, pykcov: Run, write: Write, name: str) -> None:
    write("app/__init__.py", "")
    write("app/bad.py", "def (")
    write("broken/__init__.py", "import nosuch\n")
    write("broken/__main__.py", "")
    assert_same(bare, pykcov, "-m", name)


def test_a_package_somewhere_else_is_the_programs_own(pykcov: Run, write: Write, trace: Load, tmp_path: Path) -> None:
    write("lib/app/__init__.py", "")
    write("lib/app/__main__.py", "from app import helper\n")
    write("lib/app/helper.py", "x = 1\n")
    (tmp_path / "elsewhere").mkdir()
    words = ("run", "-o", "../pykcov.npz", "-m", "app")
    done = pykcov(*words, cwd=tmp_path / "elsewhere", env={"PYTHONPATH": str(tmp_path / "lib")})
    assert done.returncode == 0, done.stderr
    assert {Path(file).name for file in trace().lines()} == {"__init__.py", "__main__.py", "helper.py"}


def test_options_of_python_reach_the_program(bare: Run, tmp_path: Path, write: Write) -> None:
    write("main.py", "import sys\nprint(sys.flags, sys.warnoptions, sys._xoptions, sys.path)\nassert False\n")
    options = ["-O", "-X", "dev", "-W", "ignore::UserWarning", "-P", "-bb", "-Xutf8", "-Werror::ImportWarning"]
    expected = bare(*options, "main.py", env={"PYTHONWARNINGS": "ignore::ResourceWarning"})
    got = bare(*options, "-m", "pykcov", "run", "-q", "main.py", env={"PYTHONWARNINGS": "ignore::ResourceWarning"})
    assert (got.returncode, got.stdout, got.stderr) == (expected.returncode, expected.stdout, expected.stderr)
    assert got.returncode == 0


def test_isolated_python_finds_pykcov_where_it_is(bare: Run, write: Write) -> None:
    write("main.py", "import sys\nprint(sys.flags, sys.path)\n")
    expected = bare("-I", "main.py")
    got = bare("-I", "-m", "pykcov", "run", "-q", "main.py")
    assert (got.returncode, got.stdout, got.stderr) == (expected.returncode, expected.stdout, expected.stderr)


def test_code_on_the_command_line(bare: Run, pykcov: Run, trace: Load) -> None:
    code = (
        "import sys\nprint(sys.argv, sys.path, sorted(globals()), __name__, __loader__)\nprint(sys.stdin.read())\n1/0"
    )
    assert_same(bare, pykcov, "-c", code, "-c", "--x", "-", input="input")
    assert trace().lines() == {"<string>": [1, 2, 3, 4]}
    assert trace().command.startswith("-c 'import sys")


@pytest.mark.parametrize(
    "words",
    [
        ("-c", ""),
        ("-c", "print(1)"),
        ("-cprint(2)", "x"),
        ("-c", "# coding: latin-1\nprint('\u20ac')"),
        ("-c", "def f():\n    raise KeyError\nf()"),
        ("-c", "def ("),
        ("-c", "  print(3)"),
        ("-c", "-1"),
        ("-c", "import sys; sys.exit(7)"),
        ("-c", "import sys; print(sys.orig_argv[1:])", "a"),
        ("-c", "from __future__ import annotations\nprint(1)"),
        ("-mmain", "x"),
    ],
    ids=repr,
)
def test_code_of_all_kinds_on_the_command_line(bare: Run, pykcov: Run, write: Write, words: tuple[str, ...]) -> None:
    write("main.py", TELLING)
    assert_same(bare, pykcov, *words)


def test_options_of_pykcov_before_code(pykcov: Run, trace: Load) -> None:
    done = pykcov("run", "-qo", "pykcov.npz", "--mode", "pc", "-c", "import sys; print(sys.argv)", "--mode", "-o")
    assert (done.returncode, done.stdout) == (0, "['-c', '--mode', '-o']\n"), done.stderr
    assert trace().mode == "pc"


@pytest.mark.parametrize(
    "code",
    [
        "",
        "import sys\nprint(sys.argv, sys.path, sorted(globals()), sys.stdin.read())\n1/0\n",
        "def f():\n    raise KeyError\nf()",
        "def (",
        "print(input())\nno more input",
        "if 1:\n  x = 1\n\n  print(x)\n",
        "import sys; sys.exit(3)",
    ],
)
def test_code_on_standard_input(bare: Run, pykcov: Run, code: str) -> None:
    assert_same(bare, pykcov, "-", "a", "-b", input=code)


def test_code_from_a_file_on_standard_input(bare: Run, pykcov: Run, write: Write, trace: Load) -> None:
    script = write("code", "import sys\nprint(sys.stdin.buffer.tell(), __file__ if '__file__' in globals() else '')\n")
    with script.open() as one, script.open() as two:
        expected, got = bare("-", stdin=one), pykcov("run", "-q", "-", stdin=two)
    assert (got.stdout, got.stderr, got.returncode) == (expected.stdout, expected.stderr, expected.returncode)
    assert trace().lines() == {"<stdin>": [1, 2]}


def test_no_standard_input(bare: Run, pykcov: Run) -> None:
    words = "import os, sys; os.close(0); os.execv(sys.executable, [sys.executable, *sys.argv[1:]])"
    expected, got = bare("-c", words, "-"), bare("-c", words, "-m", "pykcov", "run", "-q", "-")
    assert got.returncode in (expected.returncode, 3)
    assert "Traceback" not in got.stderr
