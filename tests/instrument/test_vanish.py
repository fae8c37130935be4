"""Probes that have told all they can vanish, and the program does not notice."""

import os
import random
import subprocess
import sys
import textwrap
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from types import CodeType, FunctionType, ModuleType
from typing import Any

import pytest

import pykcov
from pykcov import _core, _view
from pykcov._core import Probe
from pykcov.instrument import alive, vanish
from pykcov.instrument.rewrite import thinned

SOURCE = """\
def often(x):
    if x < 0:
        return -x
    total = 0
    for i in range(3):
        total += i
        if i == 99:
            total = 4
    return total


def outer(wait):
    made = []
    for i in range(400):
        def inner(x):
            if x == -1:
                return "rare"
            return x
        inner(i)
        made.append(inner)
        wait(i)
    return made


def generator():
    for i in range(1000):
        yield i
        if i == 998:
            last = True
    yield last


def catches(x):
    try:
        with open(os.devnull):
            if x == -1:
                raise KeyError(x)
            [y for y in range(x % 3) if y]
    except KeyError:
        return "caught"
    finally:
        x += 1
    return x


def whole(x):
    if x:
        return "yes"
    return [
        x,
        len("no"),
    ]
"""


@pytest.fixture
def module(tmp_path: Path) -> Iterator[Any]:
    path = tmp_path / "vanishing_example.py"
    path.write_text(SOURCE)
    found = ModuleType("vanishing_example")
    found.__dict__.update(__file__=str(path), os=os)
    exec(compile(SOURCE, str(path), "exec"), found.__dict__)
    sys.modules["vanishing_example"] = found
    yield found
    del sys.modules["vanishing_example"]


def look() -> None:
    """What happens by itself after some ten thousand hits of no use."""
    for _ in range(9):  # each rewrites no more than the program may stand still for
        vanish._exchange.look()


def once(granularity: Any = "line") -> Any:
    return pykcov.trace("once", include=["vanishing_example"], granularity=granularity)


def loads_of_probes(code: CodeType) -> int:
    """How many of its probes a code object would really hit, whatever programs see of it."""
    length = len(_view.code(code)) - len(code.co_code)
    return length // 2


@pytest.mark.parametrize("granularity", ["line", "arc"])
def test_probes_that_were_hit_often_vanish_and_the_others_still_tell(module: Any, granularity: Any) -> None:
    with once(granularity) as trace:
        before = loads_of_probes(module.often.__code__)
        for i in range(600):
            module.often(i)
        look()
        assert 0 < loads_of_probes(module.often.__code__) < before
        assert 3 not in trace.lines()[module.__file__]
        assert module.often(-5) == 5
    assert trace.lines() == {module.__file__: [2, 3, 4, 5, 6, 7, 9]}


@pytest.mark.parametrize("granularity", ["line", "arc"])
def test_without_any_probe_it_is_the_code_as_it_was_before(module: Any, granularity: Any) -> None:
    original = module.whole.__code__.co_code
    with once(granularity):
        for i in range(600):
            module.whole(i % 2)
        assert _view.code(module.whole.__code__) != original
        look()
        assert _view.code(module.whole.__code__) == module.whole.__code__.co_code == original


@pytest.mark.parametrize("granularity", ["line", "arc"])
def test_it_happens_by_itself(module: Any, granularity: Any) -> None:
    with once(granularity):
        before = loads_of_probes(module.often.__code__)
        for i in range(30_000):
            module.often(i)
        assert loads_of_probes(module.often.__code__) < before


def test_functions_made_by_code_in_the_middle_of_running_have_lost_them_too(module: Any) -> None:
    sizes = []

    def wait(i: int) -> None:
        if i in (0, 398):
            inner = sys._getframe(1).f_locals["inner"]
            sizes.append(loads_of_probes(inner.__code__))
        if i == 397:
            look()

    with once() as trace:
        made = module.outer(wait)
        assert sizes[1] < sizes[0]
        assert {loads_of_probes(inner.__code__) for inner in made} == {sizes[1]}
        assert 17 not in trace.lines()[module.__file__]
        assert made[0](-1) == "rare"
    assert 17 in trace.lines()[module.__file__]


def test_a_generator_that_is_suspended_goes_on_and_tells_the_rest(module: Any) -> None:
    with once() as trace:
        running = module.generator()
        for _ in range(900):
            next(running)
        look()
        assert list(running)[-1] is True
        assert list(module.generator())[:3] == [0, 1, 2]
    assert {26, 27, 28, 29, 30} <= set(trace.lines()[module.__file__])


def test_who_begins_to_record_later_finds_all_probes(module: Any) -> None:
    with once():
        for i in range(600):
            module.often(i)
        look()
        thin = loads_of_probes(module.often.__code__)
        with pykcov.trace(include=["vanishing_example"]) as trace:
            assert loads_of_probes(module.often.__code__) > thin
            module.often(1)
            look()
            module.often(1)
        assert trace.lines() == {module.__file__: [2, 4, 5, 6, 7, 9]}
        for i in range(600):
            module.often(i)
        look()
        assert loads_of_probes(module.often.__code__) == thin
        with once() as second:
            module.often(1)
        assert second.lines() == {module.__file__: [2, 4, 5, 6, 7, 9]}


def test_what_programs_see_of_the_code_stays_the_same(module: Any) -> None:
    def seen(function: FunctionType) -> Any:
        code = function.__code__
        nested = [constant for constant in code.co_consts if not isinstance(constant, CodeType)]
        return (
            *(code.co_code, nested, code.co_linetable, code.co_exceptiontable, code.co_stacksize),
            *(list(code.co_positions()), list(code.co_lines())),
        )

    before = {name: seen(getattr(module, name)) for name in ("often", "outer", "generator", "catches")}
    for granularity in ("line", "arc"):
        with once(granularity):
            for i in range(300):
                module.often(i)
                module.catches(i)
            module.outer(id)
            list(module.generator())
            look()
            assert {name: seen(getattr(module, name)) for name in before} == before
            for i in (-1, *range(300)):
                module.catches(i)
            look()
            assert {name: seen(getattr(module, name)) for name in before} == before


def test_tracebacks_have_the_same_lines(module: Any) -> None:
    def line() -> int:
        with pytest.raises(TypeError) as info:
            module.catches("x")
        return info.traceback[-1].lineno

    bare = line()
    with once("arc"):
        for i in range(600):
            module.catches(i)
        look()
        assert line() == bare


def test_threads_are_all_in_one_log_and_a_forked_child_is_not(module: Any) -> None:
    with once() as trace:
        thread = threading.Thread(target=module.often, args=(-1,))
        thread.start()
        thread.join()
        pid = os.fork()
        if pid == 0:
            module.often(1)
            os._exit(0)
        os.waitpid(pid, 0)
    assert trace.lines() == {module.__file__: [2, 3]}


def test_first_hits_tell_when(module: Any) -> None:
    import time

    before = int(time.time())
    with once() as trace:
        module.often(-1)
    assert all(before <= seconds <= time.time() for seconds in trace.first_hits().values())
    assert len(trace.first_hits()) == len(trace.pcs) == 2


@pytest.mark.parametrize("granularity", ["line", "block", "arc"])
def test_code_without_some_of_its_probes_does_the_same(granularity: Any) -> None:
    """Of many functions, with random sets of probes left out, called in ways that fail, too."""
    namespace: dict[str, Any] = {}
    source = textwrap.dedent(
        """
        def f(x):
            out = []
            for i in range(x):
                try:
                    while True:
                        if i % 3 == 0:
                            break
                        elif i % 3 == 1:
                            raise ValueError(i)
                        else:
                            i += 1
                            continue
                except ValueError as error:
                    out.append(str(error))
                else:
                    out.append(i)
                finally:
                    out.append("f")
                match i:
                    case 0 | 1:
                        out.append([y for y in range(i) if y or i])
                    case int() if i > 4 and (x < 7 or not i):
                        return out
            else:
                out.append("else")
            with open("/dev/null") as file, open("/dev/null"):
                out.append(file.name)
            assert x, out
            return (1 if x > 3 else 2), out
        """
    )
    exec(compile(source, "f.py", "exec"), namespace)
    original: FunctionType = namespace["f"]

    def outcome(function: Callable[[int], object], x: int) -> object:
        try:
            return function(x)
        except AssertionError as error:
            return error.args, error.__traceback__.tb_next.tb_lineno  # type: ignore[union-attr]

    expected = [outcome(original, x) for x in range(9)]
    probed = pykcov.instrument_code(original.__code__, "f", granularity=granularity)
    constants = _view.constants(probed)
    first = len(original.__code__.co_consts)
    choose = random.Random(1)
    for _ in range(60):
        left_out = {i for i in range(len(constants) - first) if choose.random() < choose.choice((0.2, 0.5, 0.9))}
        thin = thinned(original.__code__, constants, left_out, granularity=granularity, compare=False)
        function = FunctionType(thin, namespace)
        with pykcov.open() as device:
            device.set_buffer_size(10_000)
            buffer = device.mmap()
            device.enable(pykcov.TRACE_UNIQUE_PC)
            assert [outcome(function, x) for x in range(9)] == expected
            device.disable()
            hit = set(buffer.pcs().tolist())
        left = {probe.pc for i, probe in enumerate(constants[first:]) if i not in left_out}
        nested = {
            probe.pc
            for constant in constants[:first]
            if isinstance(constant, CodeType)
            for probe in _view.constants(constant)
            if isinstance(probe, Probe)
        }
        assert hit <= left | nested


def test_no_more_than_eight_logs_and_no_argument_that_means_nothing() -> None:
    logs = [_core.once_open(bytearray(24)) for _ in range(8)]
    try:
        with pytest.raises(pykcov.DeviceBusyError, match="8 logs are open"):
            _core.once_open(bytearray(24))
    finally:
        for log in logs:
            _core.once_close(log)
    with pytest.raises(ValueError, match="no open log"):
        _core.once_close(logs[0])
    with pytest.raises(ValueError, match="3 words"):
        _core.once_open(bytearray(16))
    with pytest.raises(ValueError, match="leave out follow"):
        pykcov.trace("once", nmemb=100)


def test_a_full_log_loses_nothing_that_happens_again_when_it_has_grown(module: Any) -> None:
    pykcov.instrument(module.often, granularity="line")
    with once() as trace:
        module.often(1)
    small, large = bytearray(8 * 3), bytearray(8 * 101)
    log = _core.once_open(small)
    try:
        module.often(1)
        assert small[0] == 1
        large[: len(small)] = small
        _core.once_grow(log, large)
        module.often(1)
        logged = memoryview(large).cast("Q")[1 : 1 + 2 * large[0] : 2].tolist()
        assert sorted(logged) == sorted(trace.first_hits())
        assert len(logged) >= 5
    finally:
        _core.once_close(log)


def test_run_in_mode_once_tells_what_all_threads_ran_also_when_killed(tmp_path: Path) -> None:
    (tmp_path / "program.py").write_text(
        textwrap.dedent(
            """\
            import os, signal, threading
            def work(x):
                return x + 1
            def in_thread():
                return work(1)
            def never():
                return 0
            threading.Thread(target=in_thread).start()
            for i in range(100_000):
                work(i)
            os.kill(os.getpid(), signal.SIGKILL)
            """
        )
    )
    command = [sys.executable, "-m", "pykcov", "run", "--mode", "once", "-o", "t.npz", "program.py"]
    ended = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert ended.returncode == -9
    assert "1 thread ran 10 of 11 lines" in ended.stderr
    command = [sys.executable, "-m", "pykcov", "report", "--show-missing", "t.npz"]
    report = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True).stdout
    assert "91%   7" in report


def test_where_frozen_objects_die_functions_are_not_looked_for_again(monkeypatch: pytest.MonkeyPatch) -> None:
    searches: list[None] = []

    def search() -> list[FunctionType]:
        searches.append(None)
        return []

    frozen = 10
    monkeypatch.setattr(alive, "_reachable_functions", search)
    monkeypatch.setattr(alive, "_frozen", (0, []))
    monkeypatch.setattr("gc.get_freeze_count", lambda: frozen)
    alive.find_hidden(more=True)
    frozen = 8
    alive.find_hidden(more=True)
    assert len(searches) == 1
    alive.find_hidden()
    frozen = 9
    alive.find_hidden(more=True)
    assert len(searches) == 3
