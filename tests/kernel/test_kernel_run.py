"""`pykcov run --kernel`: Python, native code and the kernel of one run in one trace."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from pykcov.traces.tracefile import TraceFile

PYKCOV = str(Path(sys.executable).with_name("pykcov"))

LIBRARY = """
#include <unistd.h>

int parent(int sign)
{
    if (sign < 0)
        return -1;
    return getppid();
}
"""

PROGRAM = """
import ctypes, os, threading

library = ctypes.CDLL("./parent.so")

def work():
    assert library.parent(1) >= 0
    os.stat("/etc/hostname")

work()
thread = threading.Thread(target=work, name="worker")
thread.start()
thread.join()
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "parent.c").write_text(LIBRARY)
    (tmp_path / "app.py").write_text(PROGRAM)
    return tmp_path


def run(folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
    command = [PYKCOV, "run", *options, "-o", "trace.npz", "app.py"]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True)


def compile_library(folder: Path) -> None:
    command = [PYKCOV, "cc", "gcc", "-shared", "-fPIC", "-O0", str(folder / "parent.c"), "-o", "parent.so"]
    subprocess.run(command, cwd=folder, check=True)


def test_python_native_code_and_the_kernel_are_in_one_report(vmlinux: str, folder: Path) -> None:
    compile_library(folder)
    done = run(folder, "--kernel", "pc")
    assert done.returncode == 0, done.stderr
    assert "\n  System call " in done.stderr
    trace = TraceFile.load(folder / "trace.npz")
    assert {"MainThread", "worker"} <= set(trace.thread_names())
    for thread in trace.threads:
        lines = trace.lines(thread)
        assert 7 in lines[str(folder / "app.py")]
        assert 8 in lines[str(folder / "parent.c")]
        assert 7 not in lines[str(folder / "parent.c")]
        assert any(name.endswith("kernel/sys.c") for name in lines)
        # In order: the line of Python, that of C, and what the kernel ran for it.
        table = trace.locations
        of_call = {place.pc for place in map(table.location, range(len(table))) if place.function.endswith("_getppid")}
        pcs = thread.pcs.tolist()
        at = next(number for number, pc in enumerate(pcs) if pc in of_call)
        rows = table.rows_of(thread.pcs[:at])
        before = [table.location(row) for row in rows if row >= 0]
        assert [place.file for place in before if place.module != "kernel"][-1] == str(folder / "parent.c")
    # Reports need the kernel's source, which may be elsewhere: here it is what is compiled in the cache.
    report = subprocess.run([PYKCOV, "dump", "trace.npz"], cwd=folder, capture_output=True, text=True)
    assert "app.py:" in report.stdout
    assert "parent.c:" in report.stdout
    assert "\tkernel:" in report.stdout


def test_comparisons_of_the_kernel(vmlinux: str, folder: Path) -> None:
    (folder / "app.py").write_text("import os\ntry:\n    os.read(54321, 1)\nexcept OSError:\n    pass\n")
    done = run(folder, "--kernel", "cmp")
    assert done.returncode == 0, done.stderr
    trace = TraceFile.load(folder / "trace.npz")
    [thread] = trace.threads
    found = [one for row, one in trace.comparisons(thread) if 54321 in (one.operand1, one.operand2) and row >= 0]
    assert found


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (("--kernel", "pc", "--mode", "cmp"), "--kernel pc goes with --mode pc or unique"),
        (("--kernel", "cmp", "--mode", "unique"), "--kernel cmp goes with --mode cmp or cmp-bytes"),
    ],
)
def test_modes_that_do_not_go_together(folder: Path, options: tuple[str, ...], sentence: str) -> None:
    done = run(folder, *options)
    assert (done.returncode, done.stderr) == (2, f"pykcov: {sentence}\n")


def test_without_kcov_the_program_is_not_started(folder: Path) -> None:
    if os.environ.get("PYKCOV_VMLINUX"):
        pytest.skip("this kernel has kcov")
    (folder / "app.py").write_text("open('made', 'w')")
    done = run(folder, "--kernel", "pc")
    assert done.returncode == 2
    assert done.stderr.startswith("pykcov: open: ")
    assert done.stderr.count("\n") == 1
    assert not (folder / "made").exists()
