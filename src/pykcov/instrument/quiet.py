"""Probed code without its probes of comparisons, for when nobody looks at these.

A comparison costs five instructions more, also where nothing records it.
"""

from collections.abc import Sequence
from types import CodeType

from pykcov._core import CompareProbe, Probe
from pykcov._view import constants
from pykcov.instrument.originals import kind_of, original_of
from pykcov.instrument.rewrite import Site, rewrite
from pykcov.instrument.stored import code_pairs


def compares(code: CodeType) -> bool:
    """Return whether code has probes of comparisons itself, not only in what is nested in it."""
    return CompareProbe in map(type, constants(code))


def first_probe(code: CodeType) -> Probe | None:
    """Return the probe that code hits when it is called; None if it has none."""
    return next((constant for constant in constants(code) if type(constant) is Probe), None)


def without_comparisons(probed: CodeType) -> CodeType | None:
    """Return code that hits the same probes, but observes no comparison, nor does what is nested in it.

    None if it is not known what the code was before it got probes.
    """
    original, kind = original_of(probed), kind_of(probed)
    if original is None or kind is None:
        return None
    codes = code_pairs(original, probed)

    def make_probes(_: CodeType, sites: Sequence[Site]) -> Sequence[object]:
        before, after = next(codes)
        return [probe for probe in constants(after)[len(before.co_consts) :] if type(probe) is Probe]

    return rewrite(original, make_probes, granularity=kind.granularity)
