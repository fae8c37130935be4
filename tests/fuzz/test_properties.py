"""Tests of Hypothesis under `pykcov fuzz`, which fuzzes their choices."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from fuzzing import start

LIBRARY = """
import os


def admit(user, code):
    if user == "admin":
        return code == int("DEADBEEF", 16)
    return False


def crash(user, code):
    if user[3:] == "boom" and code > 10**9:
        os.abort()
"""

TESTS = """
import unittest

import pytest
from hypothesis import given, settings, strategies as st

import library


@given(st.text(), st.integers())
def test_nobody_is_admitted(user, code):
    assert not library.admit(user, code)


class TestMany:
    @given(st.lists(st.tuples(st.text(), st.integers())))
    def test_nobody_is_admitted(self, pairs):
        for user, code in pairs:
            assert not library.admit(user, code)


@given(st.text(), st.integers())
def test_nothing_crashes(user, code):
    library.crash(user, code)


@pytest.mark.parametrize("name", ["guest", "admin"])
@given(code=st.integers())
def test_nobody_of_a_name_is_admitted(name, code):
    assert not library.admit(name, code)


class TestCase(unittest.TestCase):
    def setUp(self):
        self.name = "admin"

    @given(st.integers())
    def test_nobody_is_admitted(self, code):
        self.assertFalse(library.admit(self.name, code))


@settings(max_examples=1)
@given(st.integers())
def test_that_skips(code):
    if library.admit("admin", code):
        pytest.skip("not today")


@given(st.integers(0, 255))
def test_no_byte_is_admitted(code):
    assert not library.admit("somebody", code)
"""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    # With it Hypothesis has no database.
    monkeypatch.delenv("CI", raising=False)
    (tmp_path / "library.py").write_text(LIBRARY)
    (tmp_path / "test_library.py").write_text(TESTS)
    return tmp_path


def fuzz(project: Path, test: str, *flags: str) -> tuple[int, str]:
    process = start(project, "--minimize=0", f"test_library.py::{test}", "-seed=1", *flags)
    output, _ = process.communicate(timeout=300)
    return process.returncode, output


def run(project: Path, *words: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run([sys.executable, *words], cwd=project, capture_output=True, text=True)


@pytest.mark.parametrize(
    "test",
    [
        "test_nobody_is_admitted",
        "TestMany::test_nobody_is_admitted",
        "TestCase::test_nobody_is_admitted",
        "test_nobody_of_a_name_is_admitted[admin]",
    ],
)
def test_what_is_compared_is_drawn_and_a_plain_run_replays_the_failure(project: Path, test: str) -> None:
    code, output = fuzz(project, test, "-runs=2000")
    assert code == 77, output
    (finding,) = project.glob("test_library.fuzz/*/findings/AssertionError-*")
    # What Hypothesis calls on the way to the test names nothing.
    token = json.loads((finding / "finding.json").read_text())["token"]
    assert "hypothesis" not in token
    assert "test_nobody" in token
    again = run(project, str(finding / "reproduce.py"))
    assert again.returncode == 1, again.stderr
    assert len(re.findall(r"^AssertionError", again.stderr, re.MULTILINE)) == 1
    assert "HarnessError" not in again.stderr
    # By chance it would not be found.
    plain = run(project, "-m", "pytest", "-q", "-p", "no:cacheprovider", f"test_library.py::{test}")
    assert plain.returncode == 1
    assert "3_735_928_559" in plain.stdout


def test_a_finding_that_is_mended_does_nothing_wrong(project: Path) -> None:
    fuzz(project, "test_nobody_is_admitted", "-runs=2000")
    (finding,) = project.glob("test_library.fuzz/*/findings/*")
    (project / "library.py").write_text(LIBRARY.replace('"DEADBEEF"', '"1"'))
    again = run(project, str(finding / "reproduce.py"))
    assert again.returncode == 0, again.stderr
    assert "the input does nothing wrong" in again.stderr


def test_an_example_that_skips_the_test_is_no_finding_and_skips_no_plain_run(project: Path) -> None:
    code, output = fuzz(project, "test_that_skips", "-runs=300")
    assert code == 0, output
    assert "1 passed" in run(project, "-m", "pytest", "-q", "test_library.py::test_that_skips").stdout


def test_an_example_that_ends_the_process_is_found_and_does_so_again(project: Path) -> None:
    code, output = fuzz(project, "test_nothing_crashes", "-runs=20000")
    assert code == 77, output
    (finding,) = project.glob("test_library.fuzz/*/findings/*")
    assert run(project, str(finding / "reproduce.py")).returncode == -6


def test_what_reached_something_new_is_kept_in_the_corpus_and_in_the_database_of_hypothesis(project: Path) -> None:
    (project / "library.py").write_text(LIBRARY.replace("return code ==", "return 0 and code =="))
    assert fuzz(project, "test_nobody_is_admitted", "-runs=300")[0] == 0
    corpus = [path.read_bytes() for path in project.glob("test_library.fuzz/*/corpus/*")]
    known = [path.read_bytes() for path in project.glob(".hypothesis/examples/*/*")]
    assert any(b"admin" in entry for entry in corpus)
    assert any(b"admin" in entry for entry in known)
    (project / "elsewhere").mkdir()
    # A campaign without that corpus begins with what is known.
    (project / "library.py").write_text(LIBRARY)
    code, output = fuzz(project, "test_nobody_is_admitted", "-runs=20", "elsewhere")
    assert code == 77, output


def test_a_corpus_of_bytes_that_were_drawn_from_is_of_use_still(project: Path) -> None:
    for name in ("kept", "seeds"):
        (project / name).mkdir()
    # No choice of Hypothesis's begins so. fuzz_one_input() draws 0xA5 from it.
    (project / "seeds" / "bytes").write_bytes(b"\xa5")
    code, output = fuzz(project, "test_no_byte_is_admitted", "-merge=1", "kept", "seeds")
    assert code == 0, output
    assert [path.read_bytes() for path in project.glob("kept/*")] == [b"\xa5"]
