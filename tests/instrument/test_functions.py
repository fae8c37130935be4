"""instrument() and instrument_all(): functions that exist already."""

import asyncio
import copy
import dis
import functools
import gc
import importlib.util
import inspect
import math
import pickle
import subprocess
import sys
import textwrap
import threading
import types
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

import cloudpickle
import pytest

import pykcov
from pykcov._view import constants
from pykcov.instrument import originals, rewriter, versions
from pykcov.instrument.alive import IS_FREE_THREADED
from pykcov.instrument.alive import functions as alive_functions
from pykcov.instrument.code import is_instrumented

IS_3_13T = IS_FREE_THREADED and sys.version_info < (3, 14)

Hits = Callable[..., list[pykcov.Location]]


class Loud:
    """Fails the test at whatever is asked of it."""

    def __getattribute__(self, name: str) -> Any:
        raise AssertionError(f"asked for {name}")

    def __repr__(self) -> str:
        raise AssertionError("asked for its repr")

    def __eq__(self, other: object) -> bool:
        raise AssertionError("compared")

    def __hash__(self) -> int:
        raise AssertionError("hashed")

    def __bool__(self) -> bool:
        raise AssertionError("asked for its truth")


# Their code is that of the function around them since 3.12.
COMPREHENSIONS_WITH_CODE = {"<dictcomp>"} if sys.version_info < (3, 12) else set()


def names(found: list[pykcov.Location]) -> set[str]:
    return {location.function.rpartition("<locals>.")[2] for location in found}


def test_function_stays_the_same_object_and_does_the_same(hits: Hits) -> None:
    def double(x: int, *, by: int = 2) -> int:
        return x * by

    double.note = "kept"  # type: ignore[attr-defined]
    before = (inspect.signature(double), inspect.getsource(double), double.__defaults__, double.__kwdefaults__)

    assert pykcov.instrument(double) is double
    assert double(21) == 42
    assert before == (inspect.signature(double), inspect.getsource(double), double.__defaults__, double.__kwdefaults__)
    assert double.note == "kept"  # type: ignore[attr-defined]
    assert names(hits(double, 1)) == {"double"}


def test_serves_as_a_decorator_of_functions_and_classes(hits: Hits) -> None:
    @pykcov.instrument
    def function() -> None:
        pass

    @pykcov.instrument
    class Class:
        def method(self) -> None:
            pass

    assert names(hits(function)) == {"function"}
    assert names(hits(Class().method)) == {"Class.method"}


def test_function_that_was_not_instrumented_records_nothing(hits: Hits) -> None:
    def function() -> None:
        pass

    assert hits(function) == []


def test_location_tells_where_the_function_is(hits: Hits) -> None:
    def function() -> None:
        pass

    first = hits(pykcov.instrument(function))[0]

    assert (first.file, first.module) == (__file__, __name__)
    assert function.__code__.co_firstlineno + 1 in first.lines


@pytest.mark.skipif(IS_3_13T, reason="without a GIL, 3.13 specializes nothing")
def test_calls_are_specialized_as_before() -> None:
    """CPython 3.13 gives a function no new version: without one its calls would be slow for ever."""

    def called(x: int) -> int:
        return x

    def calls() -> None:
        for _ in range(200):
            called(1)

    def is_specialized() -> bool:
        calls()
        return "CALL_PY_EXACT_ARGS" in [one.opname for one in dis.get_instructions(calls, adaptive=True)]

    assert is_specialized()
    pykcov.instrument(called)
    assert is_specialized()


def test_instrumented_twice_is_instrumented_once() -> None:
    def function() -> None:
        pass

    code = pykcov.instrument(function).__code__

    assert pykcov.instrument(function).__code__ is code


def lines_of(found: list[pykcov.Location]) -> list[tuple[int, ...]]:
    return [location.lines for location in found if location.lines]


def test_blocks_become_lines_when_lines_are_wished_later(hits: Hits) -> None:
    def function(x: int) -> Callable[[], int]:
        y = len(str(x))
        z = len(str(y))

        def inner() -> int:
            a = len(str(y))
            return len(str(a + z))

        return inner

    inner = function(1)
    bare = function.__code__
    pykcov.instrument(function, granularity="block")
    pykcov.instrument(inner, granularity="block")
    as_blocks = lines_of(hits(function, 1)), lines_of(hits(inner))
    pykcov.instrument(function, granularity="line")
    pykcov.instrument(inner, granularity="line")
    as_lines = lines_of(hits(function, 1)), lines_of(hits(inner))
    first = bare.co_firstlineno

    assert as_blocks == ([tuple(first + n for n in (1, 2, 4, 8))], [(first + 5, first + 6)])
    assert as_lines == ([(first + n,) for n in (1, 2, 4, 8)], [(first + 5,), (first + 6,)])
    assert lines_of(hits(function(1))) == as_lines[1]
    assert (function.__code__.co_names, function.__code__.co_varnames) == (bare.co_names, bare.co_varnames)


def test_lines_stay_where_blocks_are_wished_later() -> None:
    def function(x: int) -> int:
        x += 1
        return x

    code = pykcov.instrument(function, granularity="line").__code__

    assert pykcov.instrument(function, granularity="block").__code__ is code


def test_comparisons_are_added_to_lines() -> None:
    def function(x: int) -> bool:
        return x == 3

    def kinds() -> set[str]:
        return {type(constant).__name__ for constant in constants(function.__code__)}

    pykcov.instrument(function, granularity="line")
    before = kinds()
    pykcov.instrument(function, granularity="block", compare=True)

    assert kinds() - before == {"CompareProbe"}


@pytest.mark.skipif(IS_3_13T, reason="without a GIL, 3.13 keeps all code once there was a second thread")
def test_originals_of_functions_that_have_died_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(originals, "_probed", {})
    monkeypatch.setattr(originals, "_SWEEP_MIN", 50)
    monkeypatch.setattr(originals, "_sweep_at", 50)

    for number in range(300):
        namespace: dict[str, Any] = {"__name__": "short_lived"}
        exec(f"def f(): return {number}", namespace)
        pykcov.instrument(namespace["f"])
        namespace.clear()

    assert len(originals._probed) <= 51


def test_nothing_of_the_program_is_kept_alive() -> None:
    class Thing:
        pass

    def use() -> "weakref.ref[Thing]":
        thing = Thing()
        pykcov.instrument(lambda: [(yield thing)])
        pykcov.instrument_imports(["no_such"]).close()
        return weakref.ref(thing)

    gc.disable()
    try:
        assert use()() is None
    finally:
        gc.enable()


def test_functions_and_comprehensions_inside_are_instrumented_when_they_come_to_be(hits: Hits) -> None:
    def outer(n: int) -> Callable[[], int]:
        squares = {x: x * x for x in range(n)}

        def inner() -> int:
            return sum(v for v in squares.values())

        return inner

    pykcov.instrument(outer)

    assert names(hits(lambda: outer(3)())) == {"outer", "inner", "<genexpr>", *COMPREHENSIONS_WITH_CODE}


def test_closures_that_share_code_stay_separate(hits: Hits) -> None:
    def adder(n: int) -> Callable[[int], int]:
        return lambda x: x + n

    one, two = adder(1), adder(2)
    pykcov.instrument(one)

    assert (one(10), two(10)) == (11, 12)
    assert hits(one, 1)
    assert not hits(two, 1)


class Example:
    """A class with everything that can stand in one."""

    attribute = 3

    def method(self) -> str:
        return "method"

    @staticmethod
    def static() -> str:
        return "static"

    @classmethod
    def of_class(cls) -> str:
        return "of_class"

    @property
    def prop(self) -> str:
        return "prop"

    @prop.setter
    def prop(self, value: str) -> None:
        pass

    @functools.cached_property
    def cached(self) -> str:
        return "cached"

    @functools.lru_cache  # noqa: B019
    def remembered(self) -> str:
        return "remembered"

    def of_two(self, which: str) -> str:
        return which

    part = functools.partialmethod(of_two, "part")

    @contextmanager
    def manager(self) -> Iterator[str]:
        yield "manager"

    @functools.singledispatchmethod
    def dispatched(self, x: object) -> str:
        return "dispatched"

    class Inner:
        def deep(self) -> str:
            return "deep"

    class Descriptor:
        def __init__(self, function: Callable[[Any], str]) -> None:
            self.function = function

        def __get__(self, instance: object, owner: type) -> str:
            return self.function(instance)

    @Descriptor
    def described(self) -> str:
        return "described"


def use(example: Example) -> list[str]:
    example.prop = "x"
    with example.manager() as managed:
        return [
            example.method(),
            example.static(),
            example.of_class(),
            example.prop,
            example.cached,
            example.remembered(),
            example.part(),
            managed,
            example.dispatched(1),
            Example.Inner().deep(),
            example.described,
        ]


def fresh(cls: type) -> Any:
    """Return a copy of a class, so that no test sees what another has instrumented."""
    namespace: dict[str, Any] = {"__name__": __name__}
    source = "import functools\nfrom contextlib import contextmanager\n" + textwrap.dedent(inspect.getsource(cls))
    exec(compile("from __future__ import annotations\n" + source, "fresh.py", "exec"), namespace)
    return namespace[cls.__name__]


def test_class_has_all_that_its_body_defines_instrumented(hits: Hits, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(globals(), "Example", fresh(Example))
    bare = use(globals()["Example"]())

    pykcov.instrument(globals()["Example"])
    result: list[str] = []
    found = hits(lambda: result.extend(use(globals()["Example"]())))

    assert result == bare
    assert names(found) == {
        "Example.method",
        "Example.static",
        "Example.of_class",
        "Example.prop",
        "Example.cached",
        "Example.remembered",
        "Example.of_two",
        "Example.manager",
        "Example.dispatched",
        "Example.Inner.deep",
        "Example.Descriptor.__get__",
        "Example.described",
    }
    assert len([location for location in found if location.function == "Example.prop"]) >= 2


@pytest.mark.parametrize(
    "attribute",
    ["method", "static", "of_class", "prop", "cached", "remembered", "part", "manager", "dispatched"],
)
def test_wrapper_is_looked_through(attribute: str, monkeypatch: pytest.MonkeyPatch, hits: Hits) -> None:
    cls = fresh(Example)
    monkeypatch.setitem(globals(), "Example", cls)
    wrapper = inspect.getattr_static(cls, attribute)

    assert pykcov.instrument(wrapper) is wrapper
    found = names(hits(lambda: use(cls())))

    assert {"part": "Example.of_two"}.get(attribute, f"Example.{attribute}") in found
    assert "Example.Inner.deep" not in found


def test_method_of_an_instance_is_the_function_of_its_class(hits: Hits) -> None:
    cls = fresh(Example)
    pykcov.instrument(cls().method)

    assert names(hits(cls().method)) == {"Example.method"}


def test_partial_is_looked_through_but_not_its_arguments(hits: Hits) -> None:
    def called(argument: Callable[[], None]) -> None:
        argument()

    def argument() -> None:
        pass

    pykcov.instrument(functools.partial(called, argument))

    assert names(hits(called, argument)) == {"called"}


def test_inherited_functions_are_left_to_the_base_class(hits: Hits) -> None:
    class Base:
        def inherited(self) -> None:
            pass

    class Derived(Base):
        def own(self) -> None:
            pass

        borrowed = textwrap.dedent

    pykcov.instrument(Derived)

    assert hits(Derived().inherited) == []
    assert not is_instrumented(textwrap.dedent.__code__)
    assert hits(Derived().own)


def test_class_asked_for_runs_none_of_the_programs_code() -> None:
    class Meta(type):
        def __getattribute__(cls, name: str) -> Any:
            raise AssertionError(name)

    class Trap(metaclass=Meta):
        loud = Loud()

        def __getattribute__(self, name: str) -> Any:
            raise AssertionError(name)

        @property
        def prop(self) -> int:
            raise AssertionError

    pykcov.instrument(Trap)

    assert is_instrumented(type.__dict__["__dict__"].__get__(Trap)["prop"].fget.__code__)


MODULE = """
import functools
def plain(): return "plain"
handlers = {"key": lambda: "lambda in a dictionary"}
def make():
    def closure(): return "closure"
    return closure
made = make()
class Class:
    def method(self): return "method"
def dropped(): return "dropped"
callback = functools.partial(dropped)
del dropped
from textwrap import dedent as borrowed
"""


def module_of(source: str, name: str, folder: Path) -> ModuleType:
    file = folder / f"{name}.py"
    file.write_text(source)
    specification = importlib.util.spec_from_file_location(name, file)
    assert specification is not None
    assert specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


def test_module_has_all_its_living_functions_instrumented(hits: Hits, tmp_path: Path) -> None:
    module = module_of(MODULE, "example_of_module", tmp_path)

    assert pykcov.instrument(module) is module

    def run() -> None:
        module.plain()
        module.handlers["key"]()
        module.made()
        module.make()()
        module.Class().method()
        module.callback()

    assert names(hits(run)) == {"plain", "<lambda>", "make", "closure", "Class.method", "dropped"}
    assert not is_instrumented(textwrap.dedent.__code__)


def test_lazy_module_is_not_woken(tmp_path: Path) -> None:
    (tmp_path / "sleeper.py").write_text("raise AssertionError('woken')\n")
    specification = importlib.util.spec_from_file_location("sleeper", tmp_path / "sleeper.py")
    assert specification is not None
    assert specification.loader is not None
    specification.loader = importlib.util.LazyLoader(specification.loader)
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)

    with pytest.raises(TypeError, match="loaded lazily and is not loaded yet; use instrument_imports"):
        pykcov.instrument(module)


def test_functions_hidden_by_gc_freeze_are_found() -> None:
    def function() -> None:
        pass

    def is_found() -> int:
        return sum(1 for found in alive_functions() if found is function)

    assert is_found() == 1
    gc.freeze()
    try:
        assert not [found for found in gc.get_objects() if found is function]
        assert is_found() == 1
        assert is_found() == 1
    finally:
        gc.unfreeze()
    assert is_found() == 1


def test_dead_objects_that_a_module_in_c_keeps_for_reuse_stay_dead(monkeypatch: pytest.MonkeyPatch) -> None:
    def get_referents(*objects: object) -> list[object]:
        assert not [found for found in objects if issubclass(type(found), ModuleType)]
        return real(*objects)

    async def await_futures() -> None:
        loop = asyncio.get_running_loop()
        iterators = [iter(loop.create_future()) for _ in range(10)]
        iterators.clear()
        assert any(found is await_futures for found in alive_functions())

    real = gc.get_referents
    monkeypatch.setattr(gc, "get_referents", get_referents)
    gc.freeze()
    try:
        asyncio.run(await_futures())
    finally:
        gc.unfreeze()
    gc.collect()


def generator() -> Iterator[int]:
    yield 1


@pytest.mark.parametrize(
    ("obj", "reason"),
    [
        (math, "module math: it has no Python functions"),
        (math.sqrt, "builtin_function_or_method: it is not Python code"),
        (str.join, "method_descriptor: it is not Python code"),
        (int, "type int: no Python functions are defined in its body"),
        (generator(), "generator: it is running already"),
        (generator.__code__, "code: use instrument_code"),
        ("json", "str: it is a name; instrument_imports"),
        (3, "int: expected a function, a method, a wrapper of one, a class or a module"),
        (None, "NoneType: expected a function"),
        (Loud(), "Loud: expected a function"),
        (pykcov.symbolize, "function symbolize: pykcov does not instrument itself"),
        (functools.partial(math.sqrt, 2), "partial: expected a function"),
    ],
    ids=lambda value: value.partition(":")[0] if type(value) is str else "",
)
def test_what_has_no_python_code_is_refused(obj: object, reason: str) -> None:
    with pytest.raises(TypeError, match=f"cannot instrument .*{reason}"):
        pykcov.instrument(obj)


@pytest.mark.parametrize("before", [None, "line"])
def test_unknown_granularity_is_refused(before: Any) -> None:
    def function() -> None:
        pass

    if before:
        pykcov.instrument(function, granularity=before)
    with pytest.raises(ValueError, match="'word'"):
        pykcov.instrument_code(function.__code__, "m", granularity="word")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="'word'"):
        pykcov.instrument(generator, granularity="word")  # type: ignore[arg-type]


def test_calls_that_are_running_are_named_and_go_on(hits: Hits) -> None:
    def running() -> Iterator[int]:
        yield 1
        yield 2

    started = running()
    next(started)
    pykcov.instrument(running)

    assert next(started) == 2
    assert any("running" in skipped.name and "was running" in skipped.reason for skipped in pykcov.skipped())
    assert names(hits(list, running())) == {"running"}


def test_functions_are_found_after_a_thread_was_started() -> None:
    """The collector of 3.13 without a GIL does not know them any longer."""
    made = ModuleType("made")
    exec(
        "def plain(): pass\nclass Class:\n  def method(self): pass\n  class Nested:\n    def inner(self): pass",
        vars(made),
    )
    thread = threading.Thread(target=int)
    thread.start()
    thread.join()
    exec("def later(): pass", vars(made))
    sys.modules["made"] = made
    try:
        gc.collect()
        found = {id(function) for function in alive_functions()}
    finally:
        del sys.modules["made"]
    for function in made.plain, made.later, made.Class.method, made.Class.Nested.inner:
        assert id(function) in found


@pytest.mark.skipif(IS_FREE_THREADED, reason="without a GIL, frames of other threads are not looked at")
def test_function_in_the_middle_of_a_call_in_another_thread_is_named(hits: Hits) -> None:
    entered, leave = threading.Event(), threading.Event()

    def long_call() -> str:
        entered.set()
        leave.wait()
        return "done"

    results: list[str] = []
    thread = threading.Thread(target=lambda: results.append(long_call()))
    thread.start()
    entered.wait()
    pykcov.instrument(long_call)
    leave.set()
    thread.join()

    assert results == ["done"]
    assert any("long_call" in skipped.name for skipped in pykcov.skipped())


def test_function_that_cannot_be_rewritten_is_named_and_works(monkeypatch: pytest.MonkeyPatch) -> None:
    def unlucky() -> int:
        return 1

    def fail(*args: object, **keywords: object) -> None:
        raise RuntimeError("no room")

    monkeypatch.setattr(rewriter, "instrument_code", fail)

    with pytest.raises(TypeError, match=r"cannot be rewritten, see pykcov\.skipped"):
        pykcov.instrument(unlucky)
    assert unlucky() == 1
    assert pykcov.skipped()[-1].name.endswith("unlucky")
    assert pykcov.skipped()[-1].reason == "RuntimeError: no room"


def test_coroutines_run_as_before(hits: Hits) -> None:
    @pykcov.instrument
    async def outer() -> list[int]:
        async def inner(n: int) -> int:
            await asyncio.sleep(0)
            return n

        async def numbers() -> Any:
            for n in range(3):
                yield await inner(n)

        return [n async for n in numbers()]

    result: list[int] = []
    found = hits(lambda: result.extend(asyncio.run(outer())))

    assert result == [0, 1, 2]
    assert names(found) >= {"outer", "inner", "numbers"}


def by_name(x: int) -> int:
    return x + 1


def test_copy_and_pickle_go_by_name() -> None:
    pykcov.instrument(by_name)

    assert pickle.loads(pickle.dumps(by_name)) is by_name
    assert copy.copy(by_name) is by_name
    assert copy.deepcopy(by_name) is by_name


def test_cloudpickle_of_an_instrumented_function_works_here_with_its_probes(hits: Hits) -> None:
    factor = 3

    @pykcov.instrument
    def times(x: int) -> int:
        return x * factor

    again = cloudpickle.loads(cloudpickle.dumps(times))

    assert again is not times
    assert again(5) == 15
    assert [location.pc for location in hits(again, 5)] == [location.pc for location in hits(times, 5)]


def test_cloudpickle_of_an_instrumented_function_works_in_another_process() -> None:
    @pykcov.instrument
    def answer() -> int:
        return 42

    program = "import pickle, sys; print(pickle.loads(sys.stdin.buffer.read())())"
    done = subprocess.run(
        [sys.executable, "-c", program], input=cloudpickle.dumps(answer), capture_output=True, check=True
    )

    assert done.stdout == b"42\n"


def test_traceback_of_an_instrumented_function_is_the_same() -> None:
    def fails(x: int) -> float:
        if x:
            return (
                1
                / (x - 1)
            )  # fmt: skip
        return 0

    def position() -> list[Any]:
        with pytest.raises(ZeroDivisionError) as caught:
            fails(1)
        code_positions = list(caught.traceback[-1].frame.code.raw.co_positions())
        last = caught.tb
        while last.tb_next is not None:
            last = last.tb_next
        return [last.tb_lineno, code_positions[last.tb_lasti // 2]]

    before = position()
    pykcov.instrument(fails)

    assert position() == before


ALL = """
import json, sys, types
def mine(): return [x for x in range(3)]
class Class:
    @property
    def prop(self): return 1
handlers = [lambda: 1]
import pykcov
from pykcov.instrument.code import is_instrumented
from pykcov.instrument.alive import functions
count = pykcov.instrument_all()
alive = functions()
bare = [f for f in alive if not is_instrumented(f.__code__)]
ours = [f for f in bare if (f.__globals__["__name__"] or "").partition(".")[0] == "pykcov"]
assert ours, "pykcov instrumented itself"
others = [f for f in bare if f not in ours]
assert not others, others[:20]
assert count > 1000, count
assert is_instrumented(mine.__code__) and is_instrumented(handlers[0].__code__)
assert json.loads(json.dumps({"a": [1, 2.5, None]})) == {"a": [1, 2.5, None]}
import decimal, email.message, dataclasses
@dataclasses.dataclass
class Data: x: int = 1
assert Data() == Data(1)
assert pykcov.instrument_all() >= count
print(mine(), Class().prop, len(pykcov.skipped()) < 50)
"""


def test_instrument_all_takes_every_living_function_but_ours() -> None:
    done = subprocess.run([sys.executable, "-c", ALL], capture_output=True, text=True)

    assert (done.stdout, done.stderr) == ("[0, 1, 2] 1 True\n", "")


@pytest.mark.parametrize(
    "use",
    [
        lambda: pykcov.instrument(generator),
        pykcov.instrument_all,
        lambda: pykcov.instrument_code(generator.__code__, __name__),
        pykcov.instrument_imports,
        lambda: pykcov.trace(),
    ],
    ids=["instrument", "instrument_all", "instrument_code", "instrument_imports", "trace"],
)
def test_unsupported_python_is_refused_in_words(use: Callable[[], object], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(versions, "VERSION", None)

    with pytest.raises(pykcov.UnsupportedPythonError, match=r"this pykcov knows CPython 3\.11, 3\.12, 3\.13"):
        use()


def test_types_of_generators_and_coroutines_are_seen_as_before() -> None:
    @pykcov.instrument
    def produce() -> Iterator[int]:
        yield 1

    @pykcov.instrument
    async def work() -> None:
        pass

    @types.coroutine
    def legacy() -> Iterator[int]:
        yield 1

    pykcov.instrument(legacy)

    assert inspect.isgeneratorfunction(produce)
    assert inspect.iscoroutinefunction(work)
    assert inspect.isawaitable(legacy())
