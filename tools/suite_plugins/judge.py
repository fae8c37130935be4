"""A plugin for pytest that records which lines each test runs by sys.settrace() alone: slow, and easy to believe.

It counts each line for the file that its own frame names, whatever was called and returned before, and what forked
children run for the test that forked. The lines of tests go into the data file of coverage.py that $COVERAGE_FILE
names; $JUDGED is the folder of the code that they are of.
"""

import json
import os
import sys
import threading
from pathlib import Path
from types import FrameType
from typing import Any

import pytest
from coverage import CoverageData

_BELOW = os.path.join(os.environ["JUDGED"], "")
_tests: dict[str, dict[str, set[int]]] = {}
_test = ""
"""The present one, or what runs between two."""
_process = os.getpid()
_DATA_FILE = os.environ["COVERAGE_FILE"]
_of_children = Path(_DATA_FILE + ".children")
"""Where children write each line at once: they may end at any moment."""
_of_children.write_text("", "ascii")


def _enter(frame: FrameType, event: str, argument: object) -> Any:
    return _step if frame.f_code.co_filename.startswith(_BELOW) else None


def _step(frame: FrameType, event: str, argument: object) -> Any:
    if event == "line":
        file, line = frame.f_code.co_filename, frame.f_lineno
        lines = _tests.setdefault(_test, {}).setdefault(file, set())
        if line not in lines:
            lines.add(line)
            if os.getpid() != _process:
                # Opened each time: children may close what they have inherited.
                with _of_children.open("a", encoding="ascii") as written:
                    written.write(json.dumps([_test, file, line]) + "\n")
    return _step


def pytest_runtest_logstart(nodeid: str) -> None:
    """Count what runs from now on for this test, also where another one has set a trace function of its own."""
    global _test
    _test = nodeid
    threading.settrace(_enter)
    sys.settrace(_enter)


def pytest_runtest_logfinish() -> None:
    """Count what runs from now on for no test."""
    global _test
    _test = ""


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Write the lines of the tests."""
    sys.settrace(None)
    threading.settrace(None)  # type: ignore[arg-type]
    for test, file, line in map(json.loads, _of_children.read_text("ascii").splitlines()):
        _tests.setdefault(test, {}).setdefault(file, set()).add(line)
    data = CoverageData(_DATA_FILE)
    data.erase()
    for test, files in list(_tests.items()):  # to which threads may still add
        data.set_context(test)
        data.add_lines({file: list(lines) for file, lines in list(files.items())})
    data.write()
