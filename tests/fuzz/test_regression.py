"""Tests that take bytes: pytest replays what was found, and `pykcov fuzz` fuzzes them."""

import subprocess
import sys
from pathlib import Path

import pytest
from fuzzing import start

LIBRARY = """
def parse(data):
    if data[:4] == b"FUZZ":
        if data[4:8] == b"-bug":
            raise KeyError("bug")
    return len(data)


def check(numbers):
    if sum(numbers) > 1000 and len(numbers) == 3:
        raise ArithmeticError
"""
TESTS = """
import pytest
from hypothesis import given, strategies as st

import library
import pykcov


@pytest.fixture
def five():
    return 5


@pykcov.fuzz_test
def test_parse(data, five):
    assert five == 5
    assert library.parse(data) >= 0


class TestClass:
    @pykcov.fuzz_test
    def test_method(self, data):
        library.parse(data)


@given(st.lists(st.integers(0, 999)))
def test_check(numbers):
    library.check(numbers)


def test_plain():
    pass
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "library.py").write_text(LIBRARY)
    (tmp_path / "test_library.py").write_text(TESTS)
    return tmp_path


def fuzz_test(project: Path, test: str) -> tuple[int, str]:
    output, _ = (
        process := start(project, "--minimize=0", f"test_library.py::{test}", "-seed=1", "-runs=200000")
    ).communicate(timeout=300)
    return process.returncode, output


def run_pytest(project: Path, test: str) -> str:
    words = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", f"test_library.py::{test}"]
    return subprocess.run(words, cwd=project, capture_output=True, text=True).stdout


@pytest.mark.parametrize("test", ["test_parse", "TestClass::test_method"])
def test_a_finding_is_a_failing_case_until_it_is_mended(project: Path, test: str) -> None:
    assert "1 passed" in run_pytest(project, test)
    code, output = fuzz_test(project, test)
    assert code == 77, output
    folder = project / "test_library.fuzz" / test.replace("::", ".")
    assert list(folder.glob("findings/KeyError-*/input"))
    failed = run_pytest(project, test)
    assert "KeyError: 'bug'" in failed
    assert f"FAILED test_library.py::{test}[KeyError-library_parse-" in failed
    (project / "library.py").write_text(LIBRARY.replace('raise KeyError("bug")', "return 0"))
    mended = run_pytest(project, test)
    assert "failed" not in mended
    corpus = len(list(folder.glob("corpus/*")))
    assert int(mended.split()[-4]) >= 2 + corpus


def test_a_test_of_hypothesis_is_fuzzed_as_it_is(project: Path) -> None:
    code, output = fuzz_test(project, "test_check")
    assert code == 77, output
    assert "ArithmeticError" in output


def test_other_tests_are_refused_with_the_reason(project: Path) -> None:
    code, output = fuzz_test(project, "test_plain")
    assert code == 2
    assert "it is no test of Hypothesis, and has no @pykcov.fuzz_test" in output
    code, output = fuzz_test(project, "test_missing")
    assert code == 2
    assert "pytest could not run this test" in output


METHOD = """
import pytest
from hypothesis import given, settings, strategies as st

import library


class TestNumbers:
    def setup_method(self):
        self.limit = 5

    @pytest.mark.opt_in
    @settings(max_examples=1)
    @given(st.booleans(), st.just(b"FUZZ-bug"))
    def test_parse(self, flag, data):
        assert self.limit == 5
        library.parse(data if flag else b"")
"""


def test_a_method_of_hypothesis_is_fuzzed_whatever_marks_the_project_leaves_out(tmp_path: Path) -> None:
    (tmp_path / "library.py").write_text(LIBRARY)
    (tmp_path / "test_method.py").write_text(METHOD)
    (tmp_path / "pytest.ini").write_text("[pytest]\naddopts = -m 'not opt_in'\nmarkers = opt_in: asked for only\n")
    process = start(tmp_path, "--minimize=0", "test_method.py::TestNumbers::test_parse", "-runs=30000", "-seed=1")
    output, _ = process.communicate(timeout=600)
    assert process.returncode == 77, output
    assert list(tmp_path.glob("test_method.fuzz/TestNumbers.test_parse/findings/KeyError-*"))
