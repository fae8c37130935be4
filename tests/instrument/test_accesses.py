"""Granularity "access": which accesses have probes, what is recorded of them, and that the program does not notice."""

import os
import sys
import threading
from collections import deque
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any, ClassVar

import pytest
from rewriting import silent

import pykcov
from pykcov import _core
from pykcov.instrument.code import instrument_code
from pykcov.instrument.kind import Kind, finest
from pykcov.instrument.rewrite import rewrite

PROGRAMS = sorted(Path(__file__).with_name("programs").glob("*.py"))


class Recorded:
    """Runs source with probes and gives the accesses of the calling thread: line, operation, which object."""

    def __init__(self, source: str, file: Path) -> None:
        file.write_text(source)
        self.names: dict[str, Any] = {}
        exec(instrument_code(compile(source, str(file), "exec"), file.stem, granularity="access"), self.names)

    def run(self, function: str, *arguments: object) -> list[tuple[int, str, int]]:
        with pykcov.open() as device:
            device.set_buffer_size(2000)
            words = device.mmap().words
            device.enable(_core.TRACE_ACCESS)
            try:
                self.names[function](*arguments)
            finally:
                device.disable()
            assert device.dropped == 0
            assert {words[2 + 2 * at] >> _core.ACCESS_OBJECT_BITS for at in range(words[0])} == {_core.thread_number()}
            whats = [words[2 + 2 * at] & (1 << _core.ACCESS_OBJECT_BITS) - 1 for at in range(words[0])]
            places = pykcov.symbolize([words[1 + 2 * at] for at in range(words[0])])
        return [(place.line, place.comparison, what) for place, what in zip(places, whats, strict=True) if what]


def number_of(thing: object) -> int:
    return id(thing) // 16


class Thing:
    value = 1


@pytest.mark.parametrize("compare", [False, True])
@pytest.mark.parametrize("file", PROGRAMS, ids=lambda file: file.stem)
def test_programs_do_the_same_with_probes_at_all_accesses(
    file: Path, compare: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    def results(code: CodeType) -> dict[str, object]:
        module = ModuleType("programs")
        monkeypatch.setitem(sys.modules, "programs", module)
        exec(code, vars(module))
        return {name: getattr(module, name)() for name in names}

    code = compile(file.read_text(), str(file), "exec", dont_inherit=True)
    functions = [one for one in code.co_consts if isinstance(one, CodeType)]
    names = [one.co_name for one in functions if one.co_name[0].islower() and not one.co_argcount]
    expected = results(code)
    assert results(rewrite(code, silent, granularity="condition-access", compare=compare)) == expected


def test_attributes_are_recorded_with_their_object(tmp_path: Path) -> None:
    recorded = Recorded("def f(x):\n x.value += 1\n x.other = x.value\n del x.other\n", tmp_path / "m.py")
    thing = Thing()
    this = number_of(thing)
    assert recorded.run("f", thing) == [
        *[(2, "read", this), (2, "write", this)],
        *[(3, "read", this), (3, "write", this), (4, "write", this)],
    ]


def test_contents_are_recorded_of_what_can_change_and_is_written_in_c(tmp_path: Path) -> None:
    source = "def f(x, k):\n x.append(k)\n len(x)\n x[0]\n x[0] = k\n k in x\n for _ in x: pass\n del x[0]\n"
    recorded = Recorded(source, tmp_path / "m.py")
    numbers = deque[object]()
    this = number_of(numbers)
    expected = [(2, "change"), (3, "look"), (4, "look"), (5, "change"), (6, "look"), (7, "look"), (8, "change")]
    assert recorded.run("f", numbers, "k") == [(*one, this) for one in expected]


@pytest.mark.parametrize("value", [(1, 2), "text", b"bytes", frozenset([1]), range(3), None, 7, sys, len])
def test_what_cannot_change_has_no_contents_that_threads_share(value: object, tmp_path: Path) -> None:
    assert Recorded("def f(x):\n id(x)\n x.__str__()\n", tmp_path / "m.py").run("f", value) == []


def test_variables_are_recorded_by_their_place(tmp_path: Path) -> None:
    source = "def f():\n global n\n n = 1\n len(str(n))\n m = 2\n def g():\n  nonlocal m\n  m = m + 1\n g()\n"
    recorded = Recorded(source, tmp_path / "m.py").run("f")
    assert [(line, operation) for line, operation, what in recorded if what == 1] == [
        *[(3, "write"), (4, "read"), (5, "write")],
        *[(8, "read"), (8, "write")],
    ]


def test_a_lock_changes_where_with_takes_it(tmp_path: Path) -> None:
    lock = threading.Lock()
    recorded = Recorded("def f(lock):\n with lock:\n  pass\n", tmp_path / "m.py").run("f", lock)
    assert recorded == [(2, "change", number_of(lock))]


def test_no_code_of_an_object_is_run(tmp_path: Path) -> None:
    class Odd:
        __slots__ = ("value",)
        ran: ClassVar[list[str]] = []

        def __getattribute__(self, name: str) -> object:
            Odd.ran.append(name)
            return 1

        def __eq__(self, other: object) -> bool:
            raise AssertionError

        def __getitem__(self, key: object) -> object:
            Odd.ran.append("[]")
            return 1

        def __contains__(self, key: object) -> bool:
            Odd.ran.append("in")
            return True

    Recorded("def f(x):\n x.value\n x[0]\n 1 in x\n id(x)\n", tmp_path / "m.py").run("f", Odd())
    assert Odd.ran == ["value", "[]", "in"]


def test_exceptions_pass_as_they_would(tmp_path: Path) -> None:
    recorded = Recorded("def f(x):\n try:\n  x.missing\n except AttributeError: return\n", tmp_path / "m.py")
    assert (3, "read") in [one[:2] for one in recorded.run("f", Thing())]
    with pytest.raises(TypeError, match="subscriptable"):
        Recorded("def f(x):\n x[0]\n", tmp_path / "m.py").run("f", 7)


def test_code_for_which_both_were_asked_has_the_probes_of_both() -> None:
    assert finest(["access", "line", "block"]) == "access"
    assert finest(["access", "arc"]) == finest(["condition", "access"]) == "condition-access"
    assert Kind("condition-access", False).with_(Kind("arc", True)) == Kind("condition-access", True)


def test_threads_have_numbers_of_their_own() -> None:
    numbers = [_core.thread_number()]
    threads = [threading.Thread(target=lambda: numbers.append(_core.thread_number())) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(numbers)) == 4
    assert numbers[0] == _core.thread_number()


def test_entries_of_threads_that_wait_for_each_other_are_in_that_order() -> None:
    with pykcov.trace("accesses", follow=True, include=[__name__]) as trace:
        turn = [threading.Semaphore(1), threading.Semaphore(0)]

        def record(own: int) -> None:
            for number in range(500):
                turn[own].acquire()
                _core.record_pc(1000 + 2 * number + own)
                turn[1 - own].release()

        threads = [threading.Thread(target=record, args=(own,)) for own in (0, 1)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    words = memoryview(trace.raw()).cast("Q").tolist()
    entries = [(pc, who) for pc, who in zip(words[::2], words[1::2], strict=True) if 1000 <= pc < 2000]
    assert [pc for pc, _ in entries] == list(range(1000, 2000))
    assert len({who for _, who in entries[::2]}) == len({who for _, who in entries[1::2]}) == 1
    assert entries[0][1] != entries[1][1]


def test_a_forked_child_adds_nothing_to_a_trace_of_accesses() -> None:
    with pykcov.trace("accesses", follow=True, include=[__name__]) as trace:
        _core.record_pc(1)
        child = os.fork()
        if not child:
            _core.record_pc(2)
            os._exit(0)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        _core.record_pc(3)
    assert [pc for pc in memoryview(trace.raw()).cast("Q").tolist()[::2] if pc < 4] == [1, 3]


@pytest.mark.parametrize("arguments", [{}, {"follow": True, "granularity": "arc"}])
def test_what_does_not_go_with_accesses_is_refused(arguments: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="mode='accesses'"):
        pykcov.trace("accesses", **arguments)


def test_interleavings_of_another_mode_are_refused() -> None:
    with pytest.raises(ValueError, match="in mode 'accesses'"):
        pykcov.trace(follow=True).interleavings()
