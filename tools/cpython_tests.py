"""Runs CPython's own tests bare and under both probes, and compares the results test by test.

    tools/cpython_tests.py [--python PYTHON] [--jobs N] [--batch N] [--timeout SECONDS] [MODULE...]

Modules of the `test` package (by default those in cpython_tests_modules.txt) run twice, each time in a process of
their own: bare; and with comparison and code probes in all Python code of the process, the tests and unittest included,
while a device records what the main thread compares. The result of each test must be the same: passed, failed with
the same message, skipped. Differences that have a reason are in cpython_tests_differences.txt. Exits with 1 if there is
another one.
"""

import argparse
import fnmatch
import json
import os
import platform
import re
import subprocess
import sys
import tempfile
import time
import unittest
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

HERE = Path(__file__).parent
VERSION = ".".join(platform.python_version_tuple()[:2])
# What differs from run to run: addresses, temporary names, times.
VOLATILE = re.compile(r"0x[0-9a-f]+|\d+\.\d+|@?test_\d+_tmp\w*|/tmp/\S+|\btmp\w{8}\b|\b\d{5,}\b")


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
        message = "" if error is None else f" {error[0].__name__}: {str(error[1])[:300]}"
        before = self.outcomes.get(_name(test), "passed")
        now = VOLATILE.sub("*", outcome + message)
        self.outcomes[_name(test)] = now if before == "passed" else f"{before}; {now}"


def _name(test: unittest.TestCase) -> str:
    return VOLATILE.sub("*", test.id())


def run_child(modules: list[str], probed: bool, results: Path) -> None:
    """Run the tests of modules in this process, which was made for them."""
    outcomes = Outcomes()
    if probed:
        import pykcov

        hook = pykcov.instrument_imports(compare=True)
        pykcov.instrument_all(compare=True)
        device = pykcov.open()
        device.set_buffer_size(pykcov.BUFFER_WORDS_MAX)
        buffer = device.mmap()
        outcomes.before_test = buffer.reset
    # As regrtest has it.
    import test.support  # type: ignore[import-not-found]

    test.support.use_resources = []
    suite = unittest.defaultTestLoader.loadTestsFromNames([f"test.{module}" for module in modules])
    if probed:
        device.enable(pykcov.TRACE_CMP | pykcov.CMP_BYTES)
    suite.run(outcomes)
    recorded = 0
    if probed:
        recorded = buffer.count + buffer.dropped
        hook.close()
    results.write_text(json.dumps({"outcomes": outcomes.outcomes, "recorded": recorded}))
    # What the tests leave behind in threads and at exit is not asked about.
    sys.stdout.flush()
    os._exit(0)


class Run(NamedTuple):
    """One process."""

    outcomes: dict[str, str]
    recorded: int
    seconds: float
    complaint: str


def run(modules: list[str], probed: bool, timeout: float) -> Run:
    """Run the tests of modules in a new process."""
    start = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        results = Path(folder, "results.json")
        command = [sys.executable, str(Path(__file__).resolve()), "--child", str(results)]
        try:
            done = subprocess.run(
                [*command, *(["--probed"] if probed else []), *modules],
                cwd=folder,
                env=os.environ | {"PYTHONHASHSEED": "0", "PYTHONDONTWRITEBYTECODE": "1"},
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=timeout,
                text=True,
                errors="replace",
            )
            complaint = "" if results.exists() else f"ended with {done.returncode}: {done.stderr[-2000:]}"
        except subprocess.TimeoutExpired:
            complaint = f"took longer than {timeout:.0f} s"
        found: dict[str, Any] = json.loads(results.read_text()) if results.exists() else {"outcomes": {}, "recorded": 0}
    return Run(found["outcomes"], found["recorded"], time.monotonic() - start, complaint)


def differences(modules: list[str], bare: Run, probed: Run) -> Iterator[tuple[str, str]]:
    """Yield tests with different outcomes, and what they are."""
    if bare.complaint or probed.complaint:
        yield " ".join(modules), f"bare: {bare.complaint or 'ended'}; probed: {probed.complaint or 'ended'}"
        return
    for name in sorted(bare.outcomes.keys() | probed.outcomes.keys()):
        before, after = bare.outcomes.get(name, "not run"), probed.outcomes.get(name, "not run")
        if before != after:
            yield name, f"bare: {before}; probed: {after}"


def explained(name: str) -> str:
    """Return why a test may differ, '' if there is no reason."""
    for line in (HERE / "cpython_tests_differences.txt").read_text().splitlines():
        versions, _, rest = line.partition(" ")
        pattern, _, reason = rest.partition(" ")
        if not line.startswith("#") and VERSION in versions.split(",") and fnmatch.fnmatchcase(name, pattern):
            return reason
    return ""


def check_all(modules: list[str], batch: int, jobs: int, timeout: float) -> int:
    """Run everything, print differences and counts, return the exit status."""
    tests = recorded = unexplained = unfinished = 0
    with ThreadPoolExecutor(jobs) as pool:
        runs = [
            (names, pool.submit(run, names, False, timeout), pool.submit(run, names, True, timeout))
            for names in (modules[at : at + batch] for at in range(0, len(modules), batch))
        ]
        for names, bare_future, probed_future in runs:
            bare, probed = bare_future.result(), probed_future.result()
            tests += len(bare.outcomes)
            recorded += probed.recorded
            unfinished += len(names) if bare.complaint else 0
            print(
                f"{' '.join(names)}: {len(bare.outcomes)} tests, {bare.seconds:.1f} s, {probed.seconds:.1f} s",
                flush=True,
            )
            for name, what in differences(names, bare, probed):
                reason = explained(name)
                unexplained += not reason
                print(f"  {name}: {what}\n    {reason or 'NO REASON KNOWN'}", flush=True)
    print(
        f"CPython {platform.python_version()}: {tests} tests of {len(modules) - unfinished} modules, "
        f"{unexplained} differences without a reason; {recorded} entries in the last tests' buffers"
    )
    return 1 if unexplained else 0


def main() -> int:
    """Read the arguments and do what they say."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--python", help="the Python to run and test; pykcov is installed there")
    parser.add_argument("--jobs", type=int, default=2, metavar="N", help="processes at once")
    parser.add_argument("--batch", type=int, default=1, metavar="N", help="modules a process")
    parser.add_argument("--timeout", type=float, default=300, metavar="SECONDS", help="for each process")
    parser.add_argument("--child", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--probed", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("modules", nargs="*", metavar="MODULE", help="such as test_json")
    options = parser.parse_args()
    if options.python:
        others = [argument for argument in sys.argv[1:] if argument not in ("--python", options.python)]
        os.execvp(options.python, [options.python, __file__, *others])
    if options.child:
        run_child(options.modules, options.probed, options.child)
    modules = options.modules or (HERE / "cpython_tests_modules.txt").read_text().split()
    return check_all(modules, options.batch, options.jobs, options.timeout)


if __name__ == "__main__":
    sys.exit(main())
