"""A plugin of pytest that puts probes into pykcov itself, and into its tests: `make test-itself`.

    python -m pytest -p tools.instrumented_by_itself [...]

All Python code of the package, also the rewriter and the import hook that put the probes in, and the tests get probes
of blocks and comparisons: what was imported before by way of its functions, the rest by an import hook that stays open
while the tests open and close theirs. What a test enables then records pykcov's own code, too. The tests must pass
nevertheless. Those that cannot are in instrumented_by_itself_differences.txt, with reasons, and are skipped; so are
named there the files that stay as they are. Programs that tests start in processes of their own are bare.

Fails if a function of the package, but for those files, is found without probes at the end.
"""

import fnmatch
import tracemalloc  # noqa: F401
from collections.abc import Iterator
from pathlib import Path
from types import FunctionType

import pytest

import pykcov
import pykcov.traces.records
from pykcov.instrument import alive
from pykcov.instrument.code import is_instrumented
from pykcov.instrument.functions import instrument_functions
from pykcov.instrument.imports import ImportHook
from pykcov.instrument.selection import Selection

# Imported here, as an import in the middle of what a test records would run the import hook, which has probes: a test
# that looks at its device imports pykcov.traces.records, and pytest imports tracemalloc in a thread that ends by an
# exception.

HERE = Path(__file__).resolve().parent
PACKAGE = f"{Path(pykcov.__file__).parent}/"
TESTS = f"{HERE.parent / 'tests'}/"


def differences() -> dict[str, str]:
    """Return the reasons why tests cannot hold or files stay bare, by pattern."""
    lines = (HERE / "instrumented_by_itself_differences.txt").read_text().splitlines()
    parts = [line.partition(" ") for line in lines if line and not line.startswith("#")]
    return {pattern: reason for pattern, _, reason in parts}


def is_ours(file: str) -> bool:
    """Return whether the code of a file (`co_filename`) is to have probes."""
    return file.startswith((PACKAGE, TESTS)) and not any(
        fnmatch.fnmatchcase(file, f"{HERE.parent}/{bare}") for bare in _differences
    )


class Ourselves(Selection):
    """Chooses what no other selection does."""

    def matches(self, module: str, file: str) -> bool:
        """Return whether the code is pykcov's own."""
        return is_ours(file)


def ours() -> list[FunctionType]:
    """Return our functions that are alive."""
    return [function for function in alive.functions() if is_ours(function.__code__.co_filename)]


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip the tests that cannot hold."""
    for item in items:
        for pattern, reason in _differences.items():
            if fnmatch.fnmatchcase(item.nodeid, pattern):
                item.add_marker(pytest.mark.skip(reason=f"not under probes: {reason}"))


@pytest.fixture(scope="session", autouse=True)
def everything_has_probes() -> Iterator[None]:
    """At the end, no function of the package is without probes."""
    yield
    assert [
        f"{function.__module__}.{function.__qualname__}"
        for function in ours()
        if function.__code__.co_filename.startswith(PACKAGE) and not is_instrumented(function.__code__)
    ] == []


_differences = differences()
_hook = ImportHook(Ourselves(own=False), "block", compare=True)
instrument_functions(ours(), "block", compare=True)
