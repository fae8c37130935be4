"""Test suites of libraries, from their source distributions: how they run bare, with pytest-cov and with pykcov."""

import json
import re
import subprocess
import sys
import tarfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from coverage import CoverageData

_OUTCOME = re.compile(r"(\S+\.py::.*) (PASSED|FAILED|ERROR|SKIPPED|XFAIL|XPASS)\b")
_NOT_COLLECTED = re.compile(r"ERROR (\S*/[^: ]*\.py)( - |$)")


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
    workers: tuple[str, ...] = ()
    """Names of files of which threads that serve whoever comes run some lines: pykcov takes these for nobody's."""
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
        Library("jinja2", "3.1.6", "src/jinja2", ("trio", "markupsafe")),
        Library(
            "trio",
            "0.35.0",
            "src/trio",
            ("attrs", "sortedcontainers", "idna", "outcome", "sniffio", "trustme", "pyopenssl", "async_generator"),
            tests="src/trio",
            workers=("_thread_cache.py", "_threads.py", "_entry_queue.py", "test_thread_cache.py"),
            options=("--ignore=src/trio/_tests/tools", "--ignore=src/trio/_tests/test_exports.py"),
        ),
        Library(
            "anyio",
            "4.13.0",
            "src/anyio",
            ("trio", "pytest-mock", "trustme", "psutil", "uvloop", "blockbuster", "hypothesis"),
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
            # Tests that fail on a busy machine: they wait for half a second.
            options=("-o", "python_files=*_test.py", "-k", "not test_request_timeout and not RunnerGCTest"),
        ),
    )
}

# Its suite is older than pytest 9.1, which deprecates what it does.
CLICK = Library("click", "8.1.8", "src/click", options=("-W", "ignore::pytest.PytestRemovedIn10Warning"))

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
LIKE_COVERAGE = {"PYKCOV_SUBPROCESSES": "0"}
"""Programs that tests start are not traced by coverage.py, unless it is configured to."""


def with_coverage(library: Library, data_file: str, *, branch: bool = False) -> tuple[list[str], dict[str, str]]:
    """Return the arguments and the environment that record contexts with pytest-cov."""
    arguments = ["-p", "pytest_cov", f"--cov={library.package}", "--cov-context=test", "--cov-report="]
    arguments += ["--cov-branch"] * branch
    return [*arguments, "--cov-config=/dev/null"], {"COVERAGE_FILE": data_file}


def with_pykcov(
    library: Library, data_file: str, context: str = "test", *, branch: bool = False
) -> tuple[list[str], dict[str, str]]:
    """Return the same for pykcov."""
    arguments = ["-p", "pytest_pykcov", "--pykcov", f"--pykcov-source={library.package}"]
    arguments += ["--pykcov-config=", "--pykcov-report=", *["--pykcov-branch"] * branch]
    return [*arguments, f"--pykcov-context={context}"], {"COVERAGE_FILE": data_file, **LIKE_COVERAGE}


PLUGINS = Path(__file__).with_name("suite_plugins")


def with_judge(library: Library, root: Path, data_file: str) -> tuple[list[str], dict[str, str]]:
    """Return the same for sys.settrace(); PLUGINS must be on sys.path."""
    return ["-p", "judge"], {"COVERAGE_FILE": data_file, "JUDGED": str(root / library.package)}


def with_witness(lines: dict[str, list[int]], data_file: str) -> tuple[list[str], dict[str, str]]:
    """Return the same for statements planted at lines, by file; PLUGINS must be on sys.path."""
    return ["-p", "witness"], {"COVERAGE_FILE": data_file, "WITNESSED": json.dumps(lines)}


def run(
    library: Library, root: Path, arguments: Sequence[str], extra: dict[str, str], seconds: float | None = None
) -> Run:
    """Run a suite and read what it recorded. Raises AssertionError if no test ran.

    Raises subprocess.TimeoutExpired if it takes more than so many seconds.
    """
    if (data_file := extra.get("COVERAGE_FILE")) is not None:
        Path(data_file).unlink(missing_ok=True)  # an older one must not be taken for this run's
    done = subprocess.run(
        command(library, [*arguments, "-vv", "--tb=no"]),
        cwd=root,
        env=environment(library, root) | extra,
        capture_output=True,
        text=True,
        timeout=seconds,
    )
    outcomes = {match[1]: match[2] for match in map(_OUTCOME.match, done.stdout.splitlines()) if match}
    outcomes |= {match[1]: "ERROR" for match in map(_NOT_COLLECTED.match, done.stdout.splitlines()) if match}
    assert outcomes, done.stdout + done.stderr
    return with_data(outcomes, data_file)


def with_data(outcomes: dict[str, str], data_file: str | None) -> Run:
    """Return a run with these outcomes and what its data file has."""
    if data_file is None:
        return Run(outcomes)
    return Run(outcomes, read(data_file), Path(data_file).stat().st_size)


def read(data_file: str) -> Contexts:
    """Return what a data file of coverage.py has."""
    if not Path(data_file).exists():
        raise FileNotFoundError(f"{data_file}: the run has left no data")
    data = CoverageData(data_file)
    data.read()
    contexts: dict[str, dict[str, set[int]]] = {}
    for file in data.measured_files():
        for line, names in data.contexts_by_lineno(file).items():
            for name in names:
                contexts.setdefault(name, {}).setdefault(file, set()).add(line)
    return {name: {file: frozenset(lines) for file, lines in found.items()} for name, found in contexts.items()}
