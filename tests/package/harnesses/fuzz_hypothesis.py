"""A property of Hypothesis, run by what it makes of bytes."""

import sys

import atheris

with atheris.instrument_imports():
    import shapes
from hypothesis import given, settings
from hypothesis import strategies as st


@settings(database=None)
@given(st.sampled_from(["circle", "square", "line"]), st.lists(st.integers(0, 99), max_size=3))
def property_of_areas(kind, sizes):
    assert shapes.area(f"{kind}:{','.join(map(str, sizes))}", strict=bool(sizes)) != 4


if __name__ == "__main__":
    atheris.Setup(sys.argv, property_of_areas.hypothesis.fuzz_one_input)
    atheris.Fuzz()
