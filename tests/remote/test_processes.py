"""What other processes do belongs to the trace that caused it, however they were started."""

import ctypes
import multiprocessing
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from following import EXPECTED, TRACES, in_threads, ran

import pykcov
from pykcov import Tracer

METHODS = ["fork", "spawn", "forkserver"]


@pytest.mark.parametrize("method", METHODS)
def test_50_concurrent_traces_that_share_an_executor_hold_each_its_own(
    method: str, functions: ModuleType, tracer: Tracer
) -> None:
    with ProcessPoolExecutor(2, mp_context=multiprocessing.get_context(method)) as pool:

        def way(job: Callable[..., Any]) -> None:
            assert pool.submit(job).result() is not None
            assert len(list(pool.map(job, range(4), chunksize=2))) == 4

        assert in_threads(tracer, functions, way) == EXPECTED


@pytest.mark.parametrize("method", METHODS)
def test_50_concurrent_traces_that_share_a_pool_hold_each_its_own(
    method: str, functions: ModuleType, tmp_path: Path
) -> None:
    with multiprocessing.get_context(method).Pool(2) as pool:  # its processes are there before any trace

        def way(job: Callable[..., Any]) -> None:
            assert pool.apply(job) is not None
            assert len(pool.map(job, range(4), chunksize=2)) == 4
            assert len(list(pool.imap_unordered(job, range(2)))) == 2

        with Tracer(source=[tmp_path]) as tracer:
            assert in_threads(tracer, functions, way) == EXPECTED


@pytest.mark.parametrize("method", METHODS)
def test_50_concurrent_traces_that_start_processes_hold_each_its_own(
    method: str, functions: ModuleType, tracer: Tracer
) -> None:
    context = multiprocessing.get_context(method)

    def way(job: Callable[..., Any]) -> None:
        process = context.Process(target=job)
        process.start()
        process.join()
        # Another thread that starts a process may have reaped this one, and not said so yet.
        while process.exitcode is None:
            time.sleep(0.001)
        # Of a forkserver CPython says 255 where two threads ask at the same time.
        assert process.exitcode in ((0, 255) if method == "forkserver" else (0,))

    assert in_threads(tracer, functions, way) == EXPECTED


def test_50_concurrent_traces_that_fork_hold_each_its_own(functions: ModuleType, tracer: Tracer) -> None:
    def way(job: Callable[..., Any]) -> None:
        child = os.fork()
        if child == 0:
            job()
            os._exit(0)
        assert os.waitpid(child, 0)[1] == 0

    assert in_threads(tracer, functions, way) == EXPECTED


def test_50_concurrent_traces_that_start_programs_hold_each_its_own(
    functions: ModuleType, tracer: Tracer, tmp_path: Path
) -> None:
    def way(job: Callable[..., Any]) -> None:
        program = f"import {functions.__name__} as functions; functions.{job.__name__}()"
        subprocess.run([sys.executable, "-c", program], check=True, cwd=tmp_path)

    assert in_threads(tracer, functions, way) == EXPECTED


SHOW = "import os, sys; print(sorted(os.environ.items()), sys.path, 'sitecustomize' in sys.modules)"


def test_a_program_that_is_followed_has_the_variables_that_c_code_has_set(tracer: Tracer) -> None:
    libc = ctypes.CDLL(None)
    assert libc.setenv(b"SET_BY_C", b"x=y", 1) == 0
    try:
        with tracer.trace():
            assert (
                subprocess.run(
                    [sys.executable, "-c", "import os; print(os.environ['SET_BY_C'])"], check=True, capture_output=True
                ).stdout
                == b"x=y\n"
            )
    finally:
        libc.unsetenv(b"SET_BY_C")


def test_a_program_does_not_see_how_it_is_followed_and_is_not_if_it_shall_not(
    functions: ModuleType, tracer: Tracer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def show(**more: Any) -> str:
        return subprocess.run([sys.executable, "-c", SHOW], check=True, capture_output=True, text=True, **more).stdout

    def run() -> None:
        subprocess.run([sys.executable, "-m", functions.__name__], check=True, cwd=tmp_path)

    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setenv("PYKCOV_SUBPROCESSES", "0")
    with tracer.trace() as without:
        run()
    monkeypatch.delenv("PYKCOV_SUBPROCESSES")
    bare, bare_with_less = show(), show(env={"PATH": "/bin"})
    (tmp_path / "sitecustomize.py").write_text("import sys; sys.stdout.write('customized ')")
    customized = show()
    (tmp_path / "sitecustomize.py").unlink()
    with tracer.trace() as followed:
        run()
        assert show(env={"PATH": "/bin"}) == bare_with_less  # of its own
        assert show() == bare.replace("False", "True")
        (tmp_path / "sitecustomize.py").write_text("import sys; sys.stdout.write('customized ')")
        assert show() == customized
    assert not without.lines()
    assert followed.lines()[functions.__file__ or ""] == [1 + 4 * n for n in range(TRACES)]


def test_a_program_started_by_other_means_is_followed_with_the_environment_for_it(
    functions: ModuleType, tracer: Tracer, tmp_path: Path
) -> None:
    program = f"import sys; sys.path.insert(0, {str(tmp_path)!r}); import {functions.__name__} as f; f.own3()"
    assert "PYKCOV_TICKET" not in pykcov.remote.environment()
    with tracer.trace() as trace:
        child = os.posix_spawn(sys.executable, [sys.executable, "-c", program], pykcov.remote.environment())
        assert os.waitpid(child, 0)[1] == 0
    assert ran(trace) == {"own3"}


LATE = "def late(number=0):\n    return number\n"
EARLY = "import {late}\n\ndef early(number=0):\n    import {late} as late\n    return late.late(number)\n"


@pytest.mark.parametrize("method", [*METHODS, "os.fork"])
def test_places_that_only_the_child_knows_are_told_to_the_parent(
    method: str, functions: ModuleType, tracer: Tracer, tmp_path: Path
) -> None:
    name = f"late_{functions.__name__}_{method.replace('.', '_')}"
    (tmp_path / f"{name}.py").write_text(LATE)
    program = f"import {name}\n{name}.late()\n"
    with tracer.trace() as trace:
        if method == "os.fork":
            child = os.fork()
            if child == 0:
                exec(program)
                os._exit(0)
            os.waitpid(child, 0)
        else:
            process = multiprocessing.get_context(method).Process(target=exec, args=(program,))
            process.start()
            process.join()
    assert name not in sys.modules
    assert trace.lines()[str(tmp_path / f"{name}.py")] == [1, 2]
    assert str(tmp_path / f"{name}.py") in tracer.files()


def test_what_a_child_of_a_child_does_belongs_to_the_trace(functions: ModuleType, tracer: Tracer) -> None:
    with tracer.trace() as trace, ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        pool.submit(grandchild, functions.own1).result()
    assert ran(trace) == {"own1"}


def grandchild(job: Callable[[], Any]) -> None:
    process = multiprocessing.get_context("spawn").Process(target=job)
    process.start()
    process.join()


def test_a_forked_child_that_outlives_its_trace_writes_into_no_other(functions: ModuleType, tracer: Tracer) -> None:
    for _ in range(3):
        go, done = os.pipe(), os.pipe()
        with tracer.trace() as trace:
            child = os.fork()
            if child == 0:
                os.read(go[0], 1)
                functions.own4()
                os.write(done[1], b".")
                os._exit(0)
        with tracer.trace() as other:
            os.write(go[1], b".")
            os.read(done[0], 1)
            functions.own5()
        os.waitpid(child, 0)
        assert (ran(trace), ran(other)) == (set(), {"own5"})
        for descriptor in (*go, *done):
            os.close(descriptor)


def test_a_job_that_outlives_its_trace_writes_into_no_other(
    functions: ModuleType, tracer: Tracer, tmp_path: Path
) -> None:
    with ProcessPoolExecutor(1) as pool:
        with tracer.trace() as trace:
            job = pool.submit(late, functions.own6, str(tmp_path / "go"))
        assert trace.cut_off == 1
        with tracer.trace() as other:
            (tmp_path / "go").touch()
            assert job.result(60) == 6
        with tracer.trace(drain=60) as drained:
            pool.submit(late, functions.own7, str(tmp_path / "go"))
    assert (ran(trace), ran(other), ran(drained), drained.cut_off) == (set(), set(), {"own7"}, 0)


def late(job: Callable[[], Any], file: str) -> Any:
    while not os.path.exists(file):
        pass
    return job()


def test_what_a_killed_worker_recorded_stays(functions: ModuleType, tracer: Tracer) -> None:
    with tracer.trace(drain=60) as trace, ProcessPoolExecutor(1) as pool:
        with pytest.raises(BrokenProcessPool):
            pool.submit(killed, functions.own8).result()
        with pytest.raises(BrokenProcessPool):
            pool.submit(functions.own9)
    assert (ran(trace), trace.cut_off) == ({"own8"}, 0)


def killed(job: Callable[[], Any]) -> None:
    job()
    os.kill(os.getpid(), signal.SIGKILL)


def test_queued_jobs_of_an_executor_that_is_shut_down_are_not_waited_for(
    functions: ModuleType, tracer: Tracer, tmp_path: Path
) -> None:
    pool = ProcessPoolExecutor(1)
    with tracer.trace(drain=600) as trace:
        jobs = [pool.submit(late, functions.own10, str(tmp_path / "go")) for _ in range(20)]
        pool.shutdown(wait=False, cancel_futures=True)
        (tmp_path / "go").touch()
    assert any(job.cancelled() for job in jobs)
    assert (ran(trace), trace.cut_off) == ({"own10"}, 0)


def test_a_device_is_borrowed_by_its_descriptor_alone(functions: ModuleType) -> None:
    with pykcov.open() as device:
        with pytest.raises(pykcov.InvalidValueError, match="descriptor"):
            pykcov.Device.borrow(device.fileno())
        device.set_buffer_size(100)
        assert not device.inherited
        buffer = device.mmap()
        pykcov.instrument(functions.own1)
        pykcov.instrument(functions.own2)
        device.enable()
        functions.own1()
        device.disable()
        recorded = buffer.count
        assert recorded
        with pykcov.Device.borrow(device.fileno()) as borrowed:
            assert (borrowed.state, borrowed.nmemb, borrowed.inherited) == ("ready", 100, True)
            assert borrowed.fileno() != device.fileno()
            borrowed.enable()
            functions.own2()
            borrowed.disable()
        assert buffer.count > recorded
        assert [place.function for place in pykcov.symbolize(buffer.pcs())][-1] == "own2"
        functions.own1()
    for wrong in (-1, 10**6):
        with pytest.raises(OSError):  # noqa: PT011
            pykcov.Device.borrow(wrong)
