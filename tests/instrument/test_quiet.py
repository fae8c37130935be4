"""Code without its probes of comparisons hits the others, and does the same."""

from collections.abc import Callable
from types import CodeType, FunctionType

import pytest

import pykcov
from pykcov.instrument.code import instrument_code
from pykcov.instrument.quiet import compares, first_probe, without_comparisons
from pykcov.instrument.rewrite import Granularity

SOURCE = """
def outer(values, limit):
    total = 0
    for value in values:
        if value < limit and value != 3:
            total += value
        elif value in (7, 8):
            total -= 1
    return [number for number in range(total) if number % 2 == 1], lambda word: word == "x" or word.startswith("y")
"""


def outer_function(code: CodeType) -> Callable[..., tuple[list[int], Callable[[str], bool]]]:
    namespace: dict[str, object] = {}
    exec(code, namespace)
    function = namespace["outer"]
    assert type(function) is FunctionType
    return function


def reached(code: CodeType) -> list[int]:
    """Return the pcs that a run of the code hits, in order."""
    with pykcov.open() as device:
        device.set_buffer_size(4096)
        buffer = device.mmap()
        function = outer_function(code)
        device.enable(pykcov.TRACE_PC)
        numbers, check = function(range(12), 9)
        answers = [check("x"), check("yes"), check("no")]
        device.disable()
    assert numbers == [*range(1, 33, 2)]
    assert answers == [True, True, False]
    return [int(pc) for pc in buffer.pcs()]


@pytest.mark.parametrize("granularity", ["branch", "block", "line"])
def test_quiet_code_hits_the_same_probes_in_the_same_order(granularity: Granularity) -> None:
    loud = instrument_code(compile(SOURCE, "quiet.py", "exec"), "quiet", granularity=granularity, compare=True)
    quiet = without_comparisons(loud)
    assert quiet is not None
    assert reached(quiet) == reached(loud)


def test_quiet_code_has_no_probe_of_a_comparison_nor_has_what_is_nested_in_it() -> None:
    loud = instrument_code(compile(SOURCE, "quiet.py", "exec"), "quiet", compare=True)
    quiet = without_comparisons(loud)
    assert quiet is not None
    codes = [loud, quiet]
    outer, quiet_outer = (next(each for each in code.co_consts if type(each) is CodeType) for code in codes)
    assert compares(outer)
    assert not compares(quiet_outer)
    for nested in quiet_outer.co_consts:
        assert type(nested) is not CodeType or not compares(nested)
    assert first_probe(quiet_outer) is first_probe(outer)


def test_code_whose_original_is_not_known_is_left_alone() -> None:
    loud = instrument_code(compile(SOURCE, "quiet.py", "exec"), "quiet", compare=True)
    assert without_comparisons(loud.replace(co_name="another")) is None
