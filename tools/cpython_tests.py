"""Runs CPython's own tests bare and under all probes, and compares the results test by test.

    tools/cpython_tests.py [--python PYTHON] [--jobs N] [--timeout SECONDS] [--results FOLDER [--resume]] [MODULE...]

Modules of the `test` package (all of them by default, but for those in cpython_tests_excluded.txt) run twice, each time
in a process of their own: bare; and with probes of lines, blocks and comparisons in all Python code of the process, the
tests, unittest and the standard library included, while a device records what the main thread compares and counts what
it reaches. The result of each test must be the same: passed, failed with the same message, skipped.

What differs runs again, both ways: a test that differs only once, or from itself, is unstable, and no difference.
Differences that have a reason are in cpython_tests_differences.txt. Exits with 1 if there is another one. With
--results, what each process found is kept in a folder; --resume runs only what is not there yet.
"""

import argparse
import fnmatch
import json
import os
import platform
import shutil
import signal
import subprocess
import sys
import tempfile
import textwrap
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

HERE = Path(__file__).parent.resolve()
CHILD = HERE / "cpython_tests_child.py"
VERSION = ".".join(platform.python_version_tuple()[:2])
# Probed tests get so many times the time of bare ones: what takes seconds to import takes longer to instrument.
PATIENCE = 4


class Run(NamedTuple):
    """One process: what it found, or why it found nothing."""

    outcomes: dict[str, str]
    recorded: int = 0
    seconds: float = 0.0
    complaint: str = ""
    skipped: str = ""


class Settings(NamedTuple):
    """How to run."""

    timeout: float
    results: Path | None
    resume: bool


class Verdict(NamedTuple):
    """What both runs of a module say."""

    module: str
    bare: Run
    probed: Run
    different: list[tuple[str, str]]
    """Tests, and how they differ."""
    unstable: list[str]
    """Tests that differ from run to run."""


def run(module: str, probed: bool, settings: Settings, attempt: int) -> Run:
    """Run the tests of a module in a new process, or look up what such a process has found."""
    kept = settings.results and settings.results / f"{module}.{'probed' if probed else 'bare'}.{attempt}.json"
    if kept and settings.resume and kept.exists():
        return Run(**json.loads(kept.read_text()))
    done = _run(module, probed, settings.timeout * (PATIENCE if probed else 1))
    if kept:
        kept.write_text(json.dumps(done._asdict()))
    return done


def _run(module: str, probed: bool, timeout: float) -> Run:
    folder = Path(tempfile.mkdtemp(prefix="cpython-tests-"))
    results, output = folder / "results.json", folder / "output"
    work = folder / "work"
    work.mkdir()
    start = time.monotonic()
    # A file, as processes that the tests leave behind would keep a pipe open.
    with output.open("wb") as out:
        process = subprocess.Popen(
            [sys.executable, str(CHILD), *(["--probed"] if probed else []), str(results), module],
            cwd=work,
            env=os.environ | {"PYTHONHASHSEED": "0", "PYTHONDONTWRITEBYTECODE": "1"},
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            status = process.wait(timeout)
            complaint = f"ended with {status}"
        except subprocess.TimeoutExpired:
            complaint = f"took longer than {timeout:.0f} s"
        # Also those that the tests have left behind.
        end_group(process.pid)
        process.wait()
    seconds = time.monotonic() - start
    found: dict[str, Any] = {"outcomes": {}}
    if results.exists():
        found, complaint = json.loads(results.read_text()), ""
    else:
        complaint += ": " + output.read_bytes()[-1500:].decode(errors="replace")
    shutil.rmtree(folder, ignore_errors=True)
    return Run(**found, seconds=round(seconds, 1), complaint=complaint)


def end_group(group: int) -> None:
    """End the processes of a group that still run."""
    try:
        os.killpg(group, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        return


def differences(module: str, bare: Run, probed: Run) -> dict[str, str]:
    """Return tests with different outcomes, and what they are."""
    if bare.complaint:
        return {}
    if probed.complaint:
        return {module: f"bare: ended; probed: {probed.complaint}"}
    before, after = dict(bare.outcomes), dict(probed.outcomes)
    before[module], after[module] = bare.skipped, probed.skipped
    return {
        name: f"bare: {before.get(name, 'not run')}; probed: {after.get(name, 'not run')}"
        for name in sorted(before.keys() | after.keys())
        if before.get(name) != after.get(name)
    }


def judge(module: str, settings: Settings) -> Verdict:
    """Run a module both ways, and again if anything differs."""
    bare, probed = (run(module, probed, settings, 1) for probed in (False, True))
    different = differences(module, bare, probed)
    unstable: list[str] = []
    if any(not explained(name) for name in different):
        again = differences(module, *(run(module, probed, settings, 2) for probed in (False, True)))
        unstable = [name for name in different if name not in again and not explained(name)]
        different = {name: what for name, what in different.items() if name not in unstable}
    return Verdict(module, bare, probed, list(different.items()), unstable)


def explained(name: str) -> str:
    """Return why a test may differ, '' if there is no reason."""
    for versions, pattern, reason in _table("cpython_tests_differences.txt"):
        if _means_this(versions) and fnmatch.fnmatchcase(name, pattern):
            return reason
    return ""


def excluded() -> dict[str, str]:
    """Return the modules that are not run, and why."""
    return {
        module: reason
        for versions, module, reason in _table("cpython_tests_excluded.txt")
        if _means_this(versions) and reason
    }


def _table(name: str) -> Iterator[tuple[str, str, str]]:
    for line in (HERE / name).read_text().splitlines():
        if line and not line.startswith("#"):
            versions, _, rest = line.partition(" ")
            pattern, _, reason = rest.partition(" ")
            yield versions, pattern, reason


def _one_line(what: str) -> str:
    return textwrap.shorten(what, 400)


def _means_this(versions: str) -> bool:
    return versions == "all" or VERSION in versions.split(",")


def all_modules() -> set[str]:
    """Return the names of all modules with tests."""
    import test  # type: ignore[import-not-found]

    return {
        path.stem
        for path in Path(test.__path__[0]).glob("test_*")
        if path.suffix == ".py" or (path / "__init__.py").exists()
    }


def check_all(modules: list[str], jobs: int, settings: Settings) -> int:
    """Run everything, print differences and counts, return the exit status."""
    compared = tests = recorded = 0
    with_reason: list[str] = []
    unexplained: list[str] = []
    unstable: list[str] = []
    ends_badly: list[str] = []
    skipped: list[str] = []
    bare_seconds = probed_seconds = 0.0
    with ThreadPoolExecutor(jobs) as pool:
        for module, bare, probed, different, flickering in pool.map(lambda name: judge(name, settings), modules):
            bare_seconds += bare.seconds
            probed_seconds += probed.seconds
            unstable += flickering
            if bare.complaint:
                ends_badly.append(module)
                print(f"{module}: does not end without probes either: {bare.complaint[-300:]}", flush=True)
                continue
            if bare.skipped and not different:
                skipped.append(module)
                continue
            compared += 1
            tests += len(bare.outcomes)
            recorded += probed.recorded
            print(f"{module}: {len(bare.outcomes)} tests, {bare.seconds:.1f} s, {probed.seconds:.1f} s", flush=True)
            for name, what in different:
                reason = explained(name)
                (with_reason if reason else unexplained).append(name)
                print(f"  {name}: {_one_line(what)}\n    {reason or 'NO REASON KNOWN'}", flush=True)
            for name in flickering:
                print(f"  {name}: differs from run to run", flush=True)
    print(f"CPython {platform.python_version()}")
    print(f"  {compared} modules compared, {tests} tests, {recorded} entries recorded")
    print(f"  {len(unexplained)} differences without a reason, {len(with_reason)} with one")
    print(f"  {len(unstable)} tests that differ from run to run: {' '.join(unstable)}")
    print(f"  {len(skipped)} modules that are skipped here: {' '.join(skipped)}")
    print(f"  {len(ends_badly)} modules that do not end without probes either: {' '.join(ends_badly)}")
    print(f"  {bare_seconds:.0f} s bare, {probed_seconds:.0f} s probed")
    return 1 if unexplained else 0


def main() -> int:
    """Read the arguments and do what they say."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--python", help="the Python to run and test; pykcov is installed there")
    parser.add_argument("--jobs", type=int, default=2, metavar="N", help="modules at once")
    parser.add_argument("--timeout", type=float, default=300, metavar="SECONDS", help="for the bare tests of a module")
    parser.add_argument("--results", type=Path, metavar="FOLDER", help="keep what each process found there")
    parser.add_argument("--resume", action="store_true", help="run only what is not in that folder")
    parser.add_argument("modules", nargs="*", metavar="MODULE", help="such as test_json")
    options = parser.parse_args()
    if options.python:
        others = [argument for argument in sys.argv[1:] if argument not in ("--python", options.python)]
        os.execvp(options.python, [options.python, __file__, *others])
    if options.results:
        options.results.mkdir(parents=True, exist_ok=True)
    settings = Settings(options.timeout, options.results, options.resume)
    known = all_modules() | excluded().keys()
    for module in options.modules:
        if module.partition(".")[0] not in known:
            print(f"{module}: CPython {VERSION} has no such tests", file=sys.stderr)
    modules = [module for module in options.modules if module.partition(".")[0] in known]
    if not options.modules:
        modules = sorted(known - excluded().keys())
    return check_all(modules, options.jobs, settings) if modules else 2


if __name__ == "__main__":
    sys.exit(main())
