"""A plugin for pytest that records which lines each test runs by sys.settrace() alone: slow, and easy to believe.

It counts each line for the file that its own frame names, whatever was called and returned before. The lines of tests
go into the data file of coverage.py that $COVERAGE_FILE names; $JUDGED is the folder of the code that they are of.
"""

import os
import sys
import threading
from types import FrameType
from typing import Any

import pytest
from coverage import CoverageData

_BELOW = os.path.join(os.environ["JUDGED"], "")
_tests: dict[str, dict[str, set[int]]] = {}
_lines: dict[str, set[int]] = {}
"""Of the present test, or of what runs between two, by file."""


def _enter(frame: FrameType, event: str, argument: object) -> Any:
    return _step if frame.f_code.co_filename.startswith(_BELOW) else None


def _step(frame: FrameType, event: str, argument: object) -> Any:
    if event == "line":
        _lines.setdefault(frame.f_code.co_filename, set()).add(frame.f_lineno)
    return _step


def pytest_runtest_logstart(nodeid: str) -> None:
    """Count what runs from now on for this test, also where another one has set a trace function of its own."""
    global _lines
    _lines = _tests.setdefault(nodeid, {})
    threading.settrace(_enter)
    sys.settrace(_enter)


def pytest_runtest_logfinish() -> None:
    """Count what runs from now on for no test."""
    global _lines
    _lines = {}


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Write the lines of the tests."""
    sys.settrace(None)
    threading.settrace(None)  # type: ignore[arg-type]
    data = CoverageData()
    for test, files in _tests.items():
        data.set_context(test)
        data.add_lines({file: list(lines) for file, lines in files.items()})
    data.write()
