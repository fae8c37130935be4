"""co_stacksize is what the compiler said, and one more only where the probes need it.

The compiler says what following every path gives; seldom more, where it threw code away after counting.
"""

import dis
import inspect
import sys
import sysconfig
from pathlib import Path
from types import CodeType

import pytest
from rewriting import GRANULARITIES, function_code, nested, silent

from pykcov.instrument import exceptiontable
from pykcov.instrument.controlflow import control_flow
from pykcov.instrument.opcodes import CACHES, RESUME
from pykcov.instrument.rewrite import Granularity, rewrite
from pykcov.instrument.stacksize import Depths

STOPS = {"RETURN_VALUE", "RETURN_CONST", "RAISE_VARARGS", "RERAISE"}
JUMPS = {"JUMP_FORWARD", "JUMP_BACKWARD", "JUMP_BACKWARD_NO_INTERRUPT"}
GENERATOR = inspect.CO_GENERATOR | inspect.CO_COROUTINE | inspect.CO_ASYNC_GENERATOR


def depths(code: CodeType) -> tuple[dict[int, int], int]:
    """Follow every path, one instruction at a time; return the depth before each instruction and the greatest."""
    instructions = {i.offset: i for i in dis.get_instructions(code)}
    following = dict(zip(instructions, [*list(instructions)[1:], None], strict=True))
    # Before 3.13 the compiler lets generators begin with what is sent first on the stack.
    start = 1 if code.co_flags & GENERATOR and sys.version_info < (3, 13) else 0
    paths = [(0, start)]
    paths += [
        (entry.target, entry.depth + entry.lasti + 1)
        for entry in dis.Bytecode(code).exception_entries  # type: ignore[attr-defined]
    ]
    # Before 3.13 a stack may have no place at all.
    found: dict[int, int] = {}
    greatest = 1 if sys.version_info >= (3, 13) else 0
    while paths:
        offset: int | None
        offset, depth = paths.pop()
        while offset is not None and offset not in found:
            found[offset] = depth
            instruction = instructions[offset]
            if instruction.opcode in dis.hasjrel and instruction.opname != "END_ASYNC_FOR":
                taken = depth + dis.stack_effect(instruction.opcode, instruction.arg, jump=True)
                paths.append((instruction.argval, taken))
                greatest = max(greatest, taken)
            if instruction.opname in JUMPS:
                break
            depth += dis.stack_effect(instruction.opcode, instruction.arg, jump=False)
            greatest = max(greatest, depth)
            offset = None if instruction.opname in STOPS else following[offset]
    return found, greatest


def sample() -> list[Path]:
    return [
        *sorted(Path(sysconfig.get_path("stdlib")).glob("*.py"))[::4],
        *Path(__file__).with_name("programs").glob("*.py"),
    ]


@pytest.mark.parametrize("path", sample(), ids=lambda path: path.stem)
def test_a_stack_is_as_deep_as_needed_and_no_deeper(path: Path) -> None:
    original = compile(path.read_bytes(), str(path), "exec", dont_inherit=True)
    for granularity in GRANULARITIES:
        for before, after in zip(
            nested(original), nested(rewrite(original, silent, granularity=granularity)), strict=True
        ):
            assert after.co_stacksize == max(before.co_stacksize, depths(after)[1])


@pytest.mark.parametrize("path", sample(), ids=lambda path: path.stem)
def test_depths_are_those_of_following_every_path(path: Path) -> None:
    for code in nested(compile(path.read_bytes(), str(path), "exec", dont_inherit=True)):
        handled = exceptiontable.parse(code.co_exceptiontable)
        entry = code.co_code[::2].find(RESUME) + 1 + CACHES[RESUME]
        computed = Depths(code.co_code, control_flow(code.co_code), handled, entry)
        assert all(computed.at(offset // 2) == depth for offset, depth in depths(code)[0].items() if offset > entry * 2)


@pytest.mark.parametrize("granularity", ["block", "line"])
def test_a_stack_grows_for_a_probe_on_top_of_it(granularity: Granularity) -> None:
    code = function_code("def f(a):\n for b in a: pass")
    assert rewrite(code, silent, granularity=granularity).co_stacksize == code.co_stacksize + 1


@pytest.mark.parametrize("granularity", GRANULARITIES)
def test_a_stack_stays_where_there_is_room(granularity: Granularity) -> None:
    code = function_code("def f(a):\n b = a\n return f(a, b)")
    assert rewrite(code, silent, granularity=granularity).co_stacksize == code.co_stacksize


def test_long_arguments_count_as_a_whole() -> None:
    names = ", ".join(f"a{n}" for n in range(700))
    code = function_code(f"def f(b):\n for {names} in b: pass")
    rewritten = rewrite(code, silent)
    assert rewritten.co_stacksize == code.co_stacksize == depths(rewritten)[1] > 700
