"""A property of lxml, a library in C, that Hypothesis tests; everything that is alive gets probes."""

import sys

import atheris
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree

texts = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=20)


@settings(database=None, deadline=None)
@given(st.dictionaries(st.sampled_from("abcd"), texts), texts)
def test_what_is_written_is_read(attributes, text):
    element = etree.Element("x", attributes)
    element.text = text
    read = etree.fromstring(etree.tostring(element))
    assert dict(read.attrib) == attributes
    assert (read.text or "") == text


def main():
    atheris.instrument_all()
    atheris.Setup(sys.argv, test_what_is_written_is_read.hypothesis.fuzz_one_input)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
