"""The data of a page, without a browser: what is written can be read, and the page is built from its sources."""

import re
import zlib
from base64 import b64decode
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

import pykcov.explore
from pykcov.explore import pack

ROOM = Path(pykcov.explore.__file__).parent


def read_numbers(content: bytes) -> Iterator[int]:
    value = shift = 0
    for byte in content:
        value |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            yield value
            value = shift = 0


def read_matrix(numbers: Iterator[int]) -> tuple[int, dict[int, int]]:
    """Read as web/source/matrix.ts does."""
    words, count = next(numbers), next(numbers)
    sets = []
    for _ in range(count):
        lines = line = 0
        for _ in range(next(numbers)):
            line += next(numbers)
            for _ in range(next(numbers)):
                lines |= 1 << line
                line += 1
        assert lines.bit_length() <= words * 32
        sets.append(lines)
    cells = next(numbers)
    contexts, last = [], 0
    for _ in range(cells):
        last += next(numbers)
        contexts.append(last)
    return sets[0], {context: sets[next(numbers)] for context in contexts}


LINES = st.integers(0, 1 << 200)


@given(LINES, st.dictionaries(st.integers(0, 100_000), LINES))
def test_line_sets_that_are_written_can_be_read(known: int, contexts: dict[int, int]) -> None:
    numbers = read_numbers(pack.matrix(known, contexts))
    assert read_matrix(numbers) == (known, contexts)
    assert next(numbers, None) is None


@given(st.binary())
def test_a_script_hands_over_its_bytes(content: bytes) -> None:
    found = re.fullmatch(rb'pykcovData\("pack-0","([A-Za-z0-9+/=]*)"\)\n', pack.script("pack-0", content))
    assert found is not None
    assert zlib.decompress(b64decode(found[1]), -zlib.MAX_WBITS) == content


def test_the_page_is_built_from_its_sources() -> None:
    """After a change `make page` builds it again."""
    web = ROOM / "web"
    content = sha256()
    for path in [web / "package.json", web / "tsconfig.json", *sorted((web / "source").iterdir())]:
        content.update(path.read_bytes())
    assert f"SHA-256 {content.hexdigest()} */" in (ROOM / "page" / "page.js").read_text()
