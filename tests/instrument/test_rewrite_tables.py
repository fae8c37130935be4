"""Source positions and exception ranges, in CPython's compressed tables, survive being moved and stretched."""

import dis
from types import CodeType

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rewriting import nested

from pykcov.instrument import exceptiontable, linetable
from pykcov.instrument.exceptiontable import Handled

Position = tuple[int | None, int | None, int | None, int | None]
NOP = dis.opmap["NOP"]


def positions(table: bytes, units: int) -> list[Position]:
    """Return what CPython reads from a line table."""
    code = compile("", "", "exec").replace(co_code=bytes((NOP, 0)) * units, co_linetable=table, co_firstlineno=10)
    return list(code.co_positions())


def varint(number: int) -> bytes:
    octets = []
    while number >= 64:
        octets.append(number & 63 | 64)
        number >>= 6
    return bytes((*octets, number))


def signed(number: int) -> bytes:
    return varint(-number << 1 | 1 if number < 0 else number << 1)


def entry(kind: int, units: int, data: bytes = b"") -> bytes:
    return bytes((0x80 | kind << 3 | units - 1,)) + data


ENTRIES = st.one_of(
    st.builds(entry, st.integers(0, 9), st.integers(1, 8), st.integers(0, 127).map(lambda octet: bytes([octet]))),
    st.builds(
        entry, st.integers(10, 12), st.integers(1, 8), st.tuples(st.integers(0, 127), st.integers(0, 127)).map(bytes)
    ),
    st.builds(entry, st.just(13), st.integers(1, 8), st.integers(-5, 5000).map(signed)),
    st.builds(
        lambda units, line, *rest: entry(14, units, signed(line) + b"".join(map(varint, rest))),
        *(st.integers(1, 8), st.integers(-5, 5000), st.integers(0, 100), st.integers(0, 5000), st.integers(0, 5000)),
    ),
    st.builds(entry, st.just(15), st.integers(1, 8)),
)


@given(st.lists(ENTRIES, min_size=1, max_size=8), st.data())
def test_what_is_put_in_gets_the_position_of_what_follows(entries: list[bytes], data: st.DataObject) -> None:
    length = sum((e[0] & 7) + 1 for e in entries)
    table = b"".join(entries)
    before = positions(table, length)
    units = dict(sorted(data.draw(st.dictionaries(st.integers(0, length - 1), st.integers(1, 30))).items()))
    expected = [position for at, position in enumerate(before) for _ in range(units.get(at, 0) + 1)]
    assert positions(linetable.grown(table, units, length, 0), length + sum(units.values())) == expected


def test_nothing_put_in_leaves_the_table_as_it_was() -> None:
    code = compile("a = 1\n\nb = (a +\n c)\n", "", "exec")
    assert linetable.grown(code.co_linetable, {}, len(code.co_code) // 2, 0) == code.co_linetable


CODE_WITH_HANDLERS = compile(
    """
async def f():
    with a as b:
        async with c:
            try:
                await d
            except e as g:
                [h async for h in i]
            finally:
                yield
""",
    "",
    "exec",
)


def read_by_cpython(code: CodeType) -> list[Handled]:
    return [
        Handled(e.start // 2, e.end // 2, e.target // 2, e.depth, e.lasti)
        for e in dis.Bytecode(code).exception_entries  # type: ignore[attr-defined]
    ]


@pytest.mark.parametrize("code", list(nested(CODE_WITH_HANDLERS)), ids=lambda code: code.co_qualname)
def test_exception_tables_are_read_as_cpython_reads_them(code: CodeType) -> None:
    assert exceptiontable.parse(code.co_exceptiontable) == read_by_cpython(code)


@pytest.mark.parametrize("code", list(nested(CODE_WITH_HANDLERS)), ids=lambda code: code.co_qualname)
def test_an_exception_table_is_written_as_cpython_writes_it(code: CodeType) -> None:
    handled = exceptiontable.parse(code.co_exceptiontable)
    assert exceptiontable.moved(handled, lambda offset: offset) == code.co_exceptiontable


@given(st.lists(st.builds(Handled, *[st.integers(0, 2**24)] * 4, st.booleans()), max_size=4))
def test_exception_ranges_of_any_size_are_read_back(ranges: list[Handled]) -> None:
    handled = [r._replace(end=r.start + r.end) for r in ranges]
    code = CODE_WITH_HANDLERS.replace(co_exceptiontable=exceptiontable.moved(handled, lambda offset: offset))
    assert exceptiontable.parse(code.co_exceptiontable) == read_by_cpython(code) == handled


def test_exception_ranges_move() -> None:
    table = exceptiontable.moved([Handled(1, 3, 5, 2, True)], lambda offset: offset * 100)
    assert exceptiontable.parse(table) == [Handled(100, 300, 500, 2, True)]
