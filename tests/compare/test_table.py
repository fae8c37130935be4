"""What each comparison records: one row of table.txt each, in both layouts."""

import ast
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from common import BYTES, NAMES, function, traced

from pykcov import TRACE_CMP, Comparison


class Row(NamedTuple):
    """A line of the table: `source ; variables -> records`."""

    source: str
    variables: str
    records: list[str]


def rows() -> Iterator[Row]:
    for line in Path(__file__).with_name("table.txt").read_text(encoding="utf-8").splitlines():
        if line and not line.startswith("#"):
            left, _, right = line.partition(" -> ")
            source, _, variables = left.partition(" ; ")
            yield Row(source, variables, [] if right == "nothing" else right.split(" | "))


def shown(one: Comparison) -> str:
    """Return a record as the table has it."""
    words = [one.op, str(one.size), *["const"] * one.const, *["swapped"] * one.swapped]
    lengths = "" if one.size else f" of {one.length1}, {one.length2}"
    return f"{' '.join(words)}: {_shown(one.operand1)}, {_shown(one.operand2)}{lengths}"


def _shown(operand: object) -> str:
    # Surrogates do not fit into a file.
    text = ascii(operand) if isinstance(operand, str) and not operand.isprintable() else repr(operand)
    return hex(operand) if type(operand) is int and abs(operand) >> 31 else text


def source_of(row: Row) -> str:
    """Return a function `f` that evaluates the row's source; `match(x, P, ...)` is a match statement with cases."""
    if not row.source.startswith("match(x, "):
        return f"def f(x, y=None, z=None):\n return {row.source}\n"
    patterns = ast.parse(row.source, mode="eval").body
    assert isinstance(patterns, ast.Call)
    cases = [f"  case {ast.unparse(pattern)}: return {number}\n" for number, pattern in enumerate(patterns.args[1:])]
    return f"def f(x, y=None, z=None):\n match x:\n{''.join(cases)}"


def run(row: Row, mode: int) -> tuple[list[Comparison], object]:
    variables = eval(f"dict({row.variables})", dict(NAMES))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SyntaxWarning)  # x is 'a'
        compared = function(source_of(row))
    buffer, result, dropped = traced(lambda: compared(**variables), mode)
    assert dropped == 0
    return buffer.comparisons(), result


ROWS = list(rows())
IDS = [f"{row.source} ; {row.variables}"[:60] for row in ROWS]


@pytest.mark.parametrize("row", ROWS, ids=IDS)
def test_with_bytes_records_what_the_table_says(row: Row) -> None:
    assert [shown(one) for one in run(row, BYTES)[0]] == row.records


@pytest.mark.parametrize("row", ROWS, ids=IDS)
def test_plain_records_the_integers_alone_cut_to_64_bits(row: Row) -> None:
    expected = []
    for one in run(row, BYTES)[0]:
        if type(one.operand1) is int and type(one.operand2) is int:
            size = one.size or 8
            operands = [(operand & (1 << 8 * size) - 1) for operand in (one.operand1, one.operand2)]
            expected.append((one.const, size, *operands))

    with_plain = [
        (one.const, one.size, *[operand & (1 << 8 * one.size) - 1 for operand in (one.operand1, one.operand2)])  # type: ignore[operator]
        for one in run(row, TRACE_CMP)[0]
    ]

    assert with_plain == expected


@pytest.mark.parametrize("row", ROWS, ids=IDS)
def test_result_is_that_of_the_source_without_probes(row: Row) -> None:
    namespace = dict(NAMES)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SyntaxWarning)
        exec(source_of(row), namespace)
    try:
        bare = namespace["f"](**eval(f"dict({row.variables})", dict(NAMES)))
    except Exception as error:
        bare = error

    result = run(row, BYTES)[1]

    assert type(result) is type(bare)
    assert repr(result) == repr(bare)


def test_table_is_as_long_as_promised() -> None:
    assert len(ROWS) >= 200
    assert len({(row.source, row.variables) for row in ROWS}) == len(ROWS)
