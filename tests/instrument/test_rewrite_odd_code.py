"""Code that no compiler of CPython's made: stripped, dead, probed already, or broken."""

import dis
from types import CodeType

import pytest
from rewriting import GRANULARITIES, Recorder, function_code, silent

from pykcov.instrument.rewrite import Granularity, rewrite

CODE = function_code("def f(a):\n    b = 0\n    for x in a:\n        if x: continue\n        b += 1\n    return b")
NO_LINE = bytes((0x80 | 15 << 3 | 7,))
NOP, EXTENDED_ARG, JUMP_FORWARD = (dis.opmap[name] for name in ("NOP", "EXTENDED_ARG", "JUMP_FORWARD"))


def run(code: CodeType, *arguments: object) -> object:
    return type(run)(code, {})(*arguments)


@pytest.mark.parametrize("granularity", GRANULARITIES)
@pytest.mark.parametrize("table", [b"", NO_LINE * 40], ids=["empty", "no lines"])
def test_without_any_lines_every_block_has_a_probe(table: bytes, granularity: Granularity) -> None:
    stripped = CODE.replace(co_linetable=table)
    recorder = Recorder()
    rewritten = rewrite(stripped, recorder, granularity=granularity)
    assert run(rewritten, [0, 1, 0]) == 2
    # Entry, the head of the loop and its body, the two ways out of the condition, the end.
    assert len(recorder.sites["f"]) >= 6
    assert {site.lines for site in recorder.sites["f"]} == {()}
    assert len({site.offset for _, site in recorder.hits}) == len(recorder.sites["f"])


@pytest.mark.parametrize("granularity", GRANULARITIES)
@pytest.mark.parametrize("length", range(1, 12))
def test_a_line_table_that_ends_early_or_late_does_no_harm(length: int, granularity: Granularity) -> None:
    for table in (CODE.co_linetable[:length], CODE.co_linetable + NO_LINE * length):
        cut = CODE.replace(co_linetable=table)
        rewritten = rewrite(cut, silent, granularity=granularity)
        assert run(rewritten, [0, 1, 0]) == 2
        assert {p[0] for p in rewritten.co_positions()} <= {p[0] for p in cut.co_positions()} | {None}


def test_code_that_is_never_reached_has_no_say_in_the_depth_of_the_stack() -> None:
    code = function_code("def f(a): return a")
    # The stack would be empty for this POP_TOP.
    dead = bytes((dis.opmap["POP_TOP"], 0)) * 3 + code.co_code
    extended = code.replace(co_code=code.co_code + dead, co_linetable=code.co_linetable + NO_LINE)
    assert run(rewrite(extended, silent), 3) == 3


@pytest.mark.parametrize("granularity", GRANULARITIES)
def test_probed_code_can_be_probed_again(granularity: Granularity) -> None:
    first, second = Recorder(), Recorder()
    rewritten = rewrite(rewrite(CODE, first, granularity=granularity), second, granularity=granularity)
    assert run(rewritten, [0, 1, 0]) == 2
    assert [site.lines for _, site in first.hits] == [site.lines for _, site in second.hits]


@pytest.mark.parametrize(
    ("code", "error"),
    [
        (b"", "ends before its last instruction"),
        (CODE.co_code + bytes((EXTENDED_ARG, 1)), "ends before its last instruction"),
        (bytes((JUMP_FORWARD, 200)) + CODE.co_code, "the jump at offset 0 leads out of the code"),
    ],
)
def test_code_that_could_not_run_is_refused(code: bytes, error: str) -> None:
    with pytest.raises(ValueError, match=error):
        rewrite(CODE.replace(co_code=code), silent)
