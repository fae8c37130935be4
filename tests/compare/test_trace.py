"""trace(), instrument() and pickles with comparisons."""

import pickle
import sys
import types
from collections.abc import Iterator
from pathlib import Path

import pytest

import pykcov
from pykcov.traces import locations

SOURCE = """\
def method(x):
    if x == "GET":
        return 1
    return x.startswith("PO") and len(x) == 4
"""


@pytest.fixture
def module(tmp_path: Path) -> Iterator[types.ModuleType]:
    """A module of the program's own."""
    found = types.ModuleType("compared_example")
    found.__file__ = str(tmp_path / "compared_example.py")
    exec(compile(SOURCE, found.__file__, "exec"), found.__dict__)
    sys.modules["compared_example"] = found
    yield found
    del sys.modules["compared_example"]


def test_trace_tells_what_was_compared_and_where(module: types.ModuleType) -> None:
    with pykcov.trace("cmp-bytes", include=["compared_example"]) as trace:
        module.method("POST")

    assert [(one.op, one.operand1, one.operand2) for one in trace.comparisons()] == [
        ("==", "GET", "POST"),
        ("startswith", "PO", "POST"),
        ("==", 4, 4),
    ]
    assert [(found.line, found.function, found.comparison) for found in trace.locations()] == [
        (2, "method", "=="),
        (4, "method", "startswith"),
        (4, "method", "=="),
    ]
    assert trace.lines() == {}
    assert trace.dropped == 0


def test_plain_trace_tells_of_integers(module: types.ModuleType) -> None:
    with pykcov.trace("cmp", include=["compared_example"]) as trace:
        module.method("POST")

    assert [(one.size, one.operand1, one.operand2) for one in trace.comparisons()] == [(1, 4, 4)]


def test_functions_that_were_traced_before_are_compared_too(module: types.ModuleType) -> None:
    with pykcov.trace("pc", include=["compared_example"]) as first:
        module.method("POST")
    with pykcov.trace("cmp-bytes", include=["compared_example"]) as second:
        module.method("POST")

    assert first.comparisons() == []
    assert len(second.comparisons()) == 3


def test_comparison_is_no_line_that_ran(module: types.ModuleType) -> None:
    pykcov.instrument(module.method, compare=True)
    file = module.method.__code__.co_filename
    heard: list[locations.Location] = []
    locations.add_listener(heard.extend)
    locations.remove_listener(heard.extend)

    here = [found for found in heard if found.file == file]
    assert {found.comparison for found in here} == {"", "==", "startswith"}
    assert all(found.lines == () for found in here if found.comparison)
    assert len({found.pc for found in here}) == len(here)


def test_pickled_probe_is_one_that_observes_the_same() -> None:
    (probe,) = pykcov._core.compare_probes([(1 << 63 | 5, 3, 2)])

    copy = pickle.loads(pickle.dumps(probe))

    assert (copy.pc, copy.operation, copy.const) == (probe.pc, probe.operation, probe.const)


def test_argument_that_branches_at_the_end_of_a_function_is_seen_on_both_ways() -> None:
    # There the compiler copies the call into both branches.
    namespace: dict[str, object] = {}
    source = "def f(x, y): return x.find('b' if y else x.strip('c'))"
    exec(pykcov.instrument_code(compile(source, "", "exec"), "branches", compare=True), namespace)
    compared = namespace["f"]
    assert callable(compared)
    for argument in (True, False):
        with pykcov.open() as device:
            device.set_buffer_size(1000)
            buffer = device.mmap()
            device.enable(pykcov.TRACE_CMP | pykcov.CMP_BYTES)
            compared("abc", argument)
            device.disable()
        assert [(one.left, one.right) for one in buffer.comparisons()] == [("abc", "b" if argument else "ab")]
