"""A code object in, a probed code object out, with its probes in the registry of locations."""

from collections.abc import Sequence
from types import CodeType

from pykcov import _view
from pykcov._core import CompareProbe, Probe
from pykcov.instrument.kind import GRANULARITIES, Kind
from pykcov.instrument.originals import kind_of, original_of, remember
from pykcov.instrument.rewrite import Granularity, Site, rewrite
from pykcov.instrument.view import show_originals
from pykcov.traces.locations import register


def instrument_code(
    code: CodeType, module: str, *, granularity: Granularity = "block", compare: bool = False
) -> CodeType:
    """Return a code object that does the same as `code` and hits probes, for tools that execute code themselves.

    Code objects nested in `code` get probes too. Code that has all these probes already is returned as it is. Code that
    has some keeps them and gets the others, as far as its original is known here; it is not in a process that received
    it in a pickle.

    Args:
        code: the code object.
        module: name of the module that the code belongs to; pcs depend on it.
        granularity: as for instrument().
        compare: as for instrument().

    Raises:
        TypeError: code is not a code object.
        ValueError: the granularity is unknown.
        UnsupportedPythonError: this Python is not supported.
    """
    if type(code) is not CodeType or type(module) is not str:
        raise TypeError("instrument_code() takes a code object and the name of its module")

    def make_probes(code: CodeType, sites: Sequence[Site]) -> Sequence[object]:
        return register(code, module, sites)

    kind = Kind(granularity, compare)
    if is_instrumented(code):
        if granularity not in GRANULARITIES:
            check(granularity)
        known = kind_of(code)
        if known is None or known.with_(kind) == known:
            return code
        original = original_of(code)
        if original is None:
            return code
        code, kind = original, known.with_(kind)
    probed = rewrite(code, make_probes, granularity=kind.granularity, compare=kind.compare)
    remember(code, probed, kind)
    return probed


def is_instrumented(code: CodeType) -> bool:
    """Return whether a code object has probes."""
    constants = _view.constants(code)
    # They stand behind the constants of the code, and every code object gets at least one.
    return bool(constants) and type(constants[-1]) in (Probe, CompareProbe)


def check(granularity: Granularity) -> None:
    """Raise UnsupportedPythonError or ValueError if instrumenting could only fail."""
    rewrite(compile("", "", "exec"), lambda _, sites: [None] * len(sites), granularity=granularity)


show_originals()
