"""Runs one module of CPython's own tests in this process and writes the outcome of each test; see cpython_tests.py.

tools/cpython_tests_child.py [--probed] RESULTS MODULE
"""

import argparse
import json
import os
import re
import sys
import unittest
from collections.abc import Callable
from pathlib import Path
from typing import Any

# What differs from run to run: addresses, temporary names, times, numbers of processes and ports.
VOLATILE = re.compile(r"0x[0-9a-fA-F]+|\d+\.\d+|\d+e-\d+|@?test_\d+_tmp\w*|/tmp/[^\s'\"]+|\btmp\w{8}\b|\b\d{5,}\b")
# How much of an error's message is compared.
MESSAGE = 300


class Outcomes(unittest.TestResult):
    """Notes the outcome of each test."""

    def __init__(self, *_arguments: object) -> None:
        """Begin with none."""
        super().__init__()
        self.outcomes: dict[str, str] = {}
        self.before_test: Callable[[], object] = bool

    def startTest(self, test: unittest.TestCase) -> None:
        """Make room for what the test compares."""
        super().startTest(test)
        self.before_test()
        self.outcomes.setdefault(_name(test), "passed")

    def addSubTest(self, test: unittest.TestCase, subtest: unittest.TestCase, error: Any) -> None:
        """Note a failed subtest with its test."""
        if error is not None:
            self._note(test, "subtest failed", error)

    def addError(self, test: unittest.TestCase, error: Any) -> None:
        """Note an error."""
        self._note(test, "error", error)

    def addFailure(self, test: unittest.TestCase, error: Any) -> None:
        """Note a failure."""
        self._note(test, "failed", error)

    def addSkip(self, test: unittest.TestCase, reason: str) -> None:
        """Note a skipped test."""
        self._note(test, f"skipped: {reason}")

    def addExpectedFailure(self, test: unittest.TestCase, error: Any) -> None:
        """Note an expected failure."""
        self._note(test, "expected failure", error)

    def addUnexpectedSuccess(self, test: unittest.TestCase) -> None:
        """Note an unexpected success."""
        self._note(test, "unexpected success")

    def _note(self, test: unittest.TestCase, outcome: str, error: Any = None) -> None:
        message = "" if error is None else f" {error[0].__name__}: {str(error[1])[:MESSAGE]}"
        before = self.outcomes.get(_name(test), "passed")
        now = VOLATILE.sub("*", outcome + message)
        self.outcomes[_name(test)] = now if before == "passed" else f"{before}; {now}"


def _name(test: unittest.TestCase) -> str:
    # Asked of the class: tests of objects with ids may have one of their own.
    return VOLATILE.sub("*", type(test).id(test))


def run(module: str, probed: bool) -> dict[str, Any]:
    """Run the tests of a module; return their outcomes and what was recorded of them."""
    outcomes = Outcomes()
    recorded = 0

    def empty() -> None:
        nonlocal recorded
        recorded += buffer.count
        buffer.reset()

    if probed:
        import pykcov

        # Lines are the most probes: those of blocks and more.
        hook = pykcov.instrument_imports(granularity="line", compare=True)
        pykcov.instrument_all(granularity="line", compare=True)
        device = pykcov.open()
        device.set_buffer_size(pykcov.BUFFER_WORDS_MAX)
        buffer = device.mmap()
        # The device records comparisons, its counters the code that is reached.
        device.set_counters(1 << 20)
        outcomes.before_test = empty
    # As regrtest has it.
    import test.support  # type: ignore[import-not-found]

    test.support.use_resources = []
    test.support.verbose = 0
    try:
        suite = unittest.defaultTestLoader.loadTestsFromName(f"test.{module}")
    except unittest.SkipTest as skip:
        return {"outcomes": {}, "skipped": VOLATILE.sub("*", str(skip))}
    if probed:
        device.enable(pykcov.TRACE_CMP | pykcov.CMP_BYTES)
    suite.run(outcomes)
    if probed:
        recorded += buffer.count + device.dropped
        hook.close()
    return {"outcomes": outcomes.outcomes, "recorded": recorded}


def main() -> None:
    """Read the arguments, run, write, and end without asking what the tests left behind in threads and at exit."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--probed", action="store_true")
    parser.add_argument("results", type=Path)
    parser.add_argument("module")
    options = parser.parse_args()
    # Tests look at the command line.
    sys.argv = [sys.argv[0]]
    found = run(options.module, options.probed)
    part = options.results.with_suffix(".part")
    part.write_text(json.dumps(found))
    part.replace(options.results)
    sys.stdout.flush()
    os._exit(0)


if __name__ == "__main__":
    main()
