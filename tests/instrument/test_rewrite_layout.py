"""Code of any size: jumps that outgrow their arguments, and constants beyond 255 and 65535."""

import dis
from collections import Counter
from types import CodeType, ModuleType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rewriting import GRANULARITIES, Recorder, function_code, roundtrip, silent

from pykcov.instrument.controlflow import Jump, control_flow
from pykcov.instrument.layout import Layout
from pykcov.instrument.opcodes import CACHES, EXTENDED_ARG
from pykcov.instrument.rewrite import Granularity, rewrite

ROUNDTRIP: ModuleType = roundtrip()


def run(code: CodeType, *arguments: object) -> object:
    function: Any = (lambda: None).__class__(code, {})
    return function(*arguments)


def loop_of(statements: int) -> str:
    """Return a function with a loop, a try and a condition around so many statements, which counts them."""
    body = "".join(f"            if a is None: a = {n}\n            b += 1\n" for n in range(statements))
    return (
        "def f(n):\n    b = 0\n    while n:\n        a = n = n - 1\n        try:\n"
        f"{body}            a + ''\n        except TypeError:\n            b += 1000000\n            continue\n"
        "    return b"
    )


@pytest.mark.parametrize("granularity", GRANULARITIES)
@pytest.mark.parametrize("statements", [*range(6, 26), 200, 260, 2600])
def test_jumps_of_every_length(statements: int, granularity: Granularity) -> None:
    code = function_code(loop_of(statements))
    rewritten = rewrite(code, silent, granularity=granularity)
    assert run(rewritten, 3) == run(code, 3) == 3 * (statements + 1000000)
    ROUNDTRIP.compare(code, [(rewrite(code, ROUNDTRIP.marks, granularity=granularity), Counter())])


def test_a_function_of_more_than_65536_instructions_keeps_its_offsets() -> None:
    code = function_code(loop_of(9000))
    recorder = Recorder()
    rewritten = rewrite(code, recorder)
    assert len(list(dis.get_instructions(code))) > 65536
    assert run(rewritten, 1) == 9000 + 1000000
    assert recorder.sites["f"][-1].offset > 65536


@pytest.mark.parametrize("granularity", GRANULARITIES)
@pytest.mark.parametrize("constants", [250, 254, 255, 256, 300, 65530, 65534, 65535, 65536, 65600])
def test_probes_behind_any_number_of_constants(constants: int, granularity: Granularity) -> None:
    code = function_code(
        "def f(n):\n    'documented'\n    for x in range(n):\n        a = 1\n        b = 2\n    return (a, b)"
    )
    filled = code.replace(co_consts=(*code.co_consts, *range(1000, 1000 + constants - len(code.co_consts))))
    rewritten = rewrite(filled, silent, granularity=granularity)
    assert run(rewritten, 2) == (1, 2)
    assert rewritten.co_consts[: len(filled.co_consts)] == filled.co_consts
    assert rewritten.co_consts[0] == "documented"
    ROUNDTRIP.compare(filled, [(rewrite(filled, ROUNDTRIP.marks, granularity=granularity), Counter())])


def test_more_probes_than_an_argument_holds() -> None:
    source = "def f(n):\n" + "    n += 1\n" * 70000 + "    return n"
    code = function_code(source)
    rewritten = rewrite(code, silent, granularity="line")
    assert len(rewritten.co_consts) > 65536
    assert run(rewritten, 5) == 70005


JUMP = dis.opmap["JUMP_FORWARD"]
BACK = dis.opmap["JUMP_BACKWARD"]
NOP = dis.opmap["NOP"]
BACK_UNITS = 1 + CACHES[BACK]


@given(
    st.lists(st.tuples(st.booleans(), st.integers(0, 300)), min_size=1, max_size=6),
    st.dictionaries(st.integers(0, 1500), st.integers(1, 200), max_size=8),
)
def test_jumps_still_go_where_they_went(jumps: list[tuple[bool, int]], pieces: dict[int, int]) -> None:
    """Between stretches of NOP there are jumps over the next stretch, or back over the one before."""
    code = bytearray()
    for back, length in jumps:
        nops = bytes((NOP, 0)) * length
        code += nops + _jump(BACK, length) if back else _jump(JUMP, length) + nops
    code += bytes((NOP, 0))
    original = bytes(code)
    flow = control_flow(original)
    starts = [at for at in range(len(original) // 2) if _is_start(original, at)]
    wanted = {at: bytes((NOP, 7)) * units for at, units in sorted(pieces.items()) if at in starts}
    layout = Layout(wanted, flow.jumps, {})
    laid_out = layout.code(original)
    assert len(laid_out) // 2 == len(original) // 2 + sum(layout.units.values())
    moved = [
        Jump(*[layout.moved(at) for at in (jump.start, jump.offset, jump.end, jump.target)], *jump[4:])
        for jump in flow.jumps
    ]
    found = control_flow(laid_out).jumps
    assert [(jump.end, jump.target) for jump in found] == [(jump.end, jump.target) for jump in moved]
    for at, piece in wanted.items():
        there = layout.moved(at) * 2
        assert laid_out[there : there + len(piece)] == piece


def _jump(opcode: int, length: int) -> bytes:
    if opcode == BACK:
        # Back over the stretch, this instruction and its EXTENDED_ARG.
        length += BACK_UNITS
        length += length > 0xFF or length + 1 > 0xFF
    octets = length.to_bytes(2, "big").lstrip(b"\0") or b"\0"
    code = b"".join(bytes((EXTENDED_ARG, octet)) for octet in octets[:-1]) + bytes((opcode, octets[-1]))
    return code + bytes(2 * CACHES[opcode])


def _is_start(code: bytes, at: int) -> bool:
    return code[at * 2] != 0 and (at == 0 or code[at * 2 - 2] != EXTENDED_ARG)
