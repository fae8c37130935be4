"""Where probes stand: which blocks and lines have one, and which need none.

A site is written as its line and the source text at its position; behind `=` the lines that it implies, if they are
others than its own. All functions end with TAIL, which is long enough not to be copied by the compiler.
"""

import sys

import pytest
from rewriting import GRANULARITIES, Recorder, function_code, with_lines

from pykcov.instrument.opcodes import CACHES, FOR_ITER
from pykcov.instrument.rewrite import Granularity, Site, rewrite

TAIL = """
    tail(a, a)
    return a
"""
SINCE_312 = sys.version_info >= (3, 12)
SINCE_313 = sys.version_info >= (3, 13)
# Loops have their test at the top only.
SINCE_314 = sys.version_info >= (3, 14)


def shown(source: str, granularity: Granularity) -> list[str]:
    recorder = Recorder()
    rewrite(compile(source, "<source>", "exec"), recorder, granularity=granularity)
    texts = source.encode().split(b"\n")

    def show(site: Site) -> str:
        text = texts[site.line - 1][site.column : site.end_column if site.end_line == site.line else None].decode()
        implied = "" if site.lines == (site.line,) else "=" + ",".join(map(str, site.lines))
        return f"{site.line} {text}{implied}"

    return [show(site) for site in recorder.sites["f"]]


BLOCKS = {
    "straight line": (
        """def f(a):
    b = a()""",
        ["2 a=2,3,4"],
    ),
    "if": (
        """def f(a):
    if a:
        b()""",
        ["2 a", "3 b", "4 tail=4,5"],
    ),
    "short circuit": (
        """def f(a):
    if a and b:
        c()""",
        ["2 a", "2 b", "3 c", "4 tail=4,5"],
    ),
    "conditional expression": (
        """def f(a):
    b = c if a else d""",
        ["2 a", "2 c", "2 d", "2 b=2,3,4"],
    ),
    "assert": (
        """def f(a):
    assert a, b""",
        ["2 a", "2 assert a, b", "3 tail=3,4"],
    ),
    "head of a for loop": (
        """def f(a):
    for x in a:
        b()""",
        ["2 a", "2 x=2,3", "4 tail=4,5"],
    ),
    "condition that leads back, and shows which way it went where the compiler gives it a block": (
        """def f(a):
    for x in a:
        if x:
            b()""",
        ["2 a", "2 x=2,3", *["3 x"] * SINCE_312, "4 b", "5 tail=5,6"],
    ),
    "both ways lead back": (
        """def f(a):
    for x in a:
        if x:
            b()
        else:
            c()""",
        ["2 a", "2 x=2,3", "4 b", "6 c", "7 tail=7,8"],
    ),
    "continue and break": (
        """def f(a):
    for x in a:
        if x: continue
        if b: break
        c()""",
        ["2 a", "2 x=2,3", "3 continue", "4 b", "4 break", "5 c", "6 tail=6,7"],
    ),
    "test at the bottom of a while loop": (
        """def f(a):
    while a:
        b()""",
        ["2 a", "3 b" if SINCE_314 else "3 b=2,3", "4 tail=4,5"],
    ),
    "test of two parts at the bottom of a while loop": (
        """def f(a):
    while a and b:
        c()""",
        ["2 a", "2 b", *(["3 c"] if SINCE_314 else ["3 c=2,3", "2 b"]), "4 tail=4,5"],
    ),
    "one part of a test at the bottom that leads back by itself": (
        """def f(a):
    while a or b:
        c()""",
        ["2 a", "2 b", *(["3 c"] if SINCE_314 else ["3 c=2,3", *["2 a"] * SINCE_312, "2 b"]), "4 tail=4,5"],
    ),
    "end of a chained comparison": (
        """def f(a):
    if 1 < a < 5:
        b()""",
        ["2 1", "2 5", "3 b", "4 tail=4,5"],
    ),
    "try and except": (
        """def f(a):
    try:
        a()
    except B as e:
        b()
    except C:
        pass""",
        [
            "2 try:=2,3",
            *["8 tail=8,9"] * SINCE_312,
            *("4 B", "4 except B as e:=4,5", "6 C", "6 except C:=6,7"),
            *["8 tail=8,9"] * (not SINCE_312),
        ],
    ),
    "finally, with and without an error": (
        """def f(a):
    try:
        a()
    finally:
        b()""",
        ["2 try:=2,3,5,6,7", "5 b"] if SINCE_312 else ["2 try:=2,3,5", "5 b", "6 tail=6,7"],
    ),
    "unwinding of a with": (
        """def f(a):
    with a as b:
        c()""",
        ["2 a=2,3", "4 tail=4,5", "2 a" if SINCE_313 else "2 with a as b:"]
        if SINCE_312
        else ["2 a=2,3", "2 with a as b:", "4 tail=4,5"],
    ),
    "await, as a call is": (
        """async def f(a):
    await a
    b = await a""",
        ["2 a=2,3,4,5"],
    ),
    "async for, as a for is": (
        """async def f(a):
    async for x in a:
        b()""",
        ["2 a", "2 x=2,3", "4 tail=4,5"],
    ),
    "a generator goes on in the middle of a block": (
        """def f(a):
    b = yield a
    yield from b""",
        ["2 a=2,3,4,5"],
    ),
    "condition of a comprehension": (
        """def f(a):
    b = [x for x in a if x]""",
        ["2 a", "2 x", "2 x", "2 x", "2 b=2,3,4"] if SINCE_312 else ["2 [x for x in a if x]=2,3,4"],
    ),
    "match": (
        """def f(a):
    match a:
        case 1:
            b()
        case [x, y]:
            b()""",
        ["2 a=2,3", "4 b" if SINCE_314 else "3 1=3,4", "5 [x, y]", "5 [x, y]", "5 [x, y]=5,6", "7 tail=7,8"],
    ),
}

LINES = {
    "each line of a call": (
        """def f(a):
    b(
        a(),
        1,
        c,
    )""",
        ["2 b", "3 a", "5 c=4,5", "7 tail", "8 a"],
    ),
    "a line only once a block, however often it comes back to it": (
        """def f(a):
    b(a() +
      c(), d() +
      e())""",
        ["2 b", "3 c", "4 e", "5 tail", "6 a"],
    ),
    "two statements on a line": (
        """def f(a):
    b(); c()""",
        ["2 b", "3 tail", "4 a"],
    ),
    "try is entered with its first statement": (
        """def f(a):
    try:
        a()
    finally:
        b()""",
        ["3 a=2,3", "5 b", *["6 tail", "7 a"] * SINCE_312, "5 b", *["6 tail", "7 a"] * (not SINCE_312)],
    ),
    "what cannot fail goes with what follows": (
        """def f(a):
    for x in a:
        b()""",
        ["2 a", "3 b=2,3", "4 tail", "5 a"],
    ),
    "unpacking can fail": (
        """def f(a):
    for x, y in a:
        b()""",
        ["2 a", "2 x, y", "3 b", "4 tail", "5 a"],
    ),
    "a display of constants": (
        """def f(a):
    b = {
        "a": 1,
        "b": 2,
        "c": a(),
        "d": 3,
    }""",
        ['5 "c"=3,4,5' if SINCE_314 else "5 a=3,4,5", "2 {=2,6", "8 tail", "9 a"],
    ),
    "pass": (
        """def f(a):
    if a:
        pass
    else:
        b()""",
        ["2 a", "3 pass", "5 b", "6 tail", "7 a"],
    ),
    "a sum and its store are not torn apart": (
        """def f(a):
    a = (
        b + a)""",
        ["3 b", "4 tail=2,4", "5 a"],
    ),
}


@pytest.mark.parametrize("name", BLOCKS)
def test_sites_of_blocks(name: str) -> None:
    source, expected = BLOCKS[name]
    assert shown(source + TAIL, "block") == expected


@pytest.mark.parametrize("name", LINES)
def test_sites_of_lines(name: str) -> None:
    source, expected = LINES[name]
    assert shown(source + TAIL, "line") == expected


def test_a_return_that_is_not_written_down_shows_that_a_condition_failed() -> None:
    assert shown("def f(a):\n    if a:\n        b()", "block") == ["2 a", "3 b", "2 a" if SINCE_312 else "2 if a:"]


@pytest.mark.parametrize("granularity", ["block", "line"])
def test_code_without_a_statement_has_a_site(granularity: Granularity) -> None:
    recorder = Recorder()
    rewrite(compile("", "<source>", "exec"), recorder, granularity=granularity)
    assert len(recorder.sites["<module>"]) == 1


def test_the_outer_code_object_comes_before_those_in_it() -> None:
    recorder = Recorder()
    rewrite(compile("def a():\n    def b(): pass\nclass c:\n    d = lambda: 0\n", "<source>", "exec"), recorder)
    assert list(recorder.sites) == ["<module>", "a", "a.<locals>.b", "c", "c.<lambda>"]


def test_without_columns_nothing_is_taken_for_a_part_of_something_else() -> None:
    source = "def f(a):\n    for x in a:\n        if x: continue\n        if b: break\n        c()" + TAIL
    code = function_code(source)
    recorder = Recorder()
    rewrite(with_lines(code, [position[0] for position in code.co_positions()]), recorder)
    assert [site.line for site in recorder.sites["f"]] == [2, 2, 3, 4, 4, 5, 6]
    assert {(site.column, site.end_column) for site in recorder.sites["f"]} == {(-1, -1)}


@pytest.mark.parametrize("granularity", GRANULARITIES)
def test_the_head_of_a_loop_has_a_site_if_it_begins_a_line(granularity: Granularity) -> None:
    code = function_code("def f(a):\n    for x in a:\n        b()" + TAIL)
    head = next(at for at, opcode in enumerate(code.co_code[::2]) if opcode == FOR_ITER)
    lines = [position[0] for position in code.co_positions()]
    lines[head : head + 1 + CACHES[FOR_ITER]] = [20] * (1 + CACHES[FOR_ITER])
    recorder = Recorder()
    rewrite(with_lines(code, lines), recorder, granularity=granularity)
    assert (head, (20,)) in [(site.offset, site.lines) for site in recorder.sites["f"]]
