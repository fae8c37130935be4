"""Native code in threads that Python never saw, and in signal handlers."""

import ctypes
from pathlib import Path
from typing import Any

import pytest
from compiling import compile_shared, needs_symbols

import pykcov
from pykcov import _core
from pykcov.native import locations

THREADS = """
#include <pthread.h>
#include <stddef.h>
#include "kcov.h"

static __attribute__((noinline)) int work(volatile int a) { return a == 1000003 ? 1 : a + 1; }

static void *alone(void *argument)
{
    work(424242);
    return argument;
}

static void *for_somebody(void *argument)
{
    struct kcov_key key = {7, 3, 0};
    work(1);
    kcov_remote_enter(key);
    work(2);
    kcov_remote_leave(key);
    work(3);
    return argument;
}

static int run(void *(*body)(void *), int count)
{
    pthread_t threads[64];
    for (int i = 0; i < count; i++)
        if (pthread_create(&threads[i], NULL, body, NULL))
            return -1;
    for (int i = 0; i < count; i++)
        pthread_join(threads[i], NULL);
    return count;
}

int run_alone(int count) { return run(alone, count); }
int run_for_somebody(int count) { return run(for_somebody, count); }
"""


def test_threads_that_python_never_saw_run_on_untraced(tmp_path: Path, tracing: Any) -> None:
    library = ctypes.CDLL(str(compile_shared(tmp_path, THREADS)))
    with tracing(pykcov.TRACE_CMP) as buffer:
        assert library.run_alone(20) == 20
    recorded = {buffer.words[1 + 4 * entry + 2] for entry in range(buffer.count)}
    assert 424242 not in recorded


def test_threads_that_python_never_saw_can_work_for_a_device(tmp_path: Path) -> None:
    library = ctypes.CDLL(str(compile_shared(tmp_path, THREADS)))
    _core.register(7, 3)
    try:
        with pykcov.open() as device:
            device.set_buffer_size(10000)
            buffer = device.mmap()
            device.remote_attach(7, 3)
            device.enable(pykcov.TRACE_CMP)
            assert library.run_for_somebody(20) == 20
            device.disable()
            entries = [tuple(buffer.words[1 + 4 * entry : 4 + 4 * entry]) for entry in range(buffer.count)]
    finally:
        _core.unregister(7, 3)
    assert entries == [(5, 1000003, 2)] * 20


SIGNALS = """
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/time.h>

static volatile int limit = 1000000007, sum;
static volatile sig_atomic_t handled;

static pthread_t looping;

__attribute__((noinline)) static void compare(int number)
{
    handled += number != limit;
}

/* Under load the kernel may pick another thread of the process, one that is not traced. */
static void handle(int number)
{
    if (pthread_equal(pthread_self(), looping) != 0)
        compare(number);
}

__attribute__((noinline)) static void work(int a)
{
    sum += a == limit;
}

int loop(int rounds, int microseconds)
{
    struct sigaction action, former;
    struct itimerval often = {{0, microseconds}, {0, microseconds}}, never = {{0, 0}, {0, 0}};

    looping = pthread_self();
    memset(&action, 0, sizeof(action));
    action.sa_handler = handle;
    sigaction(SIGALRM, &action, &former);
    handled = 0;
    setitimer(ITIMER_REAL, &often, NULL);
    for (int i = 1000; i < rounds + 1000; i++)
        work(i);
    setitimer(ITIMER_REAL, &never, NULL);
    sigaction(SIGALRM, &former, NULL);
    return handled;
}
"""
LIMIT = 1000000007


def record_loop(library: ctypes.CDLL, nmemb: int, rounds: int, microseconds: int) -> tuple[int, list[list[int]], int]:
    with pykcov.open() as device:
        device.set_buffer_size(nmemb)
        buffer = device.mmap()
        device.enable(pykcov.TRACE_CMP)
        handled = library.loop(rounds, microseconds)
        device.disable()
        words = buffer.words[1 : 1 + 4 * buffer.count].tolist()
        return handled, [words[at : at + 4] for at in range(0, len(words), 4)], device.dropped


@pytest.mark.parametrize("nmemb", [262144, 20000])
def test_a_signal_handler_adds_its_entries_and_spoils_none(tmp_path: Path, nmemb: int) -> None:
    library = ctypes.CDLL(str(compile_shared(tmp_path, SIGNALS)))
    rounds = 20000
    _, entries, dropped = record_loop(library, nmemb, rounds, 0)
    undisturbed = len(entries) + dropped
    handled_in_all = 0
    while handled_in_all < 300:
        handled, entries, dropped = record_loop(library, nmemb, rounds, 50)
        handled_in_all += handled
        # two comparisons in each call of the handler: of the thread, and of the number
        assert len(entries) + dropped == undisturbed + 2 * handled
        of_work = [min(entry[1:3]) for entry in entries if LIMIT in entry and 14 not in entry]
        assert of_work == list(range(1000, 1000 + len(of_work)))
        if not dropped:
            assert len(of_work) == rounds
            assert sum(14 in entry for entry in entries) == handled


@needs_symbols
def test_an_object_may_be_unloaded_while_the_trace_is_kept(tmp_path: Path, tracing: Any) -> None:
    path = compile_shared(tmp_path, "int gone(int a) { return a == 3; }", name="unloaded")
    library = ctypes.CDLL(str(path))
    with tracing() as buffer:
        library.gone(1)
        unload(library)
    assert not any(path.name in line for line in Path("/proc/self/maps").read_text().splitlines())
    assert [location.function for location in locations.symbolize(buffer.pcs())] == ["gone"]


@needs_symbols
def test_of_two_objects_at_one_address_the_one_that_is_loaded_counts(tmp_path: Path, tracing: Any) -> None:
    """The loader puts the second one where the first one was."""
    found = []
    for name in ("first", "second"):
        library = ctypes.CDLL(str(compile_shared(tmp_path, f"int {name}(int a) {{ return a == 3; }}", name=name)))
        with tracing() as buffer:
            library[name](1)
        found.append((buffer.pcs().tolist(), locations.symbolize(buffer.pcs())[0].function))
        if name == "first":
            unload(library)
    assert [function for _, function in found] == ["first", "second"]
    if found[0][0] != found[1][0]:
        pytest.skip("the loader used another address")


def unload(library: ctypes.CDLL) -> None:
    close = ctypes.CDLL(None).dlclose
    close.argtypes = [ctypes.c_void_p]
    assert close(library._handle) == 0
