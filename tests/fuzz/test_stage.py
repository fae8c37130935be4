"""What is done with an input that reached new code, and with pairs of operands: in C, by itself, under sanitizers."""

import shutil
import subprocess
from pathlib import Path

import pytest

import pykcov

FUZZ = Path(pykcov.__file__).parent / "fuzz"


@pytest.mark.skipif(shutil.which("cc") is None, reason="needs a C compiler")
def test_operands_are_replaced_in_turn_and_nothing_is_written_elsewhere(tmp_path: Path) -> None:
    program = tmp_path / "stage"
    sanitizers = ["-fsanitize=address,undefined", "-fno-sanitize-recover=undefined", "-g", "-O1"]
    sources = [Path(__file__).with_name("stage.c"), *(FUZZ / name for name in ("stage.c", "pairs.c", "reached.c"))]
    include = [f"-I{FUZZ}", f"-I{pykcov.get_include()}", f"-I{FUZZ.parent / 'core'}"]
    subprocess.run(
        ["cc", "-std=gnu11", "-Wall", "-Wextra", "-Werror", *sanitizers, *include, *sources, "-o", program], check=True
    )
    done = subprocess.run([program], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
