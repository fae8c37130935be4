"""Programs see code as it was before it had probes: its bytecode, and the offsets in frames and tracebacks."""

import dis
import inspect
import io
import marshal
import subprocess
import sys
import textwrap
import traceback
import types
from collections.abc import Iterator
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

import pytest

import pykcov
from pykcov import _view
from pykcov.instrument.code import instrument_code, is_instrumented
from pykcov.instrument.rewrite import Granularity

PROGRAMS = sorted(Path(__file__).parent.joinpath("programs").glob("*.py"))
KINDS: list[tuple[Granularity, bool]] = [("line", False), ("block", False), ("line", True), ("block", True)]
BYTECODE = ["co_code", "_co_code_adaptive", "co_linetable", "co_exceptiontable", "co_stacksize"]


def nested(code: CodeType) -> Iterator[CodeType]:
    yield code
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from nested(constant)


def function_of(source: str, name: str = "f") -> Any:
    namespace: dict[str, Any] = {"__name__": "shown"}
    exec(textwrap.dedent(source), namespace)
    return namespace[name]


@pytest.mark.parametrize(("granularity", "compare"), KINDS)
@pytest.mark.parametrize("path", PROGRAMS, ids=lambda path: path.stem)
def test_all_of_the_bytecode_is_that_of_the_original(path: Path, granularity: Granularity, compare: bool) -> None:
    original = compile(path.read_text(), str(path), "exec")
    probed = instrument_code(original, f"shown_{path.stem}", granularity=granularity, compare=compare)
    pairs = list(zip(nested(original), nested(probed), strict=True))

    for before, after in pairs:
        assert is_instrumented(after)
        assert _view.code(after) != before.co_code
        assert {name: getattr(after, name) for name in BYTECODE} == {name: getattr(before, name) for name in BYTECODE}
        assert list(after.co_lines()) == list(before.co_lines())
        assert list(after.co_positions()) == list(before.co_positions())
        assert len(after.co_consts) == len(before.co_consts)
        assert [i._replace(argval=None, argrepr="") for i in dis.get_instructions(after)] == [
            i._replace(argval=None, argrepr="") for i in dis.get_instructions(before)
        ]


def test_code_stays_one_object_wherever_it_is_met() -> None:
    def f() -> CodeType:
        return sys._getframe().f_code

    def g() -> Iterator[CodeType]:
        yield sys._getframe().f_code

    for function in (f, g):
        pykcov.instrument(function)
    generator = g()

    assert f() is f.__code__
    assert next(generator) is g.__code__ is generator.gi_code  # type: ignore[attr-defined]
    assert f.__code__.co_consts is f.__code__.co_consts


SOURCE = """
    def f(x, call):
        total = 0
        for n in range(3):
            if n == x:
                total += call(
                    n,
                    total)
            elif n > 400 or call is None:
                raise ValueError
        return [call(n, y) for y in "ab"] and (
            total
            / x)
"""


@pytest.mark.parametrize(("granularity", "compare"), KINDS)
def test_offsets_in_frames_are_those_of_the_original(granularity: Granularity, compare: bool) -> None:
    def offsets(function: Any) -> list[int]:
        seen = []

        def call(n: int, total: object) -> int:
            frame = sys._getframe(1)
            seen.append(frame.f_lasti)
            assert inspect.getframeinfo(frame).positions is not None
            return n

        function(1, call)
        return seen

    bare, probed = function_of(SOURCE), function_of(SOURCE)
    pykcov.instrument(probed, granularity=granularity, compare=compare)

    assert offsets(probed) == offsets(bare)


@pytest.mark.parametrize(("granularity", "compare"), KINDS)
def test_tracebacks_are_those_of_the_original(granularity: Granularity, compare: bool) -> None:
    def told(function: Any) -> tuple[str, int]:
        with pytest.raises(ZeroDivisionError) as caught:
            function(0, lambda n, total: 0)
        return "".join(traceback.format_tb(caught.tb)[1:]), caught.tb.tb_next.tb_lasti  # type: ignore[union-attr]

    bare, probed = function_of(SOURCE), function_of(SOURCE)
    pykcov.instrument(probed, granularity=granularity, compare=compare)

    assert told(probed) == told(bare)


def test_a_traceback_made_of_what_was_seen_is_the_same(tmp_path: Path) -> None:
    """As jinja2 and tblib make them. The interpreter itself prints it by what is in the structure."""
    (tmp_path / "fails.py").write_text("def f(a, b):\n    if a:\n        return len(a) + (a\n            / b)\n")
    (tmp_path / "main.py").write_text(
        textwrap.dedent(
            """
            import sys, types, fails
            def main():
                try:
                    fails.f("x", 0)
                except TypeError as error:
                    inner = error.__traceback__.tb_next
                    made = types.TracebackType(None, inner.tb_frame, inner.tb_lasti, tb_lineno=inner.tb_lineno)
                    assert made.tb_lasti == inner.tb_lasti, (made.tb_lasti, inner.tb_lasti)
                    raise error.with_traceback(made)
            main()
            """
        )
    )

    def errors(*command: str) -> str:
        done = subprocess.run([sys.executable, *command], cwd=tmp_path, capture_output=True, text=True)
        assert "TypeError" in done.stderr, done.stderr
        return done.stderr.partition("\npykcov:")[0].rstrip("\n")

    assert errors("-m", "pykcov", "run", "main.py") == errors("main.py")


@pytest.mark.parametrize(
    ("arguments", "keywords"),
    [((), {}), ((None,), {}), ((None, 1, 2, 3), {}), ((None, sys._getframe(), "x", 3), {}), ((), {"tb_next": 1})],
)
def test_tracebacks_cannot_be_made_of_anything_else(arguments: tuple[Any, ...], keywords: dict[str, Any]) -> None:
    with pytest.raises(TypeError):
        types.TracebackType(*arguments, **keywords)


def test_marshal_writes_the_original() -> None:
    bare, probed = function_of(SOURCE), function_of(SOURCE)
    pykcov.instrument(probed)
    stream = io.BytesIO()
    marshal.dump(probed.__code__, stream)
    again = marshal.loads(marshal.dumps(probed.__code__))

    assert again == marshal.loads(stream.getvalue()) == bare.__code__
    assert types.FunctionType(again, {})(2, lambda n, total: n) == 1.0


def test_a_copy_with_another_name_has_the_probes_and_shows_the_original() -> None:
    bare, probed = function_of(SOURCE), function_of(SOURCE)
    pykcov.instrument(probed)
    copy = probed.__code__.replace(co_name="other", co_flags=probed.__code__.co_flags)

    assert is_instrumented(copy)
    assert copy.co_name == "other"
    assert copy.co_code == bare.__code__.co_code
    assert copy.replace(co_name="third").co_code == bare.__code__.co_code


def test_types_coroutine_keeps_the_probes() -> None:
    @pykcov.instrument
    def steps() -> Iterator[int]:
        yield 1

    made = types.coroutine(steps)

    assert is_instrumented(made.__code__)
    assert made.__code__.co_flags & inspect.CO_ITERABLE_COROUTINE


def test_bytecode_that_was_changed_by_who_has_read_it_works() -> None:
    def f(x: int) -> int:
        def inner(y: int) -> int:
            return y + 1000

        return inner(x) + 2000

    pykcov.instrument(f)
    code = f.__code__
    changed = code.replace(
        co_code=code.co_code, co_consts=tuple(3000 if one == 2000 else one for one in code.co_consts)
    )
    f.__code__ = changed

    assert f(1) == 4001
    assert not is_instrumented(changed)
    assert is_instrumented(next(one for one in changed.co_consts if isinstance(one, CodeType)))


def test_code_made_of_its_parts_works() -> None:
    probed = function_of(SOURCE)
    pykcov.instrument(probed)
    code = probed.__code__
    parts = [
        *(code.co_argcount, code.co_posonlyargcount, code.co_kwonlyargcount, code.co_nlocals, code.co_stacksize),
        *(code.co_flags, code.co_code, code.co_consts, code.co_names, code.co_varnames, code.co_filename),
        *(code.co_name, code.co_qualname, code.co_firstlineno, code.co_linetable, code.co_exceptiontable),
        *(code.co_freevars, code.co_cellvars),
    ]
    made = types.FunctionType(CodeType(*parts), {})

    assert made(2, lambda n, total: n) == 1.0


def test_a_function_of_the_same_code_keeps_the_probes() -> None:
    probed = function_of(SOURCE)
    pykcov.instrument(probed)

    assert is_instrumented(types.FunctionType(probed.__code__, {}).__code__)
    probed.__code__ = probed.__code__
    assert is_instrumented(probed.__code__)


def test_a_tracer_sees_offsets_that_fit_the_code_that_it_reads() -> None:
    def seen(function: Any) -> set[tuple[int, str]]:
        found = set()

        def trace(frame: FrameType, event: str, argument: object) -> Any:
            if frame.f_code is function.__code__:
                frame.f_trace_opcodes = True
                if event == "opcode":
                    found.add((frame.f_lasti, dis.opname[frame.f_code.co_code[frame.f_lasti]]))
            return trace

        sys.settrace(trace)
        try:
            function(2, lambda n, total: n)
        finally:
            sys.settrace(None)
        return found

    bare, probed = function_of(SOURCE), function_of(SOURCE)
    pykcov.instrument(probed)

    assert seen(probed) == seen(bare)


def test_a_tracer_written_in_c_reads_the_code_that_runs(tmp_path: Path) -> None:
    """coverage.py's takes offsets from the structure and co_code from the attribute, to tell a return from a yield."""
    pytest.importorskip("coverage.tracer")
    source = "def f(n):\n    for i in range(n):\n        if i % 2:\n            yield i\n    return\nlist(f(5))\n"
    (tmp_path / "m.py").write_text(source)
    (tmp_path / "main.py").write_text(
        "import coverage, sys, pykcov\n"
        "data = coverage.Coverage(branch=True, data_file=None, timid=False, config_file=False)\n"
        "data.start()\n"
        "if sys.argv[1:]:\n"
        "    with pykcov.instrument_imports(['m']): import m\n"
        "else: import m\n"
        "data.stop()\n"
        "print(sorted(data.get_data().arcs(m.__file__)))\n"
    )

    def arcs(*arguments: str) -> str:
        environment = {"PYKCOV_CACHE": "off", "COVERAGE_CORE": "ctrace", "PATH": ""}
        return subprocess.run(
            [sys.executable, "main.py", *arguments],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            check=True,
        ).stdout

    assert arcs("probes") == arcs()


@pytest.mark.skipif(sys.version_info < (3, 12), reason="sys.monitoring is new in 3.12")
@pytest.mark.parametrize("granularity", ["line", "block"])
def test_a_callback_of_monitoring_reads_the_code_that_its_offsets_are_in(granularity: Granularity) -> None:
    monitoring: Any = sys.monitoring  # type: ignore[attr-defined, unused-ignore]
    event = monitoring.events.JUMP | (
        monitoring.events.BRANCH_LEFT if sys.version_info >= (3, 14) else monitoring.events.BRANCH
    )
    found = set()

    def jumps(code: CodeType, offset: int, destination: int) -> None:
        # By then it has run on, or not.
        found.add(dis.opname[code.co_code[offset]])
        found.add("end" if destination >= len(code.co_code) else "inside")

    probed = function_of(SOURCE)
    pykcov.instrument(probed, granularity=granularity)
    monitoring.use_tool_id(3, "test")
    try:
        for one in (monitoring.events.JUMP, event & ~monitoring.events.JUMP):
            monitoring.register_callback(3, one, jumps)
        monitoring.set_local_events(3, probed.__code__, event)
        probed(2, lambda n, total: n)
    finally:
        monitoring.free_tool_id(3)

    assert found - {"inside"}
    assert all("JUMP" in name or name in ("FOR_ITER", "inside") for name in found)


def test_bytecode_read_where_the_stack_is_nearly_full_is_right_later() -> None:
    probed = function_of(SOURCE)
    pykcov.instrument(probed)
    depth = sys.getrecursionlimit()

    def deep(n: int) -> bytes:
        return deep(n - 1) if n else bytes(probed.__code__.co_code)

    for left in range(1, 60):
        try:
            deep(depth - left)
        except RecursionError:
            continue
    assert probed.__code__.co_code == function_of(SOURCE).__code__.co_code


def test_arguments_of_the_wrong_type_are_refused() -> None:
    for function in (_view.constants, _view.code):
        with pytest.raises(TypeError, match="code object"):
            function(1)  # type: ignore[arg-type]
    with pytest.raises(TypeError):
        _view.with_constants(1, ())  # type: ignore[arg-type]


def test_the_offset_of_a_frame_that_has_not_begun_is_what_it_was() -> None:
    def g() -> Iterator[int]:
        yield 1

    def offset() -> int:
        return g().gi_frame.f_lasti  # type: ignore[attr-defined, no-any-return]

    bare = offset()
    pykcov.instrument(g)
    assert offset() == bare
