"""Breaks functions of libraries: the tests that fail then must be among those that `pykcov affected` names.

    tools/pytest_faults.py [LIBRARY]... [--faults N] [--seed N] [--folder FOLDER]

Runs the test suite of a library, from its source distribution, with `pytest --pykcov`. Then puts a fault into one
function after the other, chosen at random among those that tests ran, asks `pykcov affected`, and runs the suite.
Exit code 1 if a test failed that was not named. Needs git, pip, and what the suites need.
"""

import argparse
import ast
import functools
import os
import random
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path

import pytest_libraries as suites
from coverage import CoverageData

FAULTS = ("raise RuntimeError('a seeded fault')", "return None")


@dataclass(frozen=True)
class Place:
    """A function whose body may be broken."""

    file: Path
    name: str
    first: int
    """Line where its body begins, a decorator perhaps."""
    statement: int
    """Line of the first statement of its body."""
    indent: int


def functions_in(package: Path) -> Iterator[Place]:
    """Yield the functions of a package that can be broken."""
    for file in sorted(package.rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_bytes())):
            if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                continue
            body = node.body[1:] if ast.get_docstring(node) is not None else node.body
            # What is on the line of its def cannot be broken so.
            if body and body[0].lineno > node.lineno:
                first = min([body[0].lineno, *(one.lineno for one in getattr(body[0], "decorator_list", ()))])
                yield Place(file, node.name, first, body[0].lineno, body[0].col_offset)


def functions_that_ran(library: suites.Library, root: Path, data_file: str) -> Iterator[Place]:
    """Yield the functions of a library that any test ran."""
    data = CoverageData(data_file)
    data.read()
    contexts = functools.cache(data.contexts_by_lineno)
    for place in functions_in(root / library.package):
        if any(set(contexts(str(place.file.resolve())).get(place.statement, ())) - {""}):
            yield place


@contextmanager
def broken(place: Place, fault: str) -> Iterator[None]:
    """Put a fault into a function, for as long as the context lasts."""
    text = place.file.read_bytes()
    lines = text.decode().splitlines(keepends=True)
    lines.insert(place.first - 1, " " * place.indent + fault + "\n")
    place.file.write_text("".join(lines))
    try:
        yield
    finally:
        place.file.write_bytes(text)


def named(root: Path, data_file: str, environment: dict[str, str]) -> tuple[set[str], str]:
    """Return what `pykcov affected` names, and why."""
    done = subprocess.run(
        [sys.executable, "-m", "pykcov", "affected", "--data", data_file, "--null"],
        cwd=root,
        env=environment,
        capture_output=True,
        text=True,
    )
    assert done.returncode in (0, 1), done.stderr
    assert "Traceback" not in done.stderr, done.stderr
    return set(done.stdout.split("\0")) - {""}, done.stderr


def is_named(test: str, names: set[str]) -> bool:
    """Return whether a test, or all of its file, is among names."""
    return test in names or test.partition("::")[0] in names


def check(library: suites.Library, folder: Path, faults: int, seed: int) -> int:
    """Try a library; return how many failing tests were not named."""
    root = suites.fetch(library, folder)
    data_file = str(folder / f"{library.name}.data")
    git = ["git", "-c", "user.name=a", "-c", "user.email=a@b", "-C", str(root)]
    if not (root / ".git").exists():
        (root / ".gitignore").write_text("__pycache__\n")
        for words in (["init", "-q"], ["add", "."], ["commit", "-qm", "as it is"]):
            subprocess.run([*git, *words], check=True)
    arguments, extra = suites.with_pykcov(library, data_file)
    before = suites.run(library, root, arguments, extra).outcomes
    assert before, f"{library.name}: no test ran"
    assert named(root, data_file, os.environ | {}) == (set(), "")
    places = list(functions_that_ran(library, root, data_file))
    chosen = random.Random(seed).sample(places, min(faults, len(places)))
    print(f"{library.name}: {len(before)} tests, {len(places)} functions ran, {len(chosen)} of them are broken")
    missed = 0
    for number, place in enumerate(chosen):
        with broken(place, FAULTS[number % 2]):
            names, why = named(root, data_file, os.environ | {})
            after = suites.run(library, root, suites.BARE, {}).outcomes
        not_collected = {file for file, outcome in after.items() if outcome == "ERROR" and "::" not in file}
        failing = {
            test
            for test, outcome in before.items()
            if test.partition("::")[0] in not_collected or after.get(test, "gone") != outcome
        }
        count = sum(is_named(test, names) for test in before)
        lost = sorted(test for test in failing if not is_named(test, names))
        missed += len(lost)
        where = f"{place.file.relative_to(root)}:{place.first} {place.name}"
        print(f"  {where}: {len(failing)} fail, {count} named, {len(lost)} of the failing not", flush=True)
        for words in [*lost[:5], *(why.splitlines() if lost else [])]:
            print(f"    {words}")
    return missed


def main() -> int:
    """Try libraries."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("library", nargs="*", default=list(suites.LIBRARIES), metavar="LIBRARY")
    parser.add_argument("--faults", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--folder", type=Path, help="where the suites are unpacked")
    options = parser.parse_args()
    missed = 0
    with nullcontext(options.folder) if options.folder else tempfile.TemporaryDirectory() as folder:
        Path(folder).mkdir(exist_ok=True)
        for name in options.library:
            missed += check(suites.LIBRARIES[name], Path(folder).resolve(), options.faults, options.seed)
    print(f"{missed} failing tests were not named")
    return missed > 0


if __name__ == "__main__":
    sys.exit(main())
