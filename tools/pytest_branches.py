"""Compares the branches that test suites run by the pytest plugin with those by `coverage run --branch`.

    tools/pytest_branches.py [LIBRARY]... [--keep FOLDER] [--contexts N]

Runs the test suites of libraries from their source distributions (by pip) under both, and compares what `coverage json`
makes of the two data files: missing lines, missing and executed branches of each file. With --contexts, also the lines
and branches of N tests by themselves. coverage.py uses its C tracer, since sys.monitoring tells less. Exit code 1 if
anything differs.
"""

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from context_differences import is_apart
from coverage import CoverageData
from coverage.parser import PythonParser
from pytest_libraries import CLICK, LIKE_COVERAGE, Library, command, environment, fetch

from pykcov.coverage.contexts import test_of

LIBRARIES = {
    library.name: library
    for library in (
        CLICK,
        Library("attrs", "25.3.0", "src/attr", ("hypothesis", "cloudpickle")),
        Library("jinja2", "3.1.6", "src/jinja2", ("markupsafe", "trio")),
        Library(
            "werkzeug",
            "3.1.3",
            "src/werkzeug",
            ("markupsafe", "ephemeral-port-reserve", "pytest-timeout", "watchdog", "cryptography", "cffi"),
            # Its development servers reload, and do not always come back on a busy machine.
            options=("-p", "pytest_timeout", "-m", "not dev_server", "-W", "ignore::pytest.PytestUnknownMarkWarning"),
        ),
        Library("sqlparse", "0.5.3", "sqlparse"),
        Library("packaging", "25.0", "src/packaging", ("pretend",)),
    )
}
KINDS = ("missing_lines", "missing_branches", "executed_branches")
Found = dict[str, dict[str, set[object]]]
"""By file and kind."""


def record(library: Library, root: Path, ours: bool, data_file: Path) -> None:
    """Run the suite once, with tests as contexts. Raises AssertionError if no data file was written."""
    own = environment(library, root)
    own |= {"COVERAGE_FILE": str(data_file), "COVERAGE_CORE": "ctrace", "PYTHONHASHSEED": "0"}
    if ours:
        arguments = ["-p", "pytest_pykcov", "--pykcov", "--pykcov-branch", f"--pykcov-source={library.package}"]
        arguments += ["--pykcov-config=", "--pykcov-report="]
        own |= LIKE_COVERAGE
    else:
        arguments = ["-p", "pytest_cov", f"--cov={library.package}", "--cov-branch", "--cov-context=test"]
        arguments += ["--cov-report=", "--cov-config=/dev/null"]
    seed = ["-p", "_hypothesis_pytestplugin", "--hypothesis-seed=0"] if "hypothesis" in library.requirements else []
    done = subprocess.run(
        command(library, [*arguments, "--tb=no", *seed]),
        cwd=root,
        env=own,
        capture_output=True,
        text=True,
    )
    assert data_file.exists(), done.stdout + done.stderr
    print(f"  {'pykcov' if ours else 'coverage.py'}: {done.stdout.strip().splitlines()[-1]}", flush=True)


def report(root: Path, data_file: Path) -> Found:
    """Return what `coverage json` says of a data file."""
    output = data_file.with_suffix(".json")
    arguments = ["json", "-q", "--rcfile=/dev/null", f"--data-file={data_file}", "-o", str(output)]
    subprocess.run([sys.executable, "-m", "coverage", *arguments], cwd=root, check=True)
    files = json.loads(output.read_text())["files"]
    return {
        os.path.abspath(root / file): {
            kind: {tuple(one) if isinstance(one, list) else one for one in found[kind]} for kind in KINDS
        }
        for file, found in files.items()
    }


def differences(theirs: Found, ours: Found) -> Iterator[str]:
    """Yield what only one of the two has. A file that only pykcov reports has not run."""
    for file in sorted({*theirs, *ours}):
        for kind in KINDS:
            one, other = (found.get(file, {}).get(kind, set()) for found in (theirs, ours))
            for who, only in (("coverage.py", one - other), ("pykcov", other - one)):
                for each in sorted(only, key=str):
                    yield f"{file}: {kind} {each} only {who}"


class Parsers:
    """What coverage.py knows of the branches of files."""

    def __init__(self) -> None:
        """Begin with none."""
        self._known: dict[str, tuple[PythonParser, set[tuple[int, int]]]] = {}

    def shown(self, file: str, arcs: set[tuple[int, int]]) -> set[object]:
        """Return what a report shows of arcs: statements that ran, and branches."""
        if file not in self._known:
            parser = PythonParser(filename=file)
            parser.parse_source()
            branching = {line for line, exits in parser.exit_counts().items() if exits > 1}
            self._known[file] = parser, {arc for arc in parser.arcs() if arc[0] in branching}
        parser, branches = self._known[file]
        lines = parser.translate_lines({line for arc in arcs for line in arc if line > 0}) & parser.statements
        return lines | parser.translate_arcs(arcs) & branches


def by_test(data_file: Path) -> tuple[CoverageData, dict[str, list[str]]]:
    """Return a data file, and the contexts of each test."""
    data = CoverageData(str(data_file))
    data.read()
    contexts: dict[str, list[str]] = {}
    for name in data.measured_contexts():
        contexts.setdefault(test_of(name), []).append(name)
    return data, contexts


def context_differences(one: Path, other: Path, number: int) -> Iterator[str]:
    """Yield what only one of two data files has of tests, `number` of them at most, chosen at random.

    Where pykcov has it in a context of its own, as it barged in on the test or a fixture of wider scope ran it, that is
    no difference.
    """
    parsers = Parsers()
    (theirs, their_tests), (ours, our_tests) = by_test(one), by_test(other)
    tests = sorted(test for test in {*their_tests, *our_tests} if "::" in test and not is_apart(test))
    apart = shown(parsers, ours, [name for name in ours.measured_contexts() if is_apart(name)])
    for test in random.Random(1).sample(tests, min(number, len(tests))):
        expected = shown(parsers, theirs, their_tests.get(test, []))
        found = shown(parsers, ours, our_tests.get(test, []))
        for who, only in (("coverage.py", expected - found - apart), ("pykcov", found - expected)):
            for file, each in sorted(only, key=str):
                yield f"{test}: {file} {each} only {who}"


def shown(parsers: Parsers, data: CoverageData, contexts: list[str]) -> set[tuple[str, object]]:
    """Return what a report shows of some contexts, with the file that it is in."""
    if not contexts:
        return set()
    data.set_query_contexts([f"^{_escaped(name)}$" for name in contexts])
    return {(file, each) for file in data.measured_files() for each in parsers.shown(file, set(data.arcs(file) or ()))}


def _escaped(name: str) -> str:
    return "".join(
        character if character.isalnum() else f"[{character}]" if character not in "^\\[]" else "."
        for character in name
    )


def compare(library: Library, folder: Path, contexts: int) -> bool:
    """Compare one library; return whether all is the same."""
    print(f"{library.name} {library.version}", flush=True)
    root = fetch(library, folder)
    files = folder / f"{library.name}.coverage", folder / f"{library.name}.pykcov"
    for file, ours in zip(files, (False, True), strict=True):
        record(library, root, ours, file)
    theirs, ours = (report(root, file) for file in files)
    # What coverage.py did not see at all has no lines that ran in either.
    found = list(differences(theirs, ours))
    branches = sum(len(kinds["executed_branches"]) + len(kinds["missing_branches"]) for kinds in theirs.values())
    print(f"  {len(found)} differences in {len(theirs)} files with {branches} branches")
    if contexts:
        by_contexts = list(context_differences(*files, contexts))
        print(f"  {len(by_contexts)} differences in the contexts of at most {contexts} tests")
        found += by_contexts
    for line in found[:60]:
        print("   ", line.replace(str(root), ""))
    return not found


def main() -> int:
    """Compare, and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("library", nargs="*", default=list(LIBRARIES), metavar="LIBRARY", help=", ".join(LIBRARIES))
    parser.add_argument("--keep", type=Path, help="where to unpack, and to leave the data files")
    parser.add_argument("--contexts", type=int, default=200, metavar="N", help="tests to compare (default: 200)")
    options = parser.parse_args()
    failed = False
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.keep or Path(temporary)
        folder.mkdir(exist_ok=True)
        for name in options.library:
            failed |= not compare(LIBRARIES[name], folder, options.contexts)
    return failed


if __name__ == "__main__":
    sys.exit(main())
