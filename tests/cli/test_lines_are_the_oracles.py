"""The lines that `pykcov run` reports of real programs are those that an independent tracer on sys.settrace saw."""

import json
import sysconfig
from collections.abc import Callable
from pathlib import Path

import pytest
from running import Run

from pykcov.traces.tracefile import TraceFile

ORACLE = str(Path(__file__).parents[2] / "tools" / "oracle.py")
LIBRARY = sysconfig.get_path("stdlib")

PROGRAMS = {
    "json.tool": ("json.*", ("-m", "json.tool", "--sort-keys", "data.json")),
    "tokenize": ("tokenize", ("-m", "tokenize", f"{LIBRARY}/heapq.py")),
    "ast": ("ast", ("-m", "ast", f"{LIBRARY}/bisect.py")),
    "zipfile": ("zipfile", ("-m", "zipfile", "-c", "out.zip", f"{LIBRARY}/this.py")),
}


@pytest.mark.parametrize(("include", "words"), PROGRAMS.values(), ids=PROGRAMS)
@pytest.mark.parametrize("whole", [False, True], ids=["one package", "the standard library"])
def test_lines_of_the_standard_library(
    bare: Run, pykcov: Run, trace: Callable[[], TraceFile], tmp_path: Path, include: str, words: tuple[str], whole: bool
) -> None:
    (tmp_path / "data.json").write_text('{"b": [1, 2.5, -3e4, null, true], "a": {"x": "\\u00e9\\n", "y": {}}}')
    expected = bare(ORACLE, *(() if whole else ("--include", include)), "-o", "lines.json", *words)
    done = pykcov("run", "-q", "--stdlib", *(() if whole else ("--include", include)), *words)
    assert (done.returncode, done.stdout, done.stderr) == (0, expected.stdout, "")
    seen = json.loads((tmp_path / "lines.json").read_text())["lines"]
    found = trace().lines()
    # The oracle sees no frozen modules; pykcov was not asked for installed packages.
    oracle = {file: lines for file, lines in seen.items() if lines and in_library(file)}
    assert {file: lines for file, lines in found.items() if lines and in_library(file)} == oracle
    assert len(oracle) >= (5 if whole else 1)


def in_library(file: str) -> bool:
    return file.startswith(LIBRARY) and "site-packages" not in file
