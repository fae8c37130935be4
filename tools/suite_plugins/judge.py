"""A plugin for pytest that records which lines each test runs by sys.settrace() alone: slow, and easy to believe.

It counts each line for the file that its own frame names, whatever was called and returned before, in forked children,
too. The lines of tests go into the data file of coverage.py that $COVERAGE_FILE names; $JUDGED is the folder of the
code that they are of.
"""

import mmap
import os
import sys
import threading
from itertools import accumulate
from pathlib import Path
from types import FrameType
from typing import Any

from coverage import CoverageData

_SIZES = {str(file): file.read_bytes().count(b"\n") + 2 for file in sorted(Path(os.environ["JUDGED"]).rglob("*.py"))}
"""One more than the number of the last line, by file."""
_FIRST = dict(zip(_SIZES, accumulate(_SIZES.values(), initial=0), strict=False))
"""Where the lines of each file begin in the map."""
_ran = mmap.mmap(-1, sum(_SIZES.values()))
"""A byte for each line: 1 if it has run in the present test, in this process or in one that it has forked."""

_tests: dict[str, dict[str, list[int]]] = {}


def _enter(frame: FrameType, event: str, argument: object) -> Any:
    return _step if frame.f_code.co_filename in _FIRST else None


def _step(frame: FrameType, event: str, argument: object) -> Any:
    if event == "line":
        file, line = frame.f_code.co_filename, frame.f_lineno
        if line < _SIZES[file]:  # what is compiled under the name of a file may have more lines
            _ran[_FIRST[file] + line] = 1
    return _step


def _clear() -> None:
    _ran[:] = bytes(len(_ran))


def pytest_runtest_logstart() -> None:
    """Count what runs from now on for a test, also where another one has set a trace function of its own."""
    _clear()
    threading.settrace(_enter)
    sys.settrace(_enter)


def pytest_runtest_logfinish(nodeid: str) -> None:
    """Keep what the test has run."""
    lines = {file: _ran[first : first + _SIZES[file]] for file, first in _FIRST.items()}
    _tests[nodeid] = {
        file: [line for line, ran in enumerate(those) if ran] for file, those in lines.items() if any(those)
    }


def pytest_sessionfinish() -> None:
    """Write the lines of the tests."""
    sys.settrace(None)
    data = CoverageData(os.environ["COVERAGE_FILE"])
    for test, files in _tests.items():
        data.set_context(test)
        data.add_lines(files)
    data.write()
