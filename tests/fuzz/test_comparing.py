"""Functions run code without probes of comparisons while nobody looks at these."""

import sys
from collections.abc import Callable, Iterator
from types import FunctionType

import pytest

import pykcov
from pykcov import _core
from pykcov.fuzz import _engine
from pykcov.fuzz.comparing import Comparing, Functions
from pykcov.instrument.quiet import compares

Fresh = Callable[..., FunctionType]
SOURCE = """
def outer(value):
    def inner(other):
        return other == value
    return inner if value > 0 else None
"""


@pytest.fixture
def fresh() -> Fresh:
    """Return a maker of functions that compare and have probes."""

    def make(name: str = "outer") -> FunctionType:
        namespace: dict[str, object] = {"__name__": __name__}
        exec(compile(SOURCE.replace("outer", name), __file__, "exec"), namespace)
        function = namespace.pop(name)
        assert type(function) is FunctionType
        return pykcov.instrument(function, compare=True)

    return make


class Exchanging:
    """Has functions changed as the engine does; they are looked for each time."""

    def __init__(self, counters: _core.Counters) -> None:
        self._comparing = Comparing(counters, 0)
        self._functions: Functions = []

    def stop(self) -> None:
        self._functions = self._comparing.find() or []
        _engine.exchange(self._functions, 2)

    def resume(self) -> None:
        _engine.exchange(self._functions, 1)


@pytest.fixture
def comparing() -> Iterator[Exchanging]:
    """Return what changes functions, with the counters of a device that traces."""
    with pykcov.open() as device:
        device.set_buffer_size(4096)
        counters = device.set_counters()
        device.enable(_core.TRACE_CMP)
        yield Exchanging(counters)


def test_what_was_reached_has_quiet_code_between_stop_and_resume(fresh: Fresh, comparing: Exchanging) -> None:
    reached, other = fresh(), fresh("other")
    loud = reached.__code__
    assert reached(1)(1)
    comparing.stop()
    assert not compares(reached.__code__)
    assert compares(other.__code__)
    assert reached(1)(1)
    assert not reached(1)(2)
    assert reached(-1) is None
    comparing.resume()
    assert reached.__code__ is loud


def test_a_function_that_quiet_code_has_defined_compares_after_resume(fresh: Fresh, comparing: Exchanging) -> None:
    reached = fresh()
    reached(1)
    comparing.stop()
    inner = reached(1)
    assert not compares(inner.__code__)
    comparing.resume()
    comparing.stop()
    comparing.resume()
    assert compares(inner.__code__)


def test_code_that_the_program_sets_itself_stays(fresh: Fresh, comparing: Exchanging) -> None:
    reached = fresh()
    loud = reached.__code__
    reached(1)
    comparing.stop()
    reached.__code__ = own = (lambda value: value).__code__
    comparing.resume()
    assert reached.__code__ is own
    reached.__code__ = loud
    comparing.stop()
    assert not compares(reached.__code__)


@pytest.mark.skipif(
    "t" in sys.abiflags and sys.version_info < (3, 14), reason="without a GIL, 3.13 keeps functions for ever"
)
def test_functions_die_as_if_nobody_changed_them(fresh: Fresh, comparing: Exchanging) -> None:
    from weakref import ref

    reached = fresh()
    reached(1)
    comparing.stop()
    gone = ref(reached)
    del reached
    assert gone() is None
    comparing.resume()


def test_functions_are_not_looked_for_before_their_time() -> None:
    with pykcov.open() as device:
        device.set_buffer_size(16)
        assert Comparing(device.set_counters(), 1000).find() is None


def test_an_index_that_is_none_of_the_two_is_refused() -> None:
    with pytest.raises(ValueError, match="3 is neither 1 nor 2"):
        _engine.exchange([], 3)
