"""trace(): the one call most people need."""

import os
import subprocess
import sys
import textwrap
import threading
import types
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import pykcov
from pykcov import PykcovWarning

SOURCE = """\
def branches(x):
    if x:
        return "yes"
    return "no"


def loop(n):
    total = 0
    for i in range(n):
        total += i
    return total


def fails():
    total = loop(2)
    raise KeyError(total)


class Class:
    def method(self):
        return [
            self,
            branches(1),
        ]
"""


@pytest.fixture
def module(tmp_path: Path) -> Iterator[types.ModuleType]:
    """A module of the program's own, loaded before any trace."""
    path = tmp_path / "traced_example.py"
    path.write_text(SOURCE)
    found = types.ModuleType("traced_example")
    found.__file__ = str(path)
    exec(compile(SOURCE, str(path), "exec"), found.__dict__)
    sys.modules["traced_example"] = found
    yield found
    del sys.modules["traced_example"]


def traced(**keywords: Any) -> pykcov.Trace:
    return pykcov.trace(include=["traced_example"], **keywords)


def test_lines_are_those_that_ran(module: types.ModuleType) -> None:
    with traced() as t:
        module.branches(0)
        module.loop(2)

    assert t.lines() == {module.__file__: [2, 4, 8, 9, 10, 11]}
    assert t.dropped == 0


def test_results_can_be_read_inside_the_block_and_after_it(module: types.ModuleType) -> None:
    with traced() as t:
        assert t.lines() == {}
        module.branches(1)
        inside = (t.pcs.tolist(), t.locations(), t.lines(), t.dropped)
    module.branches(0)

    assert inside == (t.pcs.tolist(), t.locations(), t.lines(), t.dropped)
    assert inside[2] == {module.__file__: [2, 3]}


def test_unique_mode_has_each_place_once_in_order_of_first_hit(module: types.ModuleType) -> None:
    with traced() as t:
        module.loop(5)
        module.branches(1)
        module.loop(5)

    assert t.pcs.dtype == np.uint64
    assert len(set(t.pcs.tolist())) == len(t.pcs)
    assert list(dict.fromkeys(location.function for location in t.locations())) == ["loop", "branches"]


def test_pc_mode_has_every_hit_in_order(module: types.ModuleType) -> None:
    with traced(mode="pc") as t:
        module.branches(1)
        module.loop(3)
        module.branches(1)

    lines = [location.lines for location in t.locations()]
    assert lines.count((9, 10)) == 3
    assert [lines[0], lines[-1]] == [(2,), (3,)]
    assert [location.pc for location in t.locations()] == t.pcs.tolist()


def test_block_granularity_names_the_lines_of_blocks(module: types.ModuleType) -> None:
    with traced(granularity="block") as t:
        module.branches(1)

    assert t.lines() == {module.__file__: [2, 3]}


def test_statement_over_several_lines(module: types.ModuleType) -> None:
    with traced() as t:
        module.Class().method()

    assert t.lines() == {module.__file__: [2, 3, 21, 22, 23]}


def test_exception_passes_through_and_nothing_is_lost(module: types.ModuleType) -> None:
    trace = traced()
    with pytest.raises(KeyError, match="1"), trace:
        module.fails()

    assert trace.lines() == {module.__file__: [8, 9, 10, 11, 15, 16]}
    with traced() as t:
        module.branches(1)
    assert t.lines() == {module.__file__: [2, 3]}


def test_traces_one_after_another_are_separate(module: types.ModuleType) -> None:
    with traced() as one:
        module.branches(0)
    with traced() as two:
        module.branches(1)

    assert (one.lines(), two.lines()) == ({module.__file__: [2, 4]}, {module.__file__: [2, 3]})


def test_other_threads_are_not_recorded(module: types.ModuleType) -> None:
    with traced() as t:
        thread = threading.Thread(target=module.loop, args=(3,))
        thread.start()
        thread.join()
        module.branches(1)

    assert t.lines() == {module.__file__: [2, 3]}


def test_threads_trace_themselves_each_its_own(module: types.ModuleType) -> None:
    found: dict[int, dict[str, list[int]]] = {}
    barrier = threading.Barrier(2)

    def work(number: int, call: Callable[[], object]) -> None:
        with traced() as t:
            barrier.wait()
            call()
            barrier.wait()
        found[number] = t.lines()

    threads = [
        threading.Thread(target=work, args=(0, lambda: module.branches(1))),
        threading.Thread(target=work, args=(1, lambda: module.branches(0))),
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert found == {0: {module.__file__: [2, 3]}, 1: {module.__file__: [2, 4]}}


def test_nested_trace_is_refused_and_the_outer_one_goes_on(module: types.ModuleType) -> None:
    with traced() as t:
        with pytest.raises(pykcov.DeviceBusyError, match="this thread is traced already"), traced():
            raise AssertionError
        module.branches(1)

    assert t.lines() == {module.__file__: [2, 3]}


def test_trace_beside_a_device_of_ones_own_is_refused(module: types.ModuleType) -> None:
    with pykcov.open() as device:
        device.set_buffer_size(100)
        device.mmap()
        device.enable()
        with pytest.raises(pykcov.DeviceBusyError), traced():
            raise AssertionError
        assert device.state == "trace"


def test_a_trace_is_entered_once(module: types.ModuleType) -> None:
    with traced() as t:
        module.branches(1)

    with pytest.raises(RuntimeError, match=r"call trace\(\) again"), t:
        raise AssertionError
    assert t.lines() == {module.__file__: [2, 3]}


def test_full_buffer_is_counted_and_told(module: types.ModuleType) -> None:
    trace = traced(mode="pc", nmemb=11)
    with pytest.warns(PykcovWarning, match="the buffer of 11 words was full") as told:  # noqa: SIM117
        with trace as t:
            module.loop(100)

    assert len(t.pcs) == 10
    assert t.dropped > 90
    assert f"{t.dropped} entries" in str(told[0].message)
    assert told[0].filename == __file__


def test_nothing_to_trace_is_told_with_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "empty").mkdir()

    with pytest.warns(PykcovWarning, match=f"no Python function in files below {tmp_path}/empty.*stdlib=True"):  # noqa: SIM117
        with pykcov.trace(source=[tmp_path / "empty"]) as t:
            pass

    assert len(t.pcs) == 0


@pytest.mark.parametrize("words", ["", "follow=True"])
@pytest.mark.parametrize("way", ["prompt", "standard input", "-c", "script", "cell"])
def test_that_main_has_no_function_is_told(way: str, words: str, tmp_path: Path) -> None:
    """As at the prompt and in a notebook, where all code is that of the block, until it is put into a function."""
    block = f"with pykcov.trace(include=['__main__'], {words}) as t:\n    x = 1\n\n"
    called = block.replace("x = 1", "f()")
    program = f"import pykcov\n{block}def f():\n    return 1\n\n{called}print(t.lines())\n"
    if way == "cell":  # as IPython runs it
        program = (
            f"cells = {[program]!r}\nfor cell in cells:\n    exec(compile(cell, '/tmp/ipykernel_1/2.py', 'exec'))\n"
        )
    (tmp_path / "script.py").write_text(program)
    arguments = {"prompt": ["-i"], "standard input": ["-"], "-c": ["-c", program], "script": ["script.py"]}
    done = subprocess.run(
        [sys.executable, *arguments.get(way, ["script.py"])],
        input=program,
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert done.stderr.count("nothing could be traced: __main__ has no Python function") == 1, done.stderr
    assert done.stdout.endswith("[6]}\n" if way != "prompt" else "[2]}\n"), done.stdout


def test_pattern_that_matches_nothing_is_told() -> None:
    with pytest.warns(PykcovWarning, match="include: no module is named 'no_such'"), pykcov.trace(include=["no_such"]):
        pass


def test_warning_as_error_loses_nothing_and_leaves_nothing_on(module: types.ModuleType) -> None:
    trace = traced(mode="pc", nmemb=4)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(PykcovWarning), trace:
            module.loop(10)

    assert len(trace.pcs) == 3
    with traced() as t:
        module.branches(1)
    assert t.lines() == {module.__file__: [2, 3]}


@pytest.mark.parametrize(
    ("keywords", "error", "words"),
    [
        ({"mode": "all"}, ValueError, "mode='all': expected one of 'unique', 'pc'"),
        ({"mode": 1}, ValueError, "mode=1"),
        ({"granularity": "word"}, ValueError, "'word'"),
        ({"include": "json"}, TypeError, r"include='json': expected several"),
        ({"source": ["/no/such/folder"]}, FileNotFoundError, "/no/such/folder"),
    ],
)
def test_bad_arguments_are_refused_at_once(keywords: dict[str, Any], error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        pykcov.trace(**keywords)


@pytest.mark.parametrize("nmemb", [0, -1, 262145, 1 << 70])
def test_bad_buffer_size_is_the_devices_error_and_leaves_nothing_on(module: types.ModuleType, nmemb: int) -> None:
    trace = traced(nmemb=nmemb)
    with pytest.raises(pykcov.InvalidValueError), trace:
        raise AssertionError

    with traced() as t:
        module.branches(1)
    assert t.lines() == {module.__file__: [2, 3]}


def test_leaving_in_another_thread_is_refused_and_loses_nothing(module: types.ModuleType) -> None:
    def traced_steps() -> Iterator[pykcov.Trace]:
        with traced() as t:
            module.branches(1)
            yield t

    steps = traced_steps()
    t = next(steps)
    errors: list[BaseException] = []

    def leave() -> None:
        try:
            next(steps, None)
        except BaseException as error:
            errors.append(error)

    thread = threading.Thread(target=leave)
    thread.start()
    thread.join()
    module.branches(0)

    assert isinstance(errors[0], pykcov.NotOwnerError)
    assert "entered in another thread" in str(errors[0])
    assert t.lines() == {module.__file__: [2, 3]}
    with traced() as again:
        module.branches(0)
    assert again.lines() == {module.__file__: [2, 4]}


def test_modules_imported_in_the_block_are_traced_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "imported_in_trace.py").write_text("x = 1\ndef f():\n    return x\nf()\n")
    monkeypatch.syspath_prepend(tmp_path)

    with pykcov.trace(source=[tmp_path]) as t:
        import imported_in_trace  # type: ignore[import-not-found]

    del sys.modules["imported_in_trace"]
    assert t.lines() == {imported_in_trace.__file__: [1, 2, 3, 4]}


def test_import_after_the_block_is_not_instrumented(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "imported_after.py").write_text("def f(): pass\n")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.warns(PykcovWarning, match="nothing could be traced"), pykcov.trace(source=[tmp_path]):
        pass

    import imported_after  # type: ignore[import-not-found]

    del sys.modules["imported_after"]
    assert not pykcov.instrument_code.__globals__["is_instrumented"](imported_after.f.__code__)


def test_reading_results_records_nothing(module: types.ModuleType) -> None:
    with pykcov.trace(include=["numpy", "traced_example"]) as t:
        module.branches(1)
        before = t.pcs.tolist()
        t.lines(), t.locations(), t.pcs, t.dropped
        assert t.pcs.tolist() == before


def test_default_is_the_programs_own_code(tmp_path: Path) -> None:
    (tmp_path / "helper.py").write_text("import json\ndef h(x):\n    return json.dumps(x)\n")
    (tmp_path / "program.py").write_text(
        textwrap.dedent(
            """\
            import pykcov, helper, os
            def main():
                import click
                helper.h([1])
                click.style("x")
            with pykcov.trace() as t:
                main()
            for file, lines in t.lines().items():
                print(os.path.basename(file), lines)
            """
        )
    )

    done = subprocess.run([sys.executable, "program.py"], cwd=tmp_path, capture_output=True, text=True)

    assert (done.stdout, done.stderr) == ("helper.py [3]\nprogram.py [3, 4, 5]\n", "")


@pytest.mark.filterwarnings("ignore:.*use of fork:DeprecationWarning")
def test_child_of_a_fork_inside_the_block_is_not_traced_and_ends_well(module: types.ModuleType) -> None:
    with traced() as t:
        child = os.fork()
        if not child:
            module.loop(3)
            os._exit(0)
        status = os.waitpid(child, 0)[1]
        module.branches(1)

    assert status == 0
    assert t.lines() == {module.__file__: [2, 3]}


@pytest.mark.filterwarnings("ignore:.*use of fork:DeprecationWarning")
def test_child_of_a_fork_leaves_the_block_quietly(module: types.ModuleType) -> None:
    with traced() as t:
        child = os.fork()
        module.branches(1)
    if not child:
        with traced() as own:
            module.branches(0)
        os._exit(0 if own.lines() == {module.__file__: [2, 4]} else 1)

    assert os.waitpid(child, 0)[1] == 0
    assert t.lines() == {module.__file__: [2, 3]}


def test_traces_hold_only_what_their_own_selection_chose(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("chosen", "other"):
        (tmp_path / name).mkdir()
        (tmp_path / name / f"{name}_module.py").write_text("def work(a=1):\n    return a == 2\n")
        monkeypatch.syspath_prepend(tmp_path / name)
    import chosen_module  # type: ignore[import-not-found]
    import other_module  # type: ignore[import-not-found]

    def both() -> None:
        chosen_module.work()
        other_module.work()

    chosen, other = (str(tmp_path / name / f"{name}_module.py") for name in ("chosen", "other"))
    pykcov.instrument(other_module.work, granularity="line", compare=True)
    with pykcov.trace(source=[tmp_path / "other"], follow=True) as outer:
        both()
    assert outer.lines() == {other: [2]}
    for follow in (False, True):
        with pykcov.trace(source=[tmp_path / "chosen"], follow=follow) as inner:
            both()
        assert inner.lines() == {chosen: [2]}
        assert {location.file for location in inner.locations()} == {chosen}
        assert len(inner.pcs) == len(inner.locations())
    with pykcov.trace("cmp", source=[tmp_path / "chosen"]) as compared:
        both()
    assert [location.file for location in compared.locations()] == [chosen]
    assert len(compared.comparisons()) == 1
