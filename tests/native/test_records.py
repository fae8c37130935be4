"""The exact records of every callback, by every compiler of this machine."""

import ctypes
import struct
from ctypes import c_double, c_float, c_int8, c_int16, c_int32, c_int64, c_uint8, c_uint16, c_uint32, c_uint64
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from compiling import compile_shared, needs_symbols

import pykcov
from pykcov.native import build, locations

SOURCE = """
#include <stdint.h>

#define VARIABLE(name, type) int name(type a, type b) { return a < b; }
#define CONSTANT(name, type, value) int name(type a) { return a == (type)(value); }
VARIABLE(variable1, uint8_t)
VARIABLE(variable2, uint16_t)
VARIABLE(variable4, uint32_t)
VARIABLE(variable8, uint64_t)
VARIABLE(signed1, int8_t)
VARIABLE(signed2, int16_t)
VARIABLE(signed4, int32_t)
VARIABLE(signed8, int64_t)
CONSTANT(constant1, uint8_t, 0xfe)
CONSTANT(constant2, uint16_t, 0xfedc)
CONSTANT(constant4, uint32_t, 0xfedcba98)
CONSTANT(constant8, uint64_t, 0xfedcba9876543210)

int many(uint32_t a)
{
    switch (a) {
    case 3: return 30;
    case 1000: return 1;
    case 70000: return 12;
    case 0xfffffff0: return 77;
    default: return 0;
    }
}

int wide(uint64_t a)
{
    switch (a) {
    case 3: return 30;
    case 0x123456789abcdef0: return 1;
    case 70000: return 12;
    case 90001: return 120;
    default: return 0;
    }
}
"""

FULL = 0xFEDCBA9876543210

# function, types of the arguments, arguments, then the records: type, operand 1, operand 2
ROWS: list[tuple[str, list[Any], list[int], list[tuple[int, int, int]]]] = [
    ("variable1", [c_uint8] * 2, [7, 200], [(0, 7, 200)]),
    ("variable2", [c_uint16] * 2, [7, 0xFFFF], [(2, 7, 0xFFFF)]),
    ("variable4", [c_uint32] * 2, [0xFFFFFFFF, 0], [(4, 0xFFFFFFFF, 0)]),
    ("variable8", [c_uint64] * 2, [FULL, 1], [(6, FULL, 1)]),
    ("signed1", [c_int8] * 2, [-1, 5], [(0, 0xFF, 5)]),
    ("signed2", [c_int16] * 2, [-1, 5], [(2, 0xFFFF, 5)]),
    ("signed4", [c_int32] * 2, [-1, 5], [(4, 0xFFFFFFFF, 5)]),
    ("signed8", [c_int64] * 2, [-1, 5], [(6, 0xFFFFFFFFFFFFFFFF, 5)]),
    ("constant1", [c_uint8], [9], [(1, 0xFE, 9)]),
    ("constant2", [c_uint16], [9], [(3, 0xFEDC, 9)]),
    ("constant4", [c_uint32], [9], [(5, 0xFEDCBA98, 9)]),
    ("constant8", [c_uint64], [9], [(7, FULL, 9)]),
    ("many", [c_uint32], [70000], [(5, case, 70000) for case in (3, 1000, 70000, 0xFFFFFFF0)]),
    ("wide", [c_uint64], [FULL], [(7, case, FULL) for case in (3, 70000, 90001, 0x123456789ABCDEF0)]),
]


@pytest.fixture(scope="module")
def libraries(tmp_path_factory: pytest.TempPathFactory) -> dict[str, ctypes.CDLL]:
    return {}


def load(libraries: dict[str, ctypes.CDLL], compiler: str, tmp_path: Path) -> ctypes.CDLL:
    if compiler not in libraries:
        libraries[compiler] = ctypes.CDLL(str(compile_shared(tmp_path, SOURCE, compiler=compiler)))
    return libraries[compiler]


@needs_symbols
@pytest.mark.parametrize(("name", "types", "arguments", "expected"), ROWS, ids=[row[0] for row in ROWS])
def test_a_comparison_is_recorded_with_its_width_operands_and_place(
    tmp_path: Path, compiler: str, libraries: Any, tracing: Any, name: str, types: Any, arguments: Any, expected: Any
) -> None:
    function = load(libraries, compiler, tmp_path)[name]
    function.argtypes = types
    with tracing(pykcov.TRACE_CMP) as buffer:
        function(*arguments)
    entries = np.array(buffer.words[1 : 1 + 4 * buffer.count]).reshape(-1, 4).tolist()
    # compilers order the cases of a switch as they like
    assert sorted(tuple(entry[:3]) for entry in entries) == sorted(expected)
    assert {location.function for location in locations.symbolize([entry[3] for entry in entries])} == {name}


@needs_symbols
@pytest.mark.parametrize(("name", "types", "arguments"), [row[:3] for row in ROWS], ids=[row[0] for row in ROWS])
def test_a_pc_is_the_address_behind_the_call_in_the_function_that_ran(
    tmp_path: Path, compiler: str, libraries: Any, tracing: Any, name: str, types: Any, arguments: Any
) -> None:
    function = load(libraries, compiler, tmp_path)[name]
    function.argtypes = types
    with tracing(pykcov.TRACE_PC) as buffer:
        function(*arguments)
    pcs = buffer.pcs().tolist()
    assert pcs
    assert all(pc < 1 << 63 for pc in pcs)
    assert {location.function for location in locations.symbolize(pcs)} == {name}
    code = (ctypes.c_ubyte * 5).from_address(pcs[0] - 5)
    assert code[0] == 0xE8 or code[-4] & 0xFC == 0x94, "no call before the pc"


FLOATS = """
int single(float a, float b) { return a < b; }
int twofold(double a) { return a == 2.5; }
"""


def test_floating_point_is_no_record_of_the_kernels_layout(tmp_path: Path, tracing: Any) -> None:
    library = ctypes.CDLL(str(compile_shared(tmp_path, FLOATS)))
    library.single.argtypes = [c_float, c_float]
    with tracing(pykcov.TRACE_CMP) as buffer:
        library.single(1.5, -2)
    assert buffer.count == 0


def test_floating_point_is_recorded_bit_by_bit_with_cmp_bytes(tmp_path: Path, tracing: Any) -> None:
    library = ctypes.CDLL(str(compile_shared(tmp_path, FLOATS)))
    library.single.argtypes = [c_float, c_float]
    library.twofold.argtypes = [c_double]
    with tracing(pykcov.TRACE_CMP | pykcov.CMP_BYTES) as buffer:
        library.single(1.5, -2)
        library.twofold(-0.0)
    entries = np.array(buffer.words[1 : 1 + 4 * buffer.count]).reshape(-1, 4).tolist()
    assert [tuple(entry[:3]) for entry in entries] == [
        (0x14, *struct.unpack("=II", struct.pack("=ff", 1.5, -2))),
        (0x16, *struct.unpack("=QQ", struct.pack("=dd", -0.0, 2.5))),
    ]


def test_a_place_is_recorded_once_under_unique_pc(tmp_path: Path, compiler: str, tracing: Any) -> None:
    library = ctypes.CDLL(str(compile_shared(tmp_path, SOURCE, compiler=compiler)))
    with tracing(pykcov.TRACE_PC) as buffer:
        library.many(3)
    first = buffer.pcs().tolist()
    with tracing(pykcov.TRACE_UNIQUE_PC) as buffer:
        for number in (3, 3, 1000, 3):
            library.many(number)
    unique = buffer.pcs().tolist()
    assert unique[: len(set(first))] == list(dict.fromkeys(first))
    assert len(unique) == len(set(unique))


DIRECT = """
#include <stdint.h>
void __sanitizer_cov_trace_switch(uint64_t value, void *cases);
void direct(uint64_t bits, uint64_t value)
{
    uint64_t cases[] = {3, bits, 5, UINT64_MAX, 0x1ff};
    __sanitizer_cov_trace_switch(value, cases);
}
"""


@pytest.mark.parametrize(
    ("bits", "type"), [(8, 1), (16, 3), (32, 5), (64, 7), (0, None), (7, None), (128, None), (1 << 40, None)]
)
def test_a_switch_of_any_width_is_a_record_a_case_not_cut(
    tmp_path: Path, tracing: Any, bits: int, type: int | None
) -> None:
    library = ctypes.CDLL(str(compile_shared(tmp_path, DIRECT)))
    library.direct.argtypes = [c_uint64, c_uint64]
    with tracing(pykcov.TRACE_CMP) as buffer:
        library.direct(bits, FULL)
    entries = np.array(buffer.words[1 : 1 + 4 * buffer.count]).reshape(-1, 4)[:, :3].tolist()
    expected = [] if type is None else [[type, case, FULL] for case in (5, 0xFFFFFFFFFFFFFFFF, 0x1FF)]
    assert entries == expected


OTHERS = """
#include <stdint.h>
extern _Thread_local uintptr_t __sancov_lowest_stack;
#define EACH(X) X(trace_pc_indir) X(trace_pc_entry) X(trace_pc_exit) X(trace_args) X(trace_ret) X(trace_pc_guard) \\
    X(trace_pc_guard_init) X(8bit_counters_init) X(bool_flag_init) X(pcs_init) X(cfs_init) X(stack_depth) \\
    X(trace_div4) X(trace_div8) X(trace_gep) X(load1) X(load2) X(load4) X(load8) X(load16) \\
    X(store1) X(store2) X(store4) X(store8) X(store16)
#define DECLARE(name) void __sanitizer_cov_##name(void *, void *);
EACH(DECLARE)
uintptr_t all(void)
{
    uint64_t some[2] = {0, 0};
#define CALL(name) __sanitizer_cov_##name(some, some + 2);
    EACH(CALL)
    return __sancov_lowest_stack = 5;
}
"""


@pytest.mark.parametrize("mode", [pykcov.TRACE_PC, pykcov.TRACE_CMP, pykcov.TRACE_UNIQUE_PC])
def test_entry_points_of_other_tools_exist_and_record_nothing(tmp_path: Path, tracing: Any, mode: int) -> None:
    library = ctypes.CDLL(str(compile_shared(tmp_path, OTHERS, flags=["-Wl,-z,now"])))
    with tracing(mode) as buffer:
        assert library.all() == 5
    assert buffer.count == 0


@pytest.mark.parametrize("kind", ["trace-pc", "trace-cmp"])
def test_half_of_the_callbacks_are_half_of_the_records(tmp_path: Path, compiler: str, tracing: Any, kind: str) -> None:
    library = ctypes.CDLL(str(compile_shared(tmp_path, SOURCE, compiler=compiler, flags=half(compiler, kind))))
    library.variable4.argtypes = [c_uint32] * 2
    counts = {}
    for mode in (pykcov.TRACE_PC, pykcov.TRACE_CMP):
        with tracing(mode) as buffer:
            library.variable4(1, 2)
        counts[mode] = buffer.count
    expected = {pykcov.TRACE_PC: kind == "trace-pc", pykcov.TRACE_CMP: kind == "trace-cmp"}
    assert {mode: bool(count) for mode, count in counts.items()} == expected


def half(compiler: str, kind: str) -> list[str]:
    if kind == "trace-cmp" and "clang" in compiler:
        kind += ",trace-pc-guard"  # clang does not compare without, and the core has this one, too
    return [f"-fsanitize-coverage={kind}", *build.flags([compiler]).link]
