"""Puts faults into libraries: how far up does the difference view of `pykcov explore` rank the faulty line?

    tools/pytest_suspicion.py [LIBRARY]... [--faults N] [--seed N] [--folder FOLDER]

Changes one expression after the other, chosen at random among those that tests run (a comparison, a condition, an
operator, a number or what is returned), and runs the test suite with `pytest --pykcov`. Each fault that at least one
test notices, and not half of them, counts, if the tests end. Lines are then ranked as the page does, failed tests
against passed ones. Prints for each fault at which row of the page the faulty line stands, and how many lines are as
suspicious as it or more. Exit code 1 if fewer than two thirds of the faulty lines are among the first ten rows.
"""

import argparse
import ast
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import dataclass
from math import sqrt
from pathlib import Path

import pytest_libraries as suites
from context_differences import by_test

from pykcov.explore.gather import gather
from pykcov.explore.model import Exploration

ROWS = 10
LIBRARIES = {
    library.name: library
    for library in (
        suites.LIBRARIES["sqlparse"],
        suites.LIBRARIES["mistune"],
        suites.LIBRARIES["jinja2"],
        suites.CLICK,
        suites.Library("more_itertools", "10.7.0", "more_itertools"),
    )
}
_OTHER = {
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.And: ast.Or,
    ast.Or: ast.And,
}


@dataclass(frozen=True)
class Fault:
    """An expression, all on one line, and what stands there instead."""

    file: Path
    statement: int
    """First line of the statement that it is in."""
    line: int
    start: int
    end: int
    """Columns in bytes."""
    text: str

    def applied(self, content: bytes) -> bytes:
        """Return the file with the fault."""
        lines = content.split(b"\n")
        line = lines[self.line - 1]
        lines[self.line - 1] = line[: self.start] + self.text.encode() + line[self.end :]
        return b"\n".join(lines)


def faults_in(file: Path) -> Iterator[Fault]:
    """Yield the faults that can be put into the functions of a file."""
    for function in ast.walk(ast.parse(file.read_bytes())):
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
            for statement in (one for part in function.body for one in ast.walk(part) if isinstance(one, ast.stmt)):
                for child in _expressions(statement):
                    text = _changed(statement, child)
                    if text and child.lineno == child.end_lineno and child.end_col_offset is not None:
                        yield Fault(
                            file, statement.lineno, child.lineno, child.col_offset, child.end_col_offset, f"({text})"
                        )


def _expressions(statement: ast.stmt) -> Iterator[ast.expr]:
    """Yield the expressions of a statement, but not those of statements in it."""
    todo = [one for one in ast.iter_child_nodes(statement) if isinstance(one, ast.expr)]
    while todo:
        one = todo.pop()
        yield one
        # Parts of f-strings have no columns before CPython 3.12.
        if not isinstance(one, ast.JoinedStr):
            todo += [child for child in ast.iter_child_nodes(one) if isinstance(child, ast.expr)]


def _changed(statement: ast.stmt, expression: ast.expr) -> str:
    """Return what an expression is changed into, '' if into nothing."""
    match expression:
        case ast.Compare(left, [operation], [right]) if type(operation) in _OTHER:
            return ast.unparse(ast.Compare(left, [_OTHER[type(operation)]()], [right]))
        case ast.BoolOp(operation, values):
            return ast.unparse(ast.BoolOp(_OTHER[type(operation)](), values))
        case ast.BinOp(left, operation, right) if type(operation) in _OTHER:
            return ast.unparse(ast.BinOp(left, _OTHER[type(operation)](), right))
        case ast.Constant(bool()) as constant:
            return repr(not constant.value)
        case ast.Constant(int(number)):
            return repr(number + 1)
    if isinstance(statement, ast.If | ast.While) and expression is statement.test:
        return f"not ({ast.unparse(expression)})"
    if isinstance(statement, ast.Return) and expression is statement.value:
        return "None"
    return ""


@dataclass(frozen=True)
class Standing:
    """Where the faulty line stands."""

    row: int
    """From 1; 0 if it is not suspicious at all."""
    as_suspicious: int
    """Lines that are as suspicious or more."""


def standing(exploration: Exploration, file: Path, line: int) -> Standing:
    """Rank as web/source/ochiai.ts does."""
    failed, passed = exploration.failed, {*range(len(exploration.contexts))} - exploration.failed
    ranked = []
    for number, (name, source) in enumerate(exploration.sources.items()):
        in_failed, in_passed = (_counts(source.contexts, those) for those in (failed, passed))
        for each, count in in_failed.items():
            if source.known >> each & 1:
                suspicion = count / sqrt(len(failed) * (count + in_passed.get(each, 0)))
                ranked.append((-suspicion, number, each, Path(name).resolve() == file))
    ranked.sort()
    for row, (suspicion, _, each, is_file) in enumerate(ranked, 1):
        if is_file and each == line:
            return Standing(row, sum(other[0] <= suspicion for other in ranked))
    return Standing(0, len(ranked))


def _counts(contexts: dict[int, int], those: set[int]) -> dict[int, int]:
    counts: dict[int, int] = {}
    for context, lines in contexts.items():
        if context in those:
            while lines:
                line = (lines & -lines).bit_length() - 1
                counts[line] = counts.get(line, 0) + 1
                lines &= lines - 1
    return counts


def check(library: suites.Library, folder: Path, wanted: int, seed: int) -> list[Standing]:
    """Try a library."""
    root = suites.fetch(library, folder)
    data_file, failed_file = folder / f"{library.name}.data", folder / f"{library.name}.failed"
    arguments, extra = suites.with_pykcov(library, str(data_file))
    begun = time.monotonic()
    before = suites.run(library, root, arguments, extra)
    patience = 60 + 5 * (time.monotonic() - begun)
    good = {test for test, outcome in before.outcomes.items() if outcome == "PASSED"}
    ran = {(file, line) for files in by_test(before.contexts).values() for file, line in files}
    faults = [
        fault
        for file in sorted((root / library.package).resolve().rglob("*.py"))
        for fault in faults_in(file)
        if (str(file), fault.statement) in ran
    ]
    random.Random(seed).shuffle(faults)
    print(f"{library.name}: {len(good)} tests pass, {len(faults)} faults are possible", flush=True)
    found: list[Standing] = []
    for fault in faults[: 5 * wanted]:
        if len(found) == wanted:
            break
        content = fault.file.read_bytes()
        data_file.unlink(missing_ok=True)
        fault.file.write_bytes(fault.applied(content))
        where = f"{fault.file.relative_to(root.resolve())}:{fault.statement}"
        try:
            after = suites.run(library, root, arguments, extra, patience).outcomes
            failing = {test for test in good if after.get(test, "gone") in ("FAILED", "ERROR")}
            if not 0 < len(failing) < len(good) / 2:
                print(f"  {where}: {len(failing)} tests fail: not counted", flush=True)
                continue
            failed_file.write_text("\n".join(failing))
            found.append(standing(gather([str(data_file)], failed=str(failed_file)), fault.file, fault.statement))
        except subprocess.TimeoutExpired:
            print(f"  {where}: the tests do not end: not counted", flush=True)
            continue
        finally:
            fault.file.write_bytes(content)
        print(f"  {where} {fault.text}: {len(failing)} tests fail, {found[-1]}", flush=True)
    return found


def main() -> int:
    """Try libraries."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("library", nargs="*", default=list(LIBRARIES), metavar="LIBRARY")
    parser.add_argument("--faults", type=int, default=6, help="of each library")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--folder", type=Path, help="where the suites are unpacked")
    options = parser.parse_args()
    found = []
    with nullcontext(options.folder) if options.folder else tempfile.TemporaryDirectory() as folder:
        Path(folder).mkdir(exist_ok=True)
        for name in options.library:
            found += check(LIBRARIES[name], Path(folder).resolve(), options.faults, options.seed)
    first = sum(0 < one.row <= ROWS for one in found)
    surely = sum(one.row > 0 and one.as_suspicious <= ROWS for one in found)
    print(
        f"{first} of {len(found)} faulty lines are among the first {ROWS} rows, {surely} however equal ones are ordered"
    )
    return first < 2 * len(found) / 3


if __name__ == "__main__":
    sys.exit(main())
