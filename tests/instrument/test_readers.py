"""Libraries that read bytecode, or frames and offsets in it, do with pykcov what they do without: the real ones.

The programs are in readers/, each named after the library that it uses. `make readers` installs the big ones, too.
"""

import os
import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

PROGRAMS = sorted(Path(__file__).parent.joinpath("readers").glob("*.py"))
NOTHING_RECORDED = 3
BIG = ("numba", "polars")


def run(program: Path, folder: Path, *command: str) -> tuple[int, str, str]:
    done = subprocess.run(
        [sys.executable, *command, str(program)],
        cwd=folder,
        env={**os.environ, "NUMBA_CACHE_DIR": str(folder), "PYTHONHASHSEED": "0"},
        capture_output=True,
        text=True,
    )
    output = re.sub(r"0x[0-9a-f]+|Elapsed time: \S+", "", done.stdout)
    return done.returncode, output, done.stderr.partition("pykcov: ")[0]


def under_test(program: Path) -> object:
    library = program.stem.partition("_")[0]
    marks = [pytest.mark.slow] if library in BIG else []
    if find_spec(library) is None and find_spec(f"{library}_{program.stem.split('_')[1]}") is None:
        marks.append(pytest.mark.skip(f"{library} is not installed"))
    if library == "dill" and sys.version_info >= (3, 15):
        marks.append(pytest.mark.skip("it asks for co_lnotab, which 3.15 does not have"))
    return pytest.param(program, marks=marks, id=program.stem)


@pytest.mark.parametrize("program", [under_test(program) for program in PROGRAMS])
def test_a_program_that_uses_it_does_what_it_does_bare(program: Path, tmp_path: Path) -> None:
    bare = run(program, tmp_path)
    assert bare[0] == 0, bare

    for options in ((), ("--mode", "cmp-bytes")):
        probed = run(program, tmp_path, "-m", "pykcov", "run", *options, "-o", "trace.npz", "--include", "__main__")
        assert probed[1:] == bare[1:]
        assert probed[0] in (0, NOTHING_RECORDED if options else 0)  # not all of them compare


@pytest.mark.slow
def test_what_numba_compiles_is_named(tmp_path: Path) -> None:
    pytest.importorskip("numba")
    program = next(path for path in PROGRAMS if path.stem == "numba_compilers")
    run(program, tmp_path, "-m", "pykcov", "run", "-o", "trace.npz")
    skipped = subprocess.run(
        [sys.executable, "-m", "pykcov", "dump", "--skipped", "trace.npz"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.splitlines()

    named = {line.partition("\t")[0] for line in skipped if "numba" in line.partition("\t")[2]}
    assert named >= {f"__main__.{name}" for name in ("total", "outer", "half", "add", "square", "Counter.add")}
