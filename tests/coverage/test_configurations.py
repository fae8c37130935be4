"""On a table of configurations pykcov reports what coverage.py reports, number for number."""

from pathlib import Path

import pytest
from judging import by_coverage, by_pykcov, forked, make
from table import CASES, Case


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_the_numbers_are_those_of_coverage(case: Case, tmp_path: Path) -> None:
    make(tmp_path, case)
    expected = forked(tmp_path, by_coverage)
    next(path for path in (tmp_path / ".coverage", tmp_path / "found.data") if path.exists()).unlink()
    assert forked(tmp_path, by_pykcov) == expected


def test_there_are_forty() -> None:
    assert len({case.name for case in CASES}) >= 40
