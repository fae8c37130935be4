"""Every thread has a trace of its own: those of `threading`, of `_thread`, of C, and thousands of short ones."""

import subprocess
import sysconfig
from collections.abc import Callable
from pathlib import Path

import pytest
from running import Run

from pykcov.traces.threads import Thread
from pykcov.traces.tracefile import TraceFile

Write = Callable[[str, str], Path]
Load = Callable[[], TraceFile]


def named(trace: TraceFile, name: str) -> Thread:
    [thread] = [thread for thread in trace.threads if thread.name == name]
    return thread


def test_each_of_eight_threads_has_its_own_lines(pykcov: Run, write: Write, trace: Load) -> None:
    functions = "".join(f"def work{n}(barrier):\n    barrier.wait()\n    own = {n}\n\n" for n in range(8))
    main = write(
        "main.py",
        functions
        + "import threading\nbarrier = threading.Barrier(8)\n"
        + "threads = [threading.Thread(target=globals()[f'work{n}'], args=(barrier,), name=f'w{n}')"
        + " for n in range(8)]\n"
        + "[thread.start() for thread in threads]\n[thread.join() for thread in threads]\n",
    )
    assert pykcov("run", "main.py").returncode == 0
    result = trace()
    for n in range(8):
        assert result.lines(named(result, f"w{n}")) == {str(main): [4 * n + 2, 4 * n + 3]}
    assert len({thread.native_id for thread in result.threads}) == 9
    assert set(result.lines(named(result, "MainThread"))[str(main)]) == {*range(1, 33, 4), *range(33, 38)}


def test_a_thread_of_the_thread_module_is_named_by_its_native_id(pykcov: Run, write: Write, trace: Load) -> None:
    main = write(
        "main.py",
        "import _thread\nlock = _thread.allocate_lock()\nlock.acquire()\ndef f():\n    print(_thread.get_native_id())\n"
        "    lock.release()\n_thread.start_new_thread(f, ())\nlock.acquire()\n",
    )
    native_id = int(pykcov("run", "main.py").stdout)
    result = trace()
    thread = named(result, f"thread-{native_id}")
    assert thread.native_id == native_id
    assert result.lines(thread) == {str(main): [5, 6]}


def test_a_thread_made_by_c_is_traced(pykcov: Run, write: Write, trace: Load) -> None:
    main = write(
        "main.py",
        "import ctypes\nlibc = ctypes.CDLL(None)\n"
        "@ctypes.CFUNCTYPE(ctypes.c_void_p, ctypes.c_void_p)\n"
        "def f(argument):\n    global seen\n    seen = 1\n    return None\n"
        "thread = ctypes.c_ulong()\n"
        "assert libc.pthread_create(ctypes.byref(thread), None, f, None) == 0\n"
        "assert libc.pthread_join(thread, None) == 0\n"
        "assert seen\n",
    )
    assert pykcov("run", "main.py").returncode == 0
    result = trace()
    assert [result.lines(thread)[str(main)] for thread in result.threads if thread.name != "MainThread"] == [[6, 7]]


def test_a_thread_of_c_that_calls_again_and_again_is_one_thread(pykcov: Run, write: Write, trace: Load) -> None:
    """Each call has a thread state of its own, so that thread-local storage of Python starts anew."""
    folder = write(
        "calls.c",
        "#include <pthread.h>\n#include <stdio.h>\n"
        "static void *run(void *f) { for (int i = 0; i < 3; i++) ((void (*)(int))f)(i); return NULL; }\n"
        "void calls(void *f) { pthread_t t; pthread_create(&t, NULL, run, f); pthread_join(t, NULL); }\n",
    ).parent
    compiler = sysconfig.get_config_var("CC").split()
    subprocess.run([*compiler, "-shared", "-fPIC", "-o", folder / "calls.so", folder / "calls.c"], check=True)
    main = write(
        "main.py",
        "import ctypes\ncalls = ctypes.PyDLL('./calls.so').calls\ncalls = ctypes.CDLL('./calls.so').calls\n"
        "@ctypes.CFUNCTYPE(None, ctypes.c_int)\ndef f(n):\n    if n == 0:\n        a = 1\n    if n == 1:\n"
        "        a = 2\n    if n == 2:\n        a = 3\ncalls(f)\n",
    )
    assert pykcov("run", "main.py").returncode == 0
    result = trace()
    assert [result.lines(thread)[str(main)] for thread in result.threads[1:]] == [[6, 7, 8, 9, 10, 11]]


def test_three_thousand_threads_leave_three_thousand_traces(pykcov: Run, write: Write, trace: Load) -> None:
    main = write(
        "main.py",
        "import threading, resource\nresource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))\ndef f(n):\n    return n\n"
        "for n in range(3000):\n    t = threading.Thread(target=f, args=(n,), name=f't{n}')\n    t.start()\n"
        "    t.join()\n",
    )
    done = pykcov("run", "main.py")
    assert (done.returncode, "not traced" in done.stderr) == (0, False), done.stderr
    result = trace()
    assert [thread.name for thread in result.threads] == ["MainThread", *(f"t{n}" for n in range(3000))]
    assert all(result.lines(thread) == {str(main): [4]} for thread in result.threads[1::100])
    assert all(len(thread.entries) == 1 for thread in result.threads[1:])


def test_live_threads_cost_the_program_no_descriptors(bare: Run, pykcov: Run, write: Write, trace: Load) -> None:
    write(
        "main.py",
        "import os, resource, threading\nresource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))\n"
        "barrier = threading.Barrier(101)\ndef f():\n    barrier.wait()\n    barrier.wait()\n"
        "threads = [threading.Thread(target=f) for _ in range(100)]\n"
        "[thread.start() for thread in threads]\nbarrier.wait()\n"
        "print(os.open('/dev/null', 0))\n"
        "barrier.wait()\n[thread.join() for thread in threads]\n",
    )
    done = pykcov("run", "main.py")
    assert (done.returncode, done.stdout) == (0, bare("main.py").stdout), done.stderr
    assert len(trace().threads) == 101


def test_a_thread_that_gets_no_device_runs_and_is_told(pykcov: Run, write: Write, trace: Load) -> None:
    write(
        "main.py",
        "import os, resource, threading\nresource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))\ndef f():\n"
        "    print('ran')\nt = threading.Thread(target=f, name='T')\ntaken = []\ntry:\n"
        "    while True: taken.append(os.open('/dev/null', 0))\nexcept OSError: pass\n"
        "t.start()\nt.join()\n",
    )
    done = pykcov("run", "main.py")
    assert (done.returncode, done.stdout) == (0, "ran\n")
    assert "pykcov: thread T was not traced: [Errno 24]" in done.stderr
    assert [thread.name for thread in trace().threads] == ["MainThread"]


@pytest.mark.parametrize("options", [(), ("--stdlib",)], ids=["own code", "standard library"])
def test_names_are_those_that_threading_knows(pykcov: Run, write: Write, trace: Load, options: tuple[str]) -> None:
    """With the standard library traced a thread's first event comes before `threading` has registered it."""
    write(
        "main.py",
        "import threading\nfrom concurrent.futures import ThreadPoolExecutor\n"
        "class Own(threading.Thread):\n"
        "    name = property(lambda self: print('never called'), lambda self, value: None)\n"
        "    def run(self):\n        pass\n"
        "def f():\n    pass\n"
        "t = threading.Thread(target=f, name='by hand')\nt.start()\nt.join()\n"
        "with ThreadPoolExecutor(1, thread_name_prefix='pool') as pool:\n    pool.submit(f).result()\n",
    )
    assert pykcov("run", *options, "main.py").returncode == 0
    assert [thread.name for thread in trace().threads] == ["MainThread", "by hand", "pool_0"]


def test_naming_a_thread_runs_no_code_of_the_program(pykcov: Run, write: Write, trace: Load) -> None:
    write(
        "main.py",
        "import sys, threading\nclass Own(threading.Thread):\n"
        "    def __getattribute__(self, name):\n"
        "        caller = sys._getframe(1).f_code.co_filename\n"
        "        if '/pykcov/program/' in caller:\n            print(caller, 'asks for', name)\n"
        "        return super().__getattribute__(name)\n"
        "    def __bool__(self):\n        print('bool')\n        return False\n"
        "    def run(self):\n        pass\n"
        "t = Own(name='own')\nt.start()\nt.join()\n",
    )
    done = pykcov("run", "main.py")
    assert (done.returncode, done.stdout) == (0, "")
    assert [thread.name for thread in trace().threads] == ["MainThread", "own"]


def test_what_threads_do_after_the_main_module_has_ended_is_traced(pykcov: Run, write: Write, trace: Load) -> None:
    main = write(
        "main.py",
        "import atexit, threading\ndone = threading.Event()\ndef f():\n    done.wait()\n    import other\n"
        "@atexit.register\ndef g():\n    last = 1\nthreading.Thread(target=f, name='T').start()\n"
        "threading.Timer(0.2, done.set).start()\n",
    )
    other = write("other.py", "x = 1\n")
    assert pykcov("run", "main.py").returncode == 0
    result = trace()
    assert result.lines(named(result, "T")) == {str(main): [4, 5], str(other): [1]}
    assert 8 in result.lines(named(result, "MainThread"))[str(main)]
