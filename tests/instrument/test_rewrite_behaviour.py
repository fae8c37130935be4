"""A program does with probes what it does without: results, errors, tracebacks, line events, generators, frames."""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any

import pytest
from rewriting import GRANULARITIES, LineEvents, Recorder, nested, numbers

from pykcov.instrument.rewrite import Granularity, rewrite

PROGRAMS = Path(__file__).with_name("programs.py")
SOURCE = PROGRAMS.read_text()


def compiled() -> CodeType:
    """Compile the programs. Anew for each run: what has run before is specialised, and may skip line events."""
    return compile(SOURCE, str(PROGRAMS), "exec", dont_inherit=True)


CODE = compiled()
NAMES = [
    code.co_name
    for code in CODE.co_consts
    if isinstance(code, CodeType) and code.co_name[0].islower() and not code.co_argcount
]
# They trace themselves, or count frames, among which those of a recording probe are.
UNTRACEABLE = {"interrupted_by_a_debugger", "recursion_depth"}
TRACEABLE = [name for name in NAMES if name not in UNTRACEABLE]


@pytest.fixture
def load(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[CodeType], ModuleType]]:
    def load(code: CodeType) -> ModuleType:
        module = ModuleType("programs")
        monkeypatch.setitem(sys.modules, "programs", module)
        exec(code, vars(module))
        return module

    return load


Load = Callable[[CodeType], ModuleType]


@pytest.mark.parametrize("granularity", GRANULARITIES)
@pytest.mark.parametrize("name", NAMES)
def test_a_rewritten_program_gives_the_same_result(name: str, granularity: Granularity, load: Load) -> None:
    expected = getattr(load(CODE), name)()
    assert getattr(load(rewrite(CODE, numbers, granularity=granularity)), name)() == expected


@pytest.mark.parametrize("granularity", GRANULARITIES)
@pytest.mark.parametrize("name", TRACEABLE)
def test_a_debugger_sees_the_same_lines_in_the_same_order(name: str, granularity: Granularity, load: Load) -> None:
    def events(code: CodeType) -> list[tuple[str, int]]:
        program = getattr(load(code), name)
        with LineEvents(str(PROGRAMS)) as lines:
            program()
        return lines.seen

    assert events(rewrite(CODE, numbers, granularity=granularity)) == events(compiled())


@pytest.mark.parametrize("name", TRACEABLE)
def test_lines_hit_are_the_lines_run(name: str, load: Load) -> None:
    recorder = Recorder()
    program = getattr(load(rewrite(CODE, recorder, granularity="line")), name)
    recorder.hits.clear()
    with LineEvents(str(PROGRAMS)) as events:
        program()
    assert recorder.lines() == events.lines()


@pytest.mark.parametrize("name", TRACEABLE)
def test_blocks_hit_imply_all_lines_run(name: str, load: Load) -> None:
    recorder = Recorder()
    program = getattr(load(rewrite(CODE, recorder, granularity="block")), name)
    recorder.hits.clear()
    with LineEvents(str(PROGRAMS)) as events:
        program()
    hit = recorder.lines()
    assert all(hit[function] >= lines for function, lines in events.lines().items())


def test_importing_hits_the_lines_that_importing_runs(load: Load) -> None:
    recorder = Recorder()
    code = rewrite(CODE, recorder, granularity="line")
    with LineEvents(str(PROGRAMS)) as events:
        load(code)
    assert recorder.lines() == events.lines()


@pytest.mark.parametrize("granularity", GRANULARITIES)
def test_what_a_code_object_says_of_itself_stays(granularity: Granularity) -> None:
    kept = [name for name in dir(CODE) if name.startswith("co_")]
    for name in ("co_code", "co_consts", "co_stacksize", "co_linetable", "co_exceptiontable", "co_lnotab"):
        kept.remove(name)
    kept = [name for name in kept if not callable(getattr(CODE, name)) and name != "_co_code_adaptive"]
    for before, after in zip(nested(CODE), nested(rewrite(CODE, numbers, granularity=granularity)), strict=True):
        assert {name: getattr(before, name) for name in kept} == {name: getattr(after, name) for name in kept}
        constants = after.co_consts[: len(before.co_consts)]
        assert [c for c in before.co_consts if not isinstance(c, CodeType)] == [
            c for c in constants if not isinstance(c, CodeType)
        ]


def test_a_specialised_and_a_monitored_function_is_rewritten_as_compiled() -> None:
    space: dict[str, Any] = {}
    exec("def f(n):\n    s = 0\n    for x in range(n):\n        s += x\n    return s", space)
    function = space["f"]
    compiled = rewrite(function.__code__, numbers)
    for _ in range(1000):
        function(3)
    assert rewrite(function.__code__, numbers) == compiled
    with LineEvents(function.__code__.co_filename):
        function(3)
        assert rewrite(function.__code__, numbers) == compiled
    function.__code__ = compiled
    assert function(5) == 10


@pytest.mark.skipif(sys.version_info < (3, 12), reason="syntax of 3.12")
def test_type_parameters_and_nested_f_strings() -> None:
    source = """
type Pair[T] = tuple[T, T]
class C[T: int]:
    x: T
    def f[U](self, u: U) -> Pair[U]:
        return (u, f"{u!r:>{len(f"{u}") + 3}}")
names = [C.__type_params__[0].__bound__, Pair.__value__.__args__[0].__name__, C().f(1), C.__annotations__]
"""

    def run(code: CodeType) -> object:
        space: dict[str, Any] = {}
        exec(code, space)
        return str(space["names"])

    code = compile(source, "<source>", "exec")
    for granularity in GRANULARITIES:
        assert run(rewrite(code, numbers, granularity=granularity)) == run(code)
