"""kcov.h, from C and C++: sections and interrupts of threads that never held the GIL."""

import ctypes
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import pykcov
from pykcov import _core, remote

pytestmark = pytest.mark.skipif(shutil.which("cc") is None, reason="needs a C compiler")

NATIVE = """
#include <kcov.h>
#include <pthread.h>
#include <signal.h>
#include <stddef.h>

static struct kcov_key key;
static int events;

int is_there(void) { return kcov_remote_enter != NULL; }

static void *work(void *end_by_exit)
{
    kcov_trace_pc(100); /* not in a section */
    kcov_remote_enter(key);
    for (int i = 0; i < events; i++)
        kcov_trace_pc(200 + i);
    kcov_trace_cmp(2, 1, 0x10001, 7, 300); /* another mode */
    kcov_interrupt_enter();
    kcov_trace_pc(400); /* not in a section of its own */
    kcov_remote_enter(key);
    kcov_trace_pc(500);
    kcov_remote_leave(key);
    kcov_interrupt_leave();
    kcov_trace_pc(600);
    if (end_by_exit)
        pthread_exit(NULL); /* in the section */
    kcov_remote_leave(key);
    kcov_trace_pc(700);
    return NULL;
}

void run(uint64_t subsystem, uint64_t id, int is_group, int count, int end_by_exit)
{
    pthread_t thread;

    key = (struct kcov_key){subsystem, id, (uint64_t)is_group};
    events = count;
    pthread_create(&thread, NULL, work, end_by_exit ? &key : NULL);
    pthread_join(thread, NULL);
}

static void handler(int number)
{
    (void)number;
    kcov_trace_pc(2);
    kcov_interrupt_enter();
    kcov_trace_pc(3);
    kcov_interrupt_leave();
    kcov_trace_pc(4);
}

void record_with_a_signal(int count)
{
    signal(SIGUSR2, handler);
    for (int i = 0; i < count; i++) {
        kcov_trace_pc(1);
        if (i == count / 2)
            raise(SIGUSR2);
    }
    signal(SIGUSR2, SIG_DFL);
}

int register_and_unregister(uint64_t subsystem, uint64_t id)
{
    struct kcov_key name = {subsystem, id, 0};
    int error = kcov_remote_register(name);

    return error ? error : kcov_remote_unregister(name);
}

uint64_t process_group(void) { return kcov_process_group(); }
uint64_t info_offset(uint64_t nmemb) { return KCOV_INFO_OFFSET(nmemb); }
"""


@pytest.fixture(scope="module")
def native(tmp_path_factory: pytest.TempPathFactory) -> ctypes.CDLL:
    return ctypes.CDLL(str(compile_native(tmp_path_factory.mktemp("native"), "native.c")))


def compile_native(folder: Path, name: str) -> Path:
    source, library = folder / name, folder / f"{name}.so"
    source.write_text(NATIVE)
    compiler = ["c++", "-std=c++20"] if name.endswith("cc") else ["cc", "-std=c11"]
    flags = ["-D_GNU_SOURCE", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC", "-pthread"]
    subprocess.run(
        [*compiler, *flags, f"-I{pykcov.get_include()}", "-o", library, source],
        check=True,
        capture_output=True,
        text=True,
    )
    return library


@pytest.mark.parametrize("end_by_exit", [False, True])
def test_a_thread_without_the_gil_works_for_a_handle(
    device: pykcov.Device, native: ctypes.CDLL, end_by_exit: bool
) -> None:
    device.remote_attach()
    device.enable()
    native.run(ctypes.c_uint64(0), ctypes.c_uint64(native.process_group()), 1, 2, int(end_by_exit))
    assert device.mmap().pcs().tolist() == [200, 201, 500, 600]
    assert _core.handles()[0][4] == 0
    device.disable()


def test_an_explicit_handle_is_the_same_in_c_and_python(device: pykcov.Device, native: ctypes.CDLL) -> None:
    remote.register(2**64 - 1, 2**63)
    device.remote_attach(2**64 - 1, 2**63)
    device.enable(pykcov.TRACE_CMP)
    native.run(ctypes.c_uint64(2**64 - 1), ctypes.c_uint64(2**63), 0, 2, 0)
    assert device.mmap().words[:6].tolist() == [1, 3, 1, 7, 300, 0]
    remote.unregister(2**64 - 1, 2**63)
    assert native.register_and_unregister(ctypes.c_uint64(5), ctypes.c_uint64(6)) == 0


def test_a_signal_handler_may_record_and_interrupt(device: pykcov.Device, native: ctypes.CDLL) -> None:
    device.enable()
    native.record_with_a_signal(10)
    device.disable()
    assert device.mmap().pcs().tolist() == [1] * 6 + [2, 4] + [1] * 4


def test_the_information_page_is_where_the_header_says(native: ctypes.CDLL) -> None:
    native.info_offset.restype = ctypes.c_uint64
    for nmemb in (1, 512, 513, pykcov.BUFFER_WORDS_MAX):
        with pykcov.open() as device:
            device.set_buffer_size(nmemb)
            page = os.pread(device.fileno(), 24, native.info_offset(ctypes.c_uint64(nmemb)))
        assert page[:8].rstrip(b"\0") == b"pykcov"
        assert int.from_bytes(page[16:24], "little") == nmemb


def test_the_group_of_the_process_is_the_same_in_c_and_python(native: ctypes.CDLL) -> None:
    native.process_group.restype = ctypes.c_uint64
    assert native.process_group() == pykcov.current_group().number


@pytest.mark.parametrize("name", ["again.c", "again.cc"])
def test_the_header_is_c_and_cplusplus_and_loads_without_pykcov(tmp_path: Path, name: str) -> None:
    if name.endswith("cc") and shutil.which("c++") is None:
        pytest.skip("needs a C++ compiler")
    library = compile_native(tmp_path, name)
    symbols = subprocess.run(["nm", "-D", library], check=True, capture_output=True, text=True).stdout
    function = next(line.split()[-1] for line in symbols.splitlines() if "is_there" in line)
    program = f"import ctypes; print(ctypes.CDLL({str(library)!r}).{function}())"
    for import_pykcov, there in [("", "0\n"), ("import pykcov; ", "1\n")]:
        done = subprocess.run(
            [sys.executable, "-c", import_pykcov + program], capture_output=True, text=True, check=True
        )
        assert done.stdout == there
