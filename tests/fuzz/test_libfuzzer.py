"""Which libFuzzer drives `pykcov fuzz`: our own, else that of Atheris, else one sentence says what to install."""

import os
import shutil
import subprocess
import sys
from importlib.machinery import PathFinder
from pathlib import Path

import pytest
from fuzzing import Ran, fuzz_body, write_harness

import pykcov
from pykcov.cli import exit_code_of
from pykcov.fuzz import libfuzzer

PLANTED = """
@atheris.instrument_func
def TestOneInput(data):
    if data[:8] == b"\\x7fplanted":
        raise ValueError([line for line in open("/proc/self/maps") if "fuzzer" in line][0])
"""

needs_own = pytest.mark.skipif(not libfuzzer.find().own, reason="pykcov was built without libFuzzer")
needs_atheris = pytest.mark.skipif(PathFinder.find_spec("atheris") is None, reason="Atheris is not installed")


@needs_own
def test_our_own_copy_is_used_also_beside_atheris(tmp_path: Path) -> None:
    ran = fuzz_body(tmp_path, PLANTED)
    assert ran.code == 77, ran.output
    assert "pykcov/fuzz/_libfuzzer." in (ran.findings[0] / "report.txt").read_text()


@needs_own
def test_doctor_says_version_and_checksum() -> None:
    said = libfuzzer.description()
    assert said.startswith("pykcov's own: LLVM ")
    assert len(said.rpartition(": ")[2]) == 64


@needs_own
def test_the_licence_of_what_is_linked_comes_with_it() -> None:
    licence = Path(libfuzzer.find().path).with_name("LICENSE.libfuzzer").read_text()
    assert "LLVM Exceptions to the Apache 2.0 License" in licence


@needs_own
def test_it_runs_below_a_preloaded_address_sanitizer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LD_PRELOAD", _sanitizer())
    monkeypatch.setenv("ASAN_OPTIONS", "detect_leaks=0")
    ran = fuzz_body(tmp_path, PLANTED)
    assert ran.code == 77, ran.output
    assert len(ran.findings) == 1


@pytest.fixture
def without_own(tmp_path: Path) -> Path:
    """A pykcov that was built where libFuzzer's library is absent, in a folder."""
    folder = tmp_path / "elsewhere"
    shutil.copytree(
        Path(pykcov.__file__).parent, folder / "pykcov", ignore=shutil.ignore_patterns("_libfuzzer.*", "__pycache__")
    )
    return folder


def fuzz_without_own(folder: Path, work: Path) -> Ran:
    path = write_harness(work, PLANTED)
    done = subprocess.run(
        [sys.executable, "-m", "pykcov", "fuzz", "-d", "out", str(path), "-seed=1", "-runs=300000"],
        cwd=work,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=os.environ | {"PYTHONPATH": str(folder)},
    )
    return Ran(done.returncode, done.stdout, work / "out")


@needs_atheris
def test_without_it_the_copy_of_atheris_is_used_and_a_sentence_says_what_to_install(
    tmp_path: Path, without_own: Path
) -> None:
    ran = fuzz_without_own(without_own, tmp_path)
    assert ran.code == 77, ran.output
    assert "core_with_libfuzzer" in (ran.findings[0] / "report.txt").read_text()
    assert ran.output.count("apt-get install libclang-rt-19-dev") == 1


@needs_atheris
def test_without_it_the_sanitizer_is_not_met(
    tmp_path: Path, without_own: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LD_PRELOAD", _sanitizer())
    monkeypatch.setenv("ASAN_OPTIONS", "detect_leaks=0")
    ran = fuzz_without_own(without_own, tmp_path)
    assert ran.code == 2, ran.output
    assert "only pykcov's own runs" in ran.output


def test_without_any_the_commands_that_install_one_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write_harness(tmp_path, "def TestOneInput(data): pass\n")
    find_spec = PathFinder.find_spec
    monkeypatch.setattr(
        PathFinder, "find_spec", lambda name, *rest: None if name == "atheris" else find_spec(name, *rest)
    )
    monkeypatch.setattr(libfuzzer, "_in_folders", lambda *_: None)
    assert exit_code_of(["fuzz", str(path)]) == 2
    said = capsys.readouterr().err
    assert "apt-get install libclang-rt-19-dev" in said
    assert "python -m pip install 'pykcov[fuzz]'" in said


def _sanitizer() -> str:
    if shutil.which("gcc") is None:
        pytest.skip("needs gcc")
    path = subprocess.check_output(["gcc", "-print-file-name=libasan.so"], text=True).strip()
    if not os.path.isabs(path):
        pytest.skip("needs libasan")
    return path
