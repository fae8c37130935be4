"""The ends of threads, processes and interpreters, by every road."""

import _thread
import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable

import pytest
from in_threads import hit, in_thread

import pykcov
from pykcov import _core, remote

ENDS: dict[str, Callable[[], object]] = {
    "return": lambda: None,
    "exception": lambda: 1 // 0,
    "SystemExit": sys.exit,
    "thread.exit": _thread.exit,
}


def run(program: str) -> None:
    """Run a Python program to its end; what it prints on stderr is a failure."""
    done = subprocess.run(
        [sys.executable, "-W", "default", "-c", textwrap.dedent(program)],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (done.returncode, done.stderr) == (0, "")


def wait_until(true: Callable[[], bool]) -> None:
    """Wait for what another thread does after Python has ended it."""
    deadline = time.monotonic() + 10
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.001)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
@pytest.mark.parametrize("end", ENDS)
def test_whoever_joined_a_thread_finds_its_device_ready(device: pykcov.Device, end: str) -> None:
    def work() -> None:
        device.enable()
        _core.record_pc(1)
        ENDS[end]()

    for _ in range(50):
        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
        assert device.state == "ready"
    device.enable()
    device.disable()
    assert device.mmap().count == 50


@pytest.mark.parametrize("end", ["return", "thread.exit"])
def test_the_end_of_a_thread_that_nobody_joins_is_seen(device: pykcov.Device, end: str) -> None:
    def work() -> None:
        device.enable()
        remote.enter(5, 6)
        started.set()
        ENDS[end]()

    started = threading.Event()
    _thread.start_new_thread(work, ())
    started.wait()
    wait_until(lambda: device.state == "ready")


def test_sections_of_a_thread_end_with_it(device: pykcov.Device) -> None:
    device.remote_attach()
    device.enable()
    group = pykcov.current_group()

    def work() -> None:
        for _ in range(3):
            remote.enter(pykcov.REMOTE_COMMON, group)
        _core.interrupt_enter()
        remote.enter(pykcov.REMOTE_COMMON, group)
        _core.record_pc(1)
        assert _core.handles()[0][4] == 4

    in_thread(work)
    wait_until(lambda: _core.handles()[0][4] == 0)
    assert device.mmap().pcs().tolist() == [1]
    device.disable()


def test_a_thread_state_may_come_and_go_before_its_thread_ends() -> None:
    """As in a thread made by native code, which calls Python now and then: its device stays its own."""
    run(
        """
        import ctypes, pykcov
        from pykcov import _core
        device = pykcov.open()
        device.set_buffer_size(8)
        calls = []
        @ctypes.CFUNCTYPE(ctypes.c_void_p, ctypes.c_void_p)
        def from_native(argument):
            if not calls:
                device.enable()
            calls.append(_core.attached())
            _core.record_pc(len(calls))
        libc = ctypes.CDLL(None)
        source = '''
        #include <pthread.h>
        void *(*call)(void *);
        static void *body(void *unused) { call(0); call(0); return 0; }
        void run(void) { pthread_t thread; pthread_create(&thread, 0, body, 0); pthread_join(thread, 0); }
        '''
        import subprocess, tempfile, pathlib
        with tempfile.TemporaryDirectory() as folder:
            file = pathlib.Path(folder, "native.c")
            file.write_text(source)
            subprocess.run(["cc", "-shared", "-fPIC", "-pthread", "-o", f"{folder}/native.so", file], check=True)
            native = ctypes.CDLL(f"{folder}/native.so")
        ctypes.c_void_p.in_dll(native, "call").value = ctypes.cast(from_native, ctypes.c_void_p).value
        native.run()
        assert calls == [device.serial] * 2, calls
        assert device.mmap().pcs().tolist() == [1, 2]
        assert device.state == "ready"
        device.close()
        """
    )


def test_a_forked_child_is_attached_to_nothing_and_can_use_everything(device: pykcov.Device) -> None:
    buffer = device.mmap()
    remote.register(5, 6)
    device.enable()
    _core.record_pc(1)
    child = os.fork()
    if child == 0:
        _core.record_pc(2)
        first = (_core.attached(), device.state, _core.sleepers())
        device.enable()
        _core.record_pc(3)
        device.disable()
        with pykcov.open() as other:
            other.set_buffer_size(8)
            other.remote_attach(5, 6)
            other.enable()
            with remote.section(5, 6):
                _core.record_pc(4)
            second = other.mmap().pcs().tolist()
        os._exit(0 if (first, second) == ((None, "ready", 0), [4]) else 1)
    assert os.waitpid(child, 0)[1] == 0
    assert device.state == "trace"
    _core.record_pc(5)
    device.disable()
    assert buffer.pcs().tolist() == [1, 3, 5]
    remote.unregister(5, 6)


def test_a_forked_child_has_another_group_unless_it_was_given_one() -> None:
    mine, given = pykcov.current_group(), pykcov.Group()
    reader, writer = os.pipe()
    with pykcov.group(given):
        child = os.fork()
        if child == 0:
            same = pykcov.current_group() == given
            _core.group_variable.set(pykcov.Group())
            new = _core.current_group().number > given.number
            os.write(writer, bytes([same, new]))
            os._exit(0)
        os.waitpid(child, 0)
    child = os.fork()
    if child == 0:
        os.write(writer, bytes([pykcov.current_group() != mine]))
        os._exit(0)
    os.waitpid(child, 0)
    assert os.read(reader, 3) == b"\x01\x01\x01"
    os.close(reader)
    os.close(writer)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of fork() with threads
def test_what_other_threads_held_is_given_up_in_a_forked_child(device: pykcov.Device) -> None:
    """Sections, own devices, waits: the threads are not there any more."""
    device.remote_attach()
    device.enable()
    group, own = pykcov.current_group(), pykcov.open()
    own.set_buffer_size(8)
    inside, go = threading.Event(), threading.Event()
    others = len(_core.handles()) - 1

    def work() -> None:
        own.enable()
        with remote.section(pykcov.REMOTE_COMMON, group):
            inside.set()
            go.wait()

    thread = threading.Thread(target=work)
    sleeper = threading.Thread(target=device.disable)
    thread.start()
    inside.wait()
    sleeper.start()
    try:
        while _core.sleepers() == 0:
            time.sleep(0.001)
        child = os.fork()
        if child == 0:
            good = _core.sleepers() == 0 and (device.state, own.state) == ("ready", "ready")
            device.enable()  # remote
            device.close()
            own.enable()
            own.close()
            os._exit(0 if good and len(_core.handles()) == others else 1)
        assert os.waitpid(child, 0)[1] == 0
        assert (device.state, own.state) == ("stopping", "trace")
    finally:
        go.set()
        thread.join()
        sleeper.join()
    assert (device.state, own.state) == ("ready", "ready")
    own.close()


def test_parent_and_child_may_trace_into_the_same_buffer_at_once() -> None:
    with pykcov.open() as device:
        device.set_buffer_size(pykcov.BUFFER_WORDS_MAX)
        buffer = device.mmap()
        child = os.fork()
        device.enable()
        _core.record_pc(2 if child else 1, 100_000)
        if child == 0:
            os._exit(0)
        os.waitpid(child, 0)
        device.disable()
        pcs = buffer.pcs().tolist()
        assert (pcs.count(1), pcs.count(2), device.dropped) == (100_000, 100_000, 0)


def test_forks_while_other_threads_work_do_not_hang() -> None:
    run(
        """
        import os, threading, warnings, pykcov
        from pykcov import _core, remote
        warnings.simplefilter("ignore", DeprecationWarning)
        stop = threading.Event()
        def work():
            while not stop.is_set():
                with pykcov.open() as device:
                    device.set_buffer_size(8)
                    device.enable()
                    with remote.section(1, 2):
                        _core.record_pc(1)
        threads = [threading.Thread(target=work) for _ in range(3)]
        for thread in threads:
            thread.start()
        for _ in range(100):
            child = os.fork()
            if child == 0:
                with pykcov.open() as device:
                    device.set_buffer_size(8)
                    device.enable()
                    os._exit(0)
            assert os.waitpid(child, 0)[1] == 0
        stop.set()
        for thread in threads:
            thread.join()
        """
    )


def test_nothing_is_inherited_over_exec(device: pykcov.Device) -> None:
    device.enable()
    done = subprocess.run(
        [sys.executable, "-c", f"import os; os.fstat({device.fileno()})"],
        capture_output=True,
        text=True,
        close_fds=False,
    )
    device.disable()
    assert "Bad file descriptor" in done.stderr


def test_the_interpreter_ends_quietly_while_daemon_threads_trace() -> None:
    run(
        """
        import threading, time, pykcov
        from pykcov import _core, remote
        device = pykcov.open()
        device.set_buffer_size(64)
        device.remote_attach()
        device.enable()
        group = pykcov.current_group()
        probe = _core.probes([1 << 63])[0]
        started = threading.Barrier(4)
        def trace():
            with pykcov.open() as own:
                own.set_buffer_size(64)
                own.enable()
                started.wait()
                while True:
                    ~probe
        def inside():
            remote.enter(0, group)
            started.wait()
            while True:
                ~probe
        def waiting():
            started.wait()
            device.disable()
        for target in (trace, inside, waiting):
            threading.Thread(target=target, daemon=True).start()
        _core.set_adopter(lambda: None)
        started.wait()
        while _core.sleepers() == 0:
            time.sleep(0.001)
        device.close(wait=False)
        """
    )


def test_a_device_that_is_left_open_at_exit_is_said_once() -> None:
    done = subprocess.run(
        [sys.executable, "-W", "default", "-c", "import pykcov; device = pykcov.open()"], capture_output=True, text=True
    )
    assert done.returncode == 0
    assert done.stderr.count("ResourceWarning: unclosed <pykcov.Device 1") == 1


def test_ctrl_c_ends_a_wait() -> None:
    program = """
        import threading, pykcov
        from pykcov import remote
        device = pykcov.open()
        device.set_buffer_size(8)
        device.remote_attach()
        device.enable()
        group = pykcov.current_group()
        inside, go = threading.Event(), threading.Event()
        def work():
            with remote.section(0, group):
                inside.set()
                go.wait()
        thread = threading.Thread(target=work)
        thread.start()
        inside.wait()
        print("ready", flush=True)
        try:
            device.close()
        except KeyboardInterrupt:
            print("interrupted", device.state, flush=True)
        go.set()
        thread.join()
        """
    child = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(program)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert child.stdout
    assert child.stdout.readline() == "ready\n"
    time.sleep(0.1)  # so that it most often sleeps by now: it must answer at any moment
    child.send_signal(signal.SIGINT)
    assert child.communicate(timeout=60) == ("interrupted closed\n", "")


def test_a_subinterpreter_is_refused_in_words() -> None:
    run(
        """
        try:
            import _interpreters as interpreters
        except ImportError:
            import _xxsubinterpreters as interpreters
        import pykcov
        one = interpreters.create()
        code = '''if True:
            try:
                import pykcov._core
            except ImportError as error:
                assert "interpreter" in str(error), error
            else:
                raise AssertionError("imported")
            '''
        result = interpreters.run_string(one, code)
        assert result is None, result
        interpreters.destroy(one)
        """
    )


def test_the_module_can_be_imported_again() -> None:
    run(
        """
        import sys, pykcov
        from pykcov import _core
        old = _core
        del sys.modules["pykcov._core"]
        import importlib
        new = importlib.import_module("pykcov._core")
        assert new is not old
        assert new.probes([1 << 63])[0].number == 0
        assert old.probes([1 << 63])[0].number == 1
        """
    )


def test_events_in_a_signal_handler_are_not_lost(device: pykcov.Device) -> None:
    """The handler of a Python signal runs between two events of the thread."""
    handled = []

    def ring(*_: object) -> None:
        # Not those that come before enable() or after disable().
        if big.state == "trace":
            handled.append(1)
            hit(probe)

    probe = _core.probes([1 << 63])[0]
    before = signal.signal(signal.SIGALRM, ring)
    try:
        with pykcov.open() as big:
            big.set_buffer_size(pykcov.BUFFER_WORDS_MAX)
            signal.setitimer(signal.ITIMER_REAL, 0.001, 0.001)
            big.enable()
            hits = 0
            while len(handled) < 3:
                hit(probe)
                hits += 1
            big.disable()
            assert big.mmap().count + big.dropped == hits + len(handled)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
