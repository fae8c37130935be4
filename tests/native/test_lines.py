"""Which lines of C ran: what gcov says of the same program is the judge."""

import ctypes
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from compiling import compile_shared, needs_symbols

import pykcov
from pykcov.native import locations
from pykcov.native.images import images

PROGRAM = """
#include <stdlib.h>
#include <string.h>

static int square(int x)
{
    if (x > 10)
        return x * x;
    return -x;
}

static int words(const char *text)
{
    int count = 0, inside = 0;

    for (; *text; text++) {
        if (*text == ' ') {
            inside = 0;
        } else if (!inside) {
            inside = 1;
            count++;
        }
    }
    return count;
}

int never(int a)
{
    return square(a) + 1;
}

int run(int a, const char *text)
{
    int result = 0;
    char *copy = malloc(strlen(text) + 1);

    if (copy == NULL)
        return -1;
    strcpy(copy, text);
    for (int i = 0; i < a; i++) {
        if (text[i] == 'x')
            result += square(i);
        else
            result -= 2;
    }
    switch (a) {
    case 1:
        result = 5;
        break;
    case 7:
        result = words(copy);
        break;
    case 1000:
        abort();
    default:
        result++;
        while (result > 100)
            result /= 2;
    }
    free(copy);
    return a == 3 ? result : result + words(text);
}
"""

CALLS: list[list[Any]] = [[1, b"a"], [7, b"one two x"], [3, b"xxx"], [20, b"x xx xxx xxxx xxxxx xxxxxx"]]


class Judge:
    """Runs the program built for gcov, once for each kind of arguments."""

    def __init__(self, folder: Path) -> None:
        self._library = compile_shared(folder, PROGRAM, name="judged", options=["-O0"], flags=["--coverage"])
        self._cache: dict[str, tuple[set[int], set[int]]] = {}

    def lines(self, arguments: list[Any]) -> tuple[set[int], set[int]]:
        """Return the lines that ran, and all lines with code."""
        key = repr(arguments)
        if key not in self._cache:
            self._cache[key] = self._run(arguments)
        return self._cache[key]

    def _run(self, arguments: list[Any]) -> tuple[set[int], set[int]]:
        folder = self._library.parent
        for counts in folder.glob("*.gcda"):
            counts.unlink()
        script = f"import ctypes; ctypes.CDLL({str(self._library)!r}).run(*{arguments!r})"
        subprocess.run([sys.executable, "-c", script], check=True, cwd=folder)
        command = ["gcov", "--json-format", "--stdout", next(folder.glob("*.gcno"))]
        done = subprocess.run(command, check=True, capture_output=True, cwd=folder)
        lines = json.loads(done.stdout)["files"][0]["lines"]
        return {line["line_number"] for line in lines if line["count"]}, {line["line_number"] for line in lines}


class Traced:
    """The program built for pykcov, once for each compiler and kind of options."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._built: dict[str, tuple[Path, set[int]]] = {}

    def lines(self, compiler: str, options: list[str], arguments: list[Any], tracing: Any) -> tuple[set[int], set[int]]:
        """Return the lines that ran, and all that could have."""
        name = "".join([compiler, *options])
        if name not in self._built:
            path = compile_shared(self._folder, PROGRAM, compiler=compiler, options=options, name=name)
            ctypes.CDLL(str(path))
            image = next(image for image in images() if image.path == str(path))
            self._built[name] = path, {line for row in locations.Locator().all_of(image) for line in row.lines}
        path, coverable = self._built[name]
        library = ctypes.CDLL(str(path))
        with tracing(pykcov.TRACE_UNIQUE_PC) as buffer:
            library.run(*arguments)
        return set(locations.lines_of(buffer.pcs())[str(path.with_suffix(".c"))]), coverable


@pytest.fixture(scope="module")
def judge(tmp_path_factory: pytest.TempPathFactory) -> Judge:
    return Judge(tmp_path_factory.mktemp("judge"))


@pytest.fixture(scope="module")
def traced(tmp_path_factory: pytest.TempPathFactory) -> Traced:
    return Traced(tmp_path_factory.mktemp("traced"))


def without_event(line: int) -> bool:
    """Whether a line has no block of its own: what comes before the first event of a function, and labels."""
    text = PROGRAM.splitlines()[line - 1].strip()
    return text.startswith(("int ", "static ", "case ", "default:")) and not text.endswith(";")


@needs_symbols
@pytest.mark.parametrize("arguments", CALLS, ids=str)
def test_without_optimisation_the_lines_are_those_of_gcov(
    judge: Judge, traced: Traced, compiler: str, tracing: Any, arguments: list[Any]
) -> None:
    ran, known = judge.lines(arguments)
    lines, coverable = traced.lines(compiler, ["-O0"], arguments, tracing)
    assert {line for line in lines & known if not without_event(line)} == {
        line for line in ran if not without_event(line)
    }
    assert {line for line in known if not without_event(line)} <= coverable


@needs_symbols
@pytest.mark.parametrize("arguments", CALLS, ids=str)
@pytest.mark.parametrize("options", ["-O1", "-O2", "-O3", "-Os", "-O2 -gdwarf-4"])
def test_with_optimisation_hardly_a_line_is_wrong(
    judge: Judge, traced: Traced, compiler: str, tracing: Any, options: str, arguments: list[Any]
) -> None:
    """Where blocks of two lines were made one, the debug information knows only one of them."""
    ran, known = judge.lines(arguments)
    lines, coverable = traced.lines(compiler, options.split(), arguments, tracing)
    assert len(lines & known & ran) >= 6
    assert len((lines & known) - ran) <= 1
    assert lines <= coverable
