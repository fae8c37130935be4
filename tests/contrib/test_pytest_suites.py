"""Real test suites: each test's lines are coverage.py's, and whatever fails is among what `pykcov affected` names.

`make pytest-suites` runs this; it takes minutes, and the source distributions from the package index.
"""

from pathlib import Path

import pytest
import pytest_contexts
import pytest_faults
import pytest_libraries as suites

pytestmark = [pytest.mark.slow, pytest.mark.timeout(7200)]


@pytest.mark.parametrize("name", suites.LIBRARIES)
def test_lines_of_each_test_are_those_of_coverage(name: str, tmp_path: Path) -> None:
    pytest.importorskip("pytest_cov")
    assert pytest_contexts.compare(suites.LIBRARIES[name], tmp_path)


@pytest.mark.parametrize("name", suites.LIBRARIES)
def test_tests_that_a_fault_breaks_are_named(name: str, tmp_path: Path) -> None:
    assert pytest_faults.check(suites.LIBRARIES[name], tmp_path, faults=20, seed=1) == 0
