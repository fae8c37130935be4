"""Flags and compiler wrapper, used as a user does."""

import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import click
import pytest
from compiling import needs_symbols

from pykcov.cli import cflags
from pykcov.native import build

SOURCE = "#include <stdio.h>\nint main(int argc, char **argv) { if (argc > 1) puts(argv[1]); return argc == 3; }\n"
EXTENSION = """
#include <Python.h>
static PyObject *add(PyObject *module, PyObject *argument)
{
    long value = PyLong_AsLong(argument);
    if (value == -1 && PyErr_Occurred())
        return NULL;
    return PyLong_FromLong(value == 41 ? 42 : value + 1);
}
static PyMethodDef functions[] = {{"add", add, METH_O, NULL}, {NULL, NULL, 0, NULL}};
static struct PyModuleDef definition = {PyModuleDef_HEAD_INIT, "made", NULL, -1, functions, NULL, NULL, NULL, NULL};
PyMODINIT_FUNC PyInit_made(void) { return PyModule_Create(&definition); }
"""


def pykcov(*arguments: str, check: bool = True, **environment: str) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [sys.executable, "-m", "pykcov", *arguments],
        capture_output=True,
        text=True,
        env={**os.environ, **environment},
    )
    assert done.returncode == 0 or not check, done.stderr
    return done


def callbacks(path: Path) -> set[str]:
    """The callbacks that an object file or program calls."""
    text = subprocess.run(["nm", path], capture_output=True, text=True, check=True).stdout
    return {word for word in text.split() if word.startswith("__sanitizer_cov_")}


@needs_symbols
def test_the_flags_do_as_cflags_of_setuptools(tmp_path: Path) -> None:
    (tmp_path / "made.c").write_text(EXTENSION)
    (tmp_path / "setup.py").write_text(
        "from setuptools import Extension, setup\nsetup(name='made', ext_modules=[Extension('made', ['made.c'])])\n"
    )
    flags = pykcov("cflags").stdout.strip()
    subprocess.run(
        [sys.executable, "setup.py", "-q", "build_ext", "--inplace"],
        cwd=tmp_path,
        env={**os.environ, "CFLAGS": flags},
        check=True,
        capture_output=True,
    )
    script = """
import sys
bare = "pykcov" not in sys.modules
import made
assert made.add(41) == 42
import pykcov
with pykcov.open() as device:
    device.set_buffer_size(1000)
    buffer = device.mmap()
    device.enable(pykcov.TRACE_CMP)
    made.add(7)
    device.disable()
from pykcov.native.locations import lines_of
print(bare, lines_of(buffer.words[4 : 4 * buffer.count + 1 : 4]))
"""
    done = subprocess.run([sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("True {")
    assert f"{tmp_path}/made.c" in done.stdout


def test_flags_for_compiling_and_linking_can_be_had_apart(tmp_path: Path) -> None:
    (tmp_path / "main.c").write_text(SOURCE)
    compile_only = shlex.split(pykcov("cflags", "--compile", "--compiler", "gcc").stdout)
    link_only = shlex.split(pykcov("cflags", "--ldflags", "--compiler", "gcc").stdout)
    both = shlex.split(pykcov("cflags", "--compiler", "gcc").stdout)
    assert both == compile_only + link_only
    subprocess.run(["gcc", "-Werror", *compile_only, "-c", "main.c"], cwd=tmp_path, check=True)
    subprocess.run(["gcc", "-Werror", *link_only, "main.o", "-o", "main"], cwd=tmp_path, check=True)
    assert subprocess.run([tmp_path / "main", "a", "b"], capture_output=True, text=True).returncode == 1


def test_the_wrapper_compiles_and_links_and_passes_the_rest_on(tmp_path: Path, compiler: str) -> None:
    (tmp_path / "main.c").write_text(SOURCE)
    at = str(tmp_path / "main")
    pykcov("cc", compiler, "-O2", "-Wall", "-Werror", "-c", f"{at}.c", "-o", f"{at}.o")
    assert "__sanitizer_cov_trace_pc" in callbacks(tmp_path / "main.o")
    pykcov("cc", compiler, f"{at}.o", "-o", at)
    pykcov("cc", compiler, "-O2", f"{at}.c", "-o", f"{at}2")
    for name in ("main", "main2"):
        assert subprocess.run([tmp_path / name, "said"], capture_output=True, text=True).stdout == "said\n"


@pytest.mark.parametrize(
    "arguments", [["--version"], ["-dumpmachine"], ["-print-search-dirs"], ["-E", "-dM", "-x", "c", "/dev/null"]]
)
def test_the_wrapper_answers_questions_as_the_compiler_does(arguments: list[str]) -> None:
    bare = subprocess.run(["gcc", *arguments], capture_output=True, text=True)
    assert pykcov("cc", "gcc", *arguments).stdout == bare.stdout


def test_the_wrapper_fails_as_the_compiler_does(tmp_path: Path) -> None:
    (tmp_path / "wrong.c").write_text("int main(void) { return wrong; }")
    done = pykcov("cc", "-c", str(tmp_path / "wrong.c"), "-o", str(tmp_path / "wrong.o"), check=False)
    assert done.returncode == 1
    assert "wrong" in done.stderr


def test_checks_of_a_configure_script_find_what_they_look_for(tmp_path: Path) -> None:
    """They compile, link and run small programs, some of which must fail."""
    (tmp_path / "good.c").write_text("char strlen(); int main(void) { return strlen == 0; }")
    (tmp_path / "bad.c").write_text("char no_such_function(); int main(void) { return no_such_function(); }")
    for name, expected in (("good", 0), ("bad", 1)):
        done = pykcov("cc", "gcc", "-w", str(tmp_path / f"{name}.c"), "-o", str(tmp_path / name), check=False)
        assert done.returncode == expected, done.stderr
    assert subprocess.run([tmp_path / "good"]).returncode == 0


def test_cxx_is_compiled_by_the_named_compiler(tmp_path: Path) -> None:
    if shutil.which("g++") is None:
        pytest.skip("no g++")
    (tmp_path / "main.cc").write_text(
        "#include <iostream>\nint main(int argc, char **) { if (argc == 1) std::cout << 5; }"
    )
    pykcov("cc", "g++", str(tmp_path / "main.cc"), "-o", str(tmp_path / "main"))
    assert subprocess.run([tmp_path / "main"], capture_output=True, text=True).stdout == "5"


def test_every_option_is_in_the_document() -> None:
    document = (Path(__file__).parents[2] / "docs" / "native.md").read_text()
    options = [option.opts[-1] for option in cflags.command.params if isinstance(option, click.Option)]
    assert [option for option in options if f"`{option}`" not in document] == []


def test_a_compiler_that_is_not_there_is_named(tmp_path: Path) -> None:
    done = pykcov("cflags", "--compiler", "no-such-cc", check=False)
    assert done.returncode == 2
    assert "cannot run the compiler 'no-such-cc'" in done.stderr


def test_a_program_that_is_no_compiler_is_refused() -> None:
    done = pykcov("cflags", "--compiler", "true", check=False)
    assert done.returncode == 2
    assert "true is neither clang nor gcc 8 or later" in done.stderr


def test_a_cache_folder_that_flags_cannot_name_is_refused(tmp_path: Path) -> None:
    done = pykcov("cflags", check=False, XDG_CACHE_HOME=str(tmp_path / "with space, and comma"))
    assert done.returncode == 2
    assert "XDG_CACHE_HOME" in done.stderr


def test_the_object_that_is_linked_is_made_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    path = build.fallback_object(["gcc"])
    made = path.stat().st_mtime_ns
    assert build.fallback_object(["gcc"]) == path
    assert path.stat().st_mtime_ns == made
    assert [found.name for found in path.parent.iterdir()] == [path.name]


def test_flags_of_gcc_are_not_given_to_clang(compiler: str) -> None:
    if "clang" not in compiler:
        pytest.skip("of clang")
    assert not any(flag.startswith("-fno-ipa") for flag in build.flags([compiler]).compile)
