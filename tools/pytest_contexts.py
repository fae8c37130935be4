"""Compares the lines that each test runs by the pytest plugin with those by coverage.py's --cov-context=test.

    tools/pytest_contexts.py [LIBRARY]... [--keep FOLDER]

Runs the test suites of libraries from their source distributions (by pip) bare, with pytest-cov, twice, and with
pykcov; says whether the outcomes are the same, how large the data files are, and prints each line of a test that only
one of the two recorded, unless there is a reason (Reasons). Exit code 1 if anything else differs, or if a line is
missing from the totals. Needs pytest-cov, and what the suites need.
"""

import argparse
import re
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from types import CodeType

from coverage import CoverageData

_OUTCOME = re.compile(r"(\S+\.py::.*) (PASSED|FAILED|ERROR|SKIPPED|XFAIL|XPASS)\b")
_NOT_COLLECTED = re.compile(r"ERROR (\S*/[^: ]*\.py)( - |$)")
PARTS = ("setup", "run", "teardown")
BARGING_IN = ("(signal)", "(collector)", "(exit)")
_WIDER_SCOPES = ("|class", "|module", "|package", "|session")


@dataclass(frozen=True)
class Library:
    """A library with its tests."""

    name: str
    version: str
    package: str
    """The folder of its code, within the sdist."""
    requirements: tuple[str, ...] = ()
    tests: str = "tests"
    """What pytest is to run, within the sdist."""
    by_chance: tuple[tuple[str, int], ...] = ()
    """Lines, by the name of their file, that a test runs in one run and not in the next."""
    timed: tuple[str, ...] = ()
    """Names of tests whose lines depend on what is done in time."""
    workers: tuple[str, ...] = ()
    """Names of files of which threads that serve whoever comes run some lines: pykcov takes these for nobody's."""
    forking: tuple[str, ...] = ()
    """Names of tests that fork: coverage.py does not see what the child runs."""
    options: tuple[str, ...] = ()
    """What else it is given."""

    @property
    def paths(self) -> list[str]:
        """What has to be on sys.path, within the sdist."""
        return [str(Path(self.package).parent), "."]


LIBRARIES = {
    library.name: library
    for library in (
        Library("packaging", "25.0", "src/packaging", ("pretend",)),
        Library("sqlparse", "0.5.3", "sqlparse"),
        Library("mistune", "3.1.3", "src/mistune"),
        Library("jinja2", "3.1.6", "src/jinja2", ("trio", "markupsafe"), by_chance=(("utils.py", 395),)),
        Library(
            "trio",
            "0.35.0",
            "src/trio",
            ("attrs", "sortedcontainers", "idna", "outcome", "sniffio", "trustme", "pyopenssl", "async_generator"),
            tests="src/trio",
            # trio runs tasks that can go on at the same time in random order.
            by_chance=(
                *(("test_highlevel_open_tcp_stream.py", line) for line in (576, 577)),
                *(("test_asyncgen.py", line) for line in (215, 217, 239)),
                *(("test_threads.py", line) for line in (540, 551)),
                *(("_dtls.py", 313), ("_memory_streams.py", 80), ("_memory_streams.py", 82)),
            ),
            timed=(
                *(
                    "test_run_in_worker_thread_limiter",
                    "test_wait_all_threads_completed",
                    "test_custom_errors_expedite",
                ),
                *("test_as_safe_channel_close_between_iteration", "test_channel_multiple_consumers"),
                *("test_channel_multiple_producers", "test_serve_listeners_connection_nursery", "test_interactive"),
                *("test_gc_as_packet_received", "test_connect_to_non_server", "test_incoming_buffer_overflow"),
                *("test_handshake_handles_minimum_network_mtu", "test_receive_error_during_handshake"),
                *("test_bad_deliver_cancel", "test_checkpoints", "test_guest_mode_asyncgens"),
            ),
            workers=("_thread_cache.py", "_threads.py", "_entry_queue.py", "test_thread_cache.py"),
            forking=("test_clear_thread_cache_after_fork",),
            options=("--ignore=src/trio/_tests/tools", "--ignore=src/trio/_tests/test_exports.py"),
        ),
        Library(
            "anyio",
            "4.13.0",
            "src/anyio",
            ("trio", "pytest-mock", "trustme", "psutil", "uvloop", "blockbuster", "hypothesis"),
            timed=(
                *("test_receive_large_buffer", "test_process_new_session_sid", "test_run_process_checked"),
                "test_extra_attributes",
            ),
            workers=("_asyncio.py", "_eventloop.py"),
            options=(
                # Its own ask for plugins by names that only an installed anyio has.
                *("-o", "addopts=", "-p", "anyio.pytest_plugin", "-p", "pytest_mock"),
                # It imports a name of pytest that pytest 9.2 warns of, and makes errors of warnings.
                *("-W", "ignore::pytest.PytestRemovedIn10Warning"),
                # Tests that fail where localhost has no IPv6, and leave sockets that make other tests fail; and one
                # that waits for three seconds only.
                "-k",
                "not ipv6 and not dualstack and not multi and not test_tcp_listener and not getaddrinfo "
                "and not keyboardinterrupt_during_test",
            ),
        ),
        Library(
            "tornado",
            "6.5.2",
            "tornado",
            tests="tornado/test",
            timed=(
                *("test_server_ping", "test_acquire_timeout_preempted", "test_sync_client", "test_sync_client_error"),
                *("test_error_after_cancel", "test_localhost", "test_large_read_until", "test_task_done"),
            ),
            forking=("test_multi_process",),
            # Tests that fail on a busy machine: they wait for half a second.
            options=("-o", "python_files=*_test.py", "-k", "not test_request_timeout and not RunnerGCTest"),
        ),
    )
}

Contexts = dict[str, dict[str, frozenset[int]]]
"""Files and lines, by context."""


@dataclass
class Run:
    """One run of a test suite."""

    outcomes: dict[str, str]
    """By test, and of files that could not be collected."""
    contexts: Contexts = field(default_factory=dict)
    size: int = 0
    """Bytes of the data file."""


def fetch(library: Library, folder: Path) -> Path:
    """Unpack the source distribution into `folder`, and return where it is."""
    root = folder / f"{library.name}-{library.version}"
    if not root.exists():
        pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
        wanted = f"{library.name}=={library.version}"
        subprocess.run([*pip, "download", "--no-deps", "--no-binary", ":all:", "-d", str(folder), wanted], check=True)
        if library.requirements:
            subprocess.run(
                [*pip, "install", "--target", str(folder / "requirements"), *library.requirements], check=True
            )
        with tarfile.open(f"{root}.tar.gz") as archive:
            archive.extractall(folder, filter="data")
    return root


def command(library: Library, arguments: Sequence[str]) -> list[str]:
    """Return the command line of a test suite, to which nothing else is added than `arguments`."""
    pytest = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"]
    return [*pytest, *arguments, *library.options, library.tests]


def environment(library: Library, root: Path) -> dict[str, str]:
    """Return the environment that the suite runs in."""
    paths = [*(root / path for path in library.paths), root.parent / "requirements"]
    return {
        "PATH": "/usr/bin:/bin",
        "PYTHONPATH": ":".join(map(str, paths)),
        "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
    }


BARE: list[str] = []


def with_coverage(library: Library, data_file: str) -> tuple[list[str], dict[str, str]]:
    """Return the arguments and the environment that record contexts with pytest-cov."""
    arguments = ["-p", "pytest_cov", f"--cov={library.package}", "--cov-context=test", "--cov-report="]
    return [*arguments, "--cov-config=/dev/null"], {"COVERAGE_FILE": data_file}


def with_pykcov(library: Library, data_file: str, context: str = "test") -> tuple[list[str], dict[str, str]]:
    """Return the same for pykcov."""
    arguments = ["-p", "pytest_pykcov", "--pykcov", f"--pykcov-source={library.package}"]
    arguments += ["--pykcov-config=", "--pykcov-report="]
    return [*arguments, f"--pykcov-context={context}"], {"COVERAGE_FILE": data_file}


def run(library: Library, root: Path, arguments: Sequence[str], extra: dict[str, str]) -> Run:
    """Run a suite and read what it recorded. Raises AssertionError if no test ran."""
    done = subprocess.run(
        command(library, [*arguments, "-vv", "--tb=no"]),
        cwd=root,
        env=environment(library, root) | extra,
        capture_output=True,
        text=True,
    )
    outcomes = {match[1]: match[2] for match in map(_OUTCOME.match, done.stdout.splitlines()) if match}
    outcomes |= {match[1]: "ERROR" for match in map(_NOT_COLLECTED.match, done.stdout.splitlines()) if match}
    assert outcomes, done.stdout + done.stderr
    data_file = extra.get("COVERAGE_FILE")
    if data_file is None:
        return Run(outcomes)
    return Run(outcomes, read(data_file), Path(data_file).stat().st_size)


def read(data_file: str) -> Contexts:
    """Return what a data file of coverage.py has."""
    data = CoverageData(data_file)
    data.read()
    contexts: dict[str, dict[str, set[int]]] = {}
    for file in data.measured_files():
        for line, names in data.contexts_by_lineno(file).items():
            for name in names:
                contexts.setdefault(name, {}).setdefault(file, set()).add(line)
    return {name: {file: frozenset(lines) for file, lines in found.items()} for name, found in contexts.items()}


def by_test(contexts: Contexts) -> dict[str, set[tuple[str, int]]]:
    """Return the lines of each test, whatever part of it ran them.

    Without line 0: coverage.py says so of the body of an empty file, which has no line.
    """
    found: dict[str, set[tuple[str, int]]] = {}
    for name, files in contexts.items():
        test, _, part = name.rpartition("|")
        lines = found.setdefault(test if part in PARTS else name, set())
        lines.update((file, line) for file, those in files.items() for line in those if line)
    return found


def differences(expected: Contexts, found: Contexts) -> Iterator[tuple[str, str, str, int]]:
    """Yield the lines that only one of two has: who has it, the context, file and line."""
    one, other = by_test(expected), by_test(found)
    for name in dict.fromkeys([*one, *other]):
        for who, lines in (
            ("coverage.py", one.get(name, set()) - other.get(name, set())),
            ("pykcov", other.get(name, set()) - one.get(name, set())),
        ):
            for file, line in sorted(lines):
                yield who, name, file, line


def lost_track(contexts: Contexts) -> set[str]:
    """Return the tests in which coverage.py takes a file for another: lines that the file does not have.

    It happens where a coroutine is cancelled on CPython 3.11: the lines of asyncio and unittest are counted for what
    called these, for the rest of the test.
    """
    return {
        name
        for name, lines in by_test(contexts).items()
        if any(line not in lines_in(file) for file, line in lines if Path(file).exists())
    }


@cache
def lines_in(file: str) -> frozenset[int]:
    """Return the lines that a file has code at."""
    found: set[int] = set()
    codes = [compile(Path(file).read_text(), file, "exec", dont_inherit=True)]
    while codes:
        code = codes.pop()
        found.update(line for _, _, line in code.co_lines() if line is not None)
        codes.extend(constant for constant in code.co_consts if isinstance(constant, CodeType))
    return frozenset(found)


def missing_from_totals(library: Library, expected: Contexts, again: Contexts, found: Contexts) -> set[tuple[str, int]]:
    """Return the lines that coverage.py has each time and pykcov has in no context at all."""
    lost = lost_track(expected)
    surely = (lines for name, lines in by_test(expected).items() if name not in lost)
    each_time = set().union(*surely) & set().union(*by_test(again).values())
    missing = each_time - set().union(*by_test(found).values())
    return {(file, line) for file, line in missing if (Path(file).name, line) not in library.by_chance}


@dataclass
class Reasons:
    """Why coverage.py and pykcov may differ in a line of a test."""

    library: Library
    apart: set[tuple[str, int]]
    """Lines in contexts of pykcov that are no tests: what barged in, fixtures of wider scope, threads of workers."""
    lost: set[str]
    unsteady: set[tuple[str, str]]
    """Tests and files of which coverage.py itself has other lines when it runs them again."""

    def explain(self, who: str, name: str, file: str, line: int) -> bool:
        """Return whether there is a reason.

        The line barged in on the test where coverage.py has it, or a fixture ran it that the test was the first to
        use; a thread that serves whoever comes ran it; coverage.py lost track; the test forks; or what it runs is a
        matter of time or chance.
        """
        if name in self.lost or (Path(file).name, line) in self.library.by_chance or (name, file) in self.unsteady:
            return True
        test = name.rpartition("::")[2].partition("[")[0]
        if test in self.library.timed or (who == "pykcov" and test in self.library.forking):
            return True
        if who == "coverage.py":
            return (file, line) in self.apart
        return is_apart(name) or by_worker(self.library, name, file)


def is_apart(context: str) -> bool:
    """Return whether a context is none of a test."""
    return context in BARGING_IN or context.endswith(_WIDER_SCOPES)


def by_worker(library: Library, context: str, file: str) -> bool:
    """Return whether a context of pykcov has the lines of a file as no test's because a worker's thread ran them."""
    return context == "" and Path(file).name in library.workers


def reasons(library: Library, expected: Contexts, again: Contexts, found: Contexts) -> Reasons:
    """Return what may explain a difference; `again`: what coverage.py has of a second run."""
    apart = {
        (file, line)
        for name, files in found.items()
        for file, lines in files.items()
        if is_apart(name) or by_worker(library, name, file)
        for line in lines
    }
    unsteady = {(name, file) for _, name, file, _ in differences(expected, again)}
    return Reasons(library, apart, lost_track(expected), unsteady)


def main() -> int:
    """Compare, and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("library", nargs="*", default=list(LIBRARIES), metavar="LIBRARY", help=", ".join(LIBRARIES))
    parser.add_argument("--keep", type=Path, help="where to unpack, and to leave the data files")
    options = parser.parse_args()
    failed = False
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.keep or Path(temporary)
        folder.mkdir(exist_ok=True)
        for name in options.library:
            failed |= not compare(LIBRARIES[name], folder)
    return failed


def compare(library: Library, folder: Path) -> bool:
    """Compare one library; return whether all is the same."""
    root = fetch(library, folder)
    bare = run(library, root, BARE, {})
    theirs = run(library, root, *with_coverage(library, str(folder / f"{library.name}.coverage")))
    again = run(library, root, *with_coverage(library, str(folder / f"{library.name}.again")))
    ours = run(library, root, *with_pykcov(library, str(folder / f"{library.name}.pykcov")))
    parts = run(library, root, *with_pykcov(library, str(folder / f"{library.name}.parts"), "setup-call-teardown"))
    same = bare.outcomes == theirs.outcomes == ours.outcomes == parts.outcomes and len(bare.outcomes) > 0
    print(
        f"{library.name}: {len(bare.outcomes)} outcomes, {'all the same' if same else 'NOT the same'}; data file of "
        f"coverage.py {theirs.size}, pykcov {ours.size} (with parts {parts.size}) bytes"
    )
    why = reasons(library, theirs.contexts, again.contexts, ours.contexts)
    found = [one for one in differences(theirs.contexts, ours.contexts) if not why.explain(*one)]
    missing = missing_from_totals(library, theirs.contexts, again.contexts, ours.contexts)
    for file, line in sorted(missing):
        print(f"  missing from the totals: {Path(file).relative_to(root)}:{line}")
    for who, context, file, line in found[:50]:
        print(f"  only {who}: {context or '(outside of tests)'} {Path(file).relative_to(root)}:{line}")
    for who, context, file, line in list(differences(theirs.contexts, parts.contexts))[:20]:
        print(f"  with parts, only {who}: {context or '(outside of tests)'} {Path(file).relative_to(root)}:{line}")
    lines = by_test(theirs.contexts)
    print(
        f"  {len(found)} differences in {sum(map(len, lines.values()))} lines of {len(lines)} contexts; "
        f"coverage.py has {len(theirs.contexts)} contexts (lost track in {len(why.lost)}), pykcov {len(ours.contexts)}"
    )
    return same and not found and not missing


if __name__ == "__main__":
    sys.exit(main())
