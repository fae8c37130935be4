"""With granularity 'line', the lines that pykcov reports of the standard library are exactly those that ran."""

import ast
import importlib.util
import re
import sys
from pathlib import Path

import pytest
from comparing import Compare

DRIVERS = sorted((Path(__file__).parent / "drivers").glob("drive_*.py"))

# What differs for a reason, by driver: since which version, how the difference is told, and why it is none of ours.
EXPLAINED = {
    # CPython tells no tracer of a return that its compiler has copied behind the end of a for loop.
    "email": ((3, 14), r".*/email/message\.py:\d+ did not run, "),
    # An executor is part of a cycle: its weak references are told by the garbage collector, which interrupts.
    "threads": ((3, 14), r".*/concurrent/futures/thread\.py:\d+ ran, "),
}


def unexplained(driver: Path, differences: list[str]) -> list[str]:
    since, pattern = EXPLAINED.get(driver.stem.removeprefix("drive_"), ((4,), ""))
    return [said for said in differences if sys.version_info < since or not re.match(pattern, said)]


def included(driver: Path) -> list[str]:
    """The modules that a driver drives: those of its INCLUDE that this Python has."""
    for statement in ast.parse(driver.read_text()).body:
        if isinstance(statement, ast.Assign) and ast.unparse(statement.targets[0]) == "INCLUDE":
            patterns = ast.literal_eval(statement.value)
            return [pattern for pattern in patterns if importlib.util.find_spec(pattern.removesuffix(".*"))]
    raise AssertionError(f"{driver.name} has no INCLUDE")


def test_at_least_25_modules_are_driven() -> None:
    assert len({pattern for driver in DRIVERS for pattern in included(driver)}) >= 25


@pytest.mark.parametrize("driver", DRIVERS, ids=lambda driver: driver.stem.removeprefix("drive_"))
def test_lines_are_the_oracles(driver: Path, compare: Compare) -> None:
    both = compare(str(driver), include=included(driver))
    assert unexplained(driver, both.differences()) == []
    assert sum(map(len, both.pykcov.lines.values())) > 100
    assert both.pykcov.output == both.oracle.output
    assert both.pykcov.status == both.oracle.status == 0, both.pykcov.errors + both.oracle.errors


def test_the_drivers_own_lines_are_the_oracles(compare: Compare) -> None:
    folder = DRIVERS[0].parent
    for name in ("drive_asyncio.py", "drive_collections.py"):
        both = compare(str(folder / name), source=[str(folder)])
        assert both.differences() == []
        assert {Path(file).name for file in both.pykcov.lines} == {name, "fresh.py"}


def test_json_tool_on_a_real_file(compare: Compare, tmp_path: Path) -> None:
    document = tmp_path / "document.json"
    document.write_text('{"menu": {"items": [1, -2.5e3, true, null, {"text": "\\u00e9\\n"}], "empty": [{}, []]}}')
    both = compare("-m", "json.tool", "--sort-keys", str(document), include=["json.*"])
    assert both.differences() == []
    names = {str(Path(file).relative_to(Path(ast.__file__).parent)) for file in both.pykcov.lines}
    assert names == {f"json/{name}.py" for name in ("__init__", "decoder", "encoder", "scanner", "tool")}
    assert both.pykcov.output == both.oracle.output
    assert both.pykcov.status == both.oracle.status == 0
