"""A program does with probes what it does without: results, errors, tracebacks, line events, generators, frames."""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any

import pytest
from rewriting import GRANULARITIES, LineEvents, Recorder, nested, silent

from pykcov.instrument.rewrite import Granularity, rewrite

PROGRAMS = sorted(Path(__file__).with_name("programs").glob("*.py"))


def compiled(file: Path) -> CodeType:
    """Compile a file of programs. Anew for each run: what has run before is specialised, and may skip line events."""
    return compile(file.read_text(), str(file), "exec", dont_inherit=True)


ALL = [
    pytest.param(file, code.co_name, id=code.co_name)
    for file in PROGRAMS
    for code in compiled(file).co_consts
    if isinstance(code, CodeType) and code.co_name[0].islower() and not code.co_argcount
]
# They trace themselves, or count frames, among which those of a recording probe are.
UNTRACEABLE = {"interrupted_by_a_debugger", "recursion_depth"}
TRACEABLE = [parameter for parameter in ALL if parameter.id not in UNTRACEABLE]
Load = Callable[[CodeType], ModuleType]


@pytest.fixture
def load(monkeypatch: pytest.MonkeyPatch) -> Iterator[Load]:
    def load(code: CodeType) -> ModuleType:
        module = ModuleType("programs")
        monkeypatch.setitem(sys.modules, "programs", module)
        exec(code, vars(module))
        return module

    return load


@pytest.mark.parametrize("granularity", GRANULARITIES)
@pytest.mark.parametrize(("file", "name"), ALL)
def test_a_rewritten_program_gives_the_same_result(file: Path, name: str, granularity: Granularity, load: Load) -> None:
    code = compiled(file)
    expected = getattr(load(code), name)()
    assert getattr(load(rewrite(code, silent, granularity=granularity)), name)() == expected


@pytest.mark.parametrize("granularity", GRANULARITIES)
@pytest.mark.parametrize(("file", "name"), TRACEABLE)
def test_a_debugger_sees_the_same_lines_in_the_same_order(
    file: Path, name: str, granularity: Granularity, load: Load
) -> None:
    def events(code: CodeType) -> list[tuple[str, int]]:
        program = getattr(load(code), name)
        with LineEvents(str(file)) as lines:
            program()
        return lines.seen

    assert events(rewrite(compiled(file), silent, granularity=granularity)) == events(compiled(file))


def recorded(file: Path, name: str, granularity: Granularity, load: Load) -> tuple[dict[str, set[int]], LineEvents]:
    """Run a program with probes and under a debugger; return what each saw."""
    recorder = Recorder()
    program = getattr(load(rewrite(compiled(file), recorder, granularity=granularity)), name)
    recorder.hits.clear()
    with LineEvents(str(file)) as events:
        program()
    return recorder.lines(), events


@pytest.mark.parametrize(("file", "name"), TRACEABLE)
def test_lines_hit_are_the_lines_run(file: Path, name: str, load: Load) -> None:
    hit, events = recorded(file, name, "line", load)
    assert hit == events.lines()


@pytest.mark.parametrize(("file", "name"), TRACEABLE)
def test_blocks_hit_imply_all_lines_run(file: Path, name: str, load: Load) -> None:
    hit, events = recorded(file, name, "block", load)
    assert all(hit[function] >= lines for function, lines in events.lines().items())


@pytest.mark.parametrize("file", PROGRAMS, ids=lambda file: file.stem)
def test_importing_hits_the_lines_that_importing_runs(file: Path, load: Load) -> None:
    recorder = Recorder()
    code = rewrite(compiled(file), recorder, granularity="line")
    with LineEvents(str(file)) as events:
        load(code)
    assert recorder.lines() == events.lines()


@pytest.mark.parametrize("granularity", GRANULARITIES)
@pytest.mark.parametrize("file", PROGRAMS, ids=lambda file: file.stem)
def test_what_a_code_object_says_of_itself_stays(file: Path, granularity: Granularity) -> None:
    code = compiled(file)
    changed = {"co_code", "co_consts", "co_stacksize", "co_linetable", "co_exceptiontable", "co_lnotab"}
    kept = [name for name in dir(code) if name.startswith("co_") and name not in changed]
    kept = [name for name in kept if not callable(getattr(code, name))]
    for before, after in zip(nested(code), nested(rewrite(code, silent, granularity=granularity)), strict=True):
        assert {name: getattr(before, name) for name in kept} == {name: getattr(after, name) for name in kept}
        plain = [constant for constant in before.co_consts if not isinstance(constant, CodeType)]
        constants = after.co_consts[: len(before.co_consts)]
        assert [constant for constant in constants if not isinstance(constant, CodeType)] == plain


def test_a_specialised_and_a_monitored_function_is_rewritten_as_compiled() -> None:
    space: dict[str, Any] = {}
    exec("def f(n):\n    s = 0\n    for x in range(n):\n        s += x\n    return s", space)
    function = space["f"]
    compiled = rewrite(function.__code__, silent)
    for _ in range(1000):
        function(3)
    assert rewrite(function.__code__, silent) == compiled
    with LineEvents(function.__code__.co_filename):
        function(3)
        assert rewrite(function.__code__, silent) == compiled
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
        assert run(rewrite(code, silent, granularity=granularity)) == run(code)
