"""Python and C in one ordered trace."""

import ctypes
from pathlib import Path
from typing import Any

import numpy as np
from compiling import compile_shared, needs_symbols

import pykcov
from pykcov.native import locations

SOURCE = """
int first(int a) { if (a == 1000001) return 1; return a + 1; }
int second(int a, int (*callback)(int)) { int b = callback(a); return b == 1000002 ? b : b + 1; }
"""


@needs_symbols
def test_calls_from_python_to_c_and_back_are_in_order(tmp_path: Path, tracing: Any) -> None:
    library = ctypes.CDLL(str(compile_shared(tmp_path, SOURCE)))

    def called(number: int) -> int:
        return number * 2

    def caller() -> int:
        first = library.first(1)
        return int(library.second(first, callback))

    called = pykcov.instrument(called)
    callback = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_int)(called)
    caller = pykcov.instrument(caller)
    with tracing() as buffer:
        assert caller() == 5
    functions = [location.function.rpartition(".")[2] for location in locations.symbolize(buffer.pcs())]
    in_order = [name for name, before in zip(functions, [None, *functions], strict=False) if name != before]
    assert in_order == ["caller", "first", "second", "called", "second"] or in_order == [
        "caller",
        "first",
        "caller",
        "second",
        "called",
        "second",
    ]


def test_comparisons_of_python_and_c_are_in_order(tmp_path: Path, tracing: Any) -> None:
    library = ctypes.CDLL(str(compile_shared(tmp_path, SOURCE)))

    def caller(number: int) -> bool:
        if number == 70:
            number = library.first(number)
        return number < 99

    caller = pykcov.instrument(caller, compare=True)
    with tracing(pykcov.TRACE_CMP) as buffer:
        assert caller(70)
    entries = np.array(buffer.words[1 : 1 + 4 * buffer.count]).reshape(-1, 4).tolist()
    assert [tuple(entry[:3]) for entry in entries] == [(1, 70, 70), (5, 1000001, 70), (1, 99, 71)]
    assert [pc >> 63 for *_, pc in entries] == [1, 0, 1]
