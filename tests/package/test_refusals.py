"""`pykcov package` says in a sentence why no target can be made; nothing is put together here."""

import subprocess
import sys
from pathlib import Path

import pytest


def package(*arguments: str, folder: Path, blocked: str = "") -> subprocess.CompletedProcess[str]:
    program = (
        "import sys, runpy; "
        "from importlib.machinery import PathFinder; "
        f"find = PathFinder.find_spec; PathFinder.find_spec = lambda name, *rest: None if name == {blocked!r} "
        "else find(name, *rest); "
        "sys.argv = ['pykcov', 'package', *sys.argv[1:]]; "
        "runpy.run_module('pykcov', run_name='__main__')"
    )
    return subprocess.run(
        [sys.executable, "-c", program, *arguments], cwd=folder, capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["missing.py", "-o", "out"], "can't open 'missing.py': no such harness"),
        (["a:b:c", "-o", "out"], "can't open 'a:b:c': no such harness"),
        (["harness.py", "-o", "out", "--name", "a/b"], "--name 'a/b': a name has no folders"),
        (["harness.py", "-o", "out", "--name", ""], "--name '': a name has no folders"),
        (["harness.py"], "Missing option '-o'"),
        (["harness.py", "-o", "out", "--seeds", "nowhere"], "'nowhere' does not exist"),
        (["harness.py", "-o", "harness.py"], "is a file"),
    ],
)
def test_what_cannot_be_packaged_is_refused_with_exit_code_2(arguments: list[str], words: str, tmp_path: Path) -> None:
    pytest.importorskip("PyInstaller")
    (tmp_path / "harness.py").write_text("")
    done = package(*arguments, folder=tmp_path)
    assert done.returncode == 2
    assert words in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "out").exists()


def test_without_pyinstaller_the_extra_is_named(tmp_path: Path) -> None:
    (tmp_path / "harness.py").write_text("")
    done = package("harness.py", "-o", "out", folder=tmp_path, blocked="PyInstaller")
    assert done.returncode == 2
    assert "pip install 'pykcov[package]'" in done.stderr
    assert "Traceback" not in done.stderr
