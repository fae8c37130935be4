"""What native pcs stand for, with more or less debug information, or none."""

import ctypes
import random
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from compiling import compile_shared

import pykcov
from pykcov.native import elf, locations
from pykcov.native.images import Place, images
from pykcov.native.locations import Locator

symbols = pytest.importorskip("pykcov.native.symbols", reason="symbolic is not installed")
Frame, Symbolizer = symbols.Frame, symbols.Symbolizer

SOURCE = """
static volatile int written;
static inline __attribute__((always_inline)) int inner(int x)
{
    if (x > 2)
        written = x;
    return x + 2;
}

static __attribute__((noinline)) int hidden(int x)
{
    return inner(x) * 3;
}

int outer(int x)
{
    if (x == 99)
        return 5;
    return hidden(x + 1) + 1;
}
"""


def record(path: Path, tracing: Any) -> list[int]:
    library = ctypes.CDLL(str(path))
    with tracing(pykcov.TRACE_PC) as buffer:
        library.outer(3)
    return list(buffer.pcs().tolist())


def place(pc: int) -> Place:
    image = next(image for image in images() if image.start <= pc < image.end and image.instrumented)
    return Place(image, pc - image.bias)


def test_frames_that_were_inlined_are_told_the_innermost_first(tmp_path: Path, compiler: str, tracing: Any) -> None:
    path = compile_shared(tmp_path, SOURCE, compiler=compiler)
    symbols = [Symbolizer().symbolize(place(pc)) for pc in record(path, tracing)]
    source = str(tmp_path / "ext.c")
    assert all(symbol.note == "" for symbol in symbols)
    assert (Frame("inner", source, 6), Frame("hidden", source, 12)) in [symbol.frames for symbol in symbols]
    assert {symbol.frames[-1].function for symbol in symbols} == {"outer", "hidden"}


def test_a_line_whose_call_was_inlined_has_run(tmp_path: Path, compiler: str, tracing: Any) -> None:
    path = compile_shared(tmp_path, SOURCE, compiler=compiler)
    assert set(locations.lines_of(record(path, tracing))[str(tmp_path / "ext.c")]) >= {6, 12, 17, 19}


def locate(path: Path, tracing: Any) -> tuple[list[pykcov.Location], list[str]]:
    locator, pcs = Locator(), record(path, tracing)
    rows = [several[0] for several in locator.locate(images(), pcs)]
    return rows, [remark.reason for remark in locator.remarks if remark.image == str(path)]


def test_without_debug_information_it_is_the_nearest_symbol_and_said(
    tmp_path: Path, compiler: str, tracing: Any
) -> None:
    rows, reasons = locate(compile_shared(tmp_path, SOURCE, compiler=compiler, options=["-O2", "-g0"]), tracing)
    assert {row.function.partition("+")[0] for row in rows} == {"outer", "hidden"}
    assert all("+0x" in row.function and row.file == "<ext.so>" and row.lines == () for row in rows)
    assert reasons == [
        "it has no debug information: build with -g",
        "some places are named by the nearest symbol",
    ]


def test_of_a_stripped_file_the_exported_symbols_are_left_and_said(tmp_path: Path, tracing: Any) -> None:
    rows, reasons = locate(compile_shared(tmp_path, SOURCE, options=["-O2", "-s"]), tracing)
    assert rows[0].function.startswith("outer+0x")
    assert all(row.known and row.lines == () for row in rows)
    assert any("stripped" in reason for reason in reasons)


@pytest.mark.parametrize(("change", "said"), [("remove", "No such file"), ("replace", "changed since"), ("spoil", "")])
def test_a_file_that_is_no_longer_what_was_loaded_is_not_believed(
    tmp_path: Path, tracing: Any, change: str, said: str
) -> None:
    path = compile_shared(tmp_path, SOURCE)
    pcs = record(path, tracing)
    path.unlink()
    if change == "replace":
        other = compile_shared(tmp_path / "other", SOURCE.replace("99", "98"))
        shutil.copy(other, path)
    elif change == "spoil":
        path.write_bytes(b"\x7fELF is not enough")
    locator = Locator()
    rows = [several[0] for several in locator.locate(images(), pcs)]
    assert all(row.function.startswith("ext.so+0x") and row.lines == () for row in rows)
    assert [said in remark.reason and str(path) in remark.reason for remark in locator.remarks] == [True]


def test_damaged_debug_information_is_no_error(tmp_path: Path, tracing: Any) -> None:
    path = compile_shared(tmp_path, SOURCE)
    pcs = record(path, tracing)
    whole = path.read_bytes()
    path.unlink()  # it is mapped: only another file may be written
    generator = random.Random(5)
    described = 0
    for _ in range(150):
        damaged = bytearray(whole)
        for _ in range(generator.choice([1, 10, 300])):
            damaged[generator.randrange(64, len(damaged))] = generator.randrange(256)
        path.write_bytes(damaged[: generator.choice([len(damaged), len(damaged) // 2])])
        locator = Locator()
        rows = locator.locate(images(), pcs)
        assert [row[0].pc for row in rows] == pcs
        assert all(row[0].known for row in rows)
        described += any(row[0].lines for row in rows)
        path.unlink()
    assert 0 < described < 150


def test_debug_information_in_a_file_of_its_own_is_found(
    tmp_path: Path, tracing: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = compile_shared(tmp_path, SOURCE)
    build_id = elf.build_id(path)
    separate = tmp_path / "debug" / build_id[:2] / f"{build_id[2:]}.debug"
    separate.parent.mkdir(parents=True)
    subprocess.run(["objcopy", "--only-keep-debug", path, separate], check=True)
    subprocess.run(["objcopy", "--strip-debug", path], check=True)
    monkeypatch.setattr(elf, "_DEBUG_FOLDER", tmp_path / "debug")
    assert set(locations.lines_of(record(path, tracing))[str(tmp_path / "ext.c")]) >= {6, 17, 19}


CXX = """
#include <vector>
namespace some { struct Thing { int twice(int a) const; }; }
int some::Thing::twice(int a) const
{
    std::vector<int> all;
    for (int i = 0; i < a; i++)
        all.push_back(i);
    return all.size() * 2;
}
extern "C" int outer(int a) { return some::Thing().twice(a); }
"""


@pytest.mark.parametrize("compiler", ["g++", "clang++"])
def test_names_of_cxx_are_readable_and_headers_of_the_system_are_left_out(
    tmp_path: Path, tracing: Any, compiler: str
) -> None:
    if shutil.which(compiler) is None:
        pytest.skip(f"no {compiler}")
    path = compile_shared(tmp_path, CXX, compiler=compiler, language="cc")
    pcs = record(path, tracing)
    symbolizer = Symbolizer()
    names = {frame.function for pc in pcs for frame in symbolizer.symbolize(place(pc)).frames}
    assert "some::Thing::twice(int) const" in names
    lines = locations.lines_of(pcs)
    assert list(lines) == [str(tmp_path / "ext.cc")]
    assert set(lines[str(tmp_path / "ext.cc")]) >= {7, 8, 9}


def test_a_pc_of_no_image_is_unknown_and_no_error() -> None:
    assert [location.known for location in locations.symbolize([1, 0, (1 << 63) - 1])] == [False] * 3


def test_python_and_native_pcs_keep_their_order(tmp_path: Path, tracing: Any) -> None:
    pcs = record(compile_shared(tmp_path, SOURCE), tracing)
    mixed = [pcs[0], 1 << 63 | 5, pcs[1], 7]
    assert [location.pc for location in locations.symbolize(mixed)] == mixed


def test_anything_but_an_integer_is_a_type_error() -> None:
    with pytest.raises(TypeError):
        locations.symbolize(["x"])  # type: ignore[list-item]
