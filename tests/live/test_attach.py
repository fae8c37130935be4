"""A process that runs already is traced, and is afterwards as it was; where that cannot be, it is not touched."""

import ast
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from pykcov.kernel import ptrace
from pykcov.live.call import run_in
from pykcov.traces.tracefile import TraceFile

SERVICE = Path(__file__).with_name("service.py")


def attach(folder: Path, *words: str) -> "subprocess.Popen[str]":
    command = [sys.executable, "-m", "pykcov", "attach", *words]
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST", "COV"))}
    return subprocess.Popen(command, cwd=folder, env=environment, stderr=subprocess.PIPE, text=True)


def said(attached: "subprocess.Popen[str]") -> tuple[int, str]:
    error = attached.communicate(timeout=100)[1]
    return attached.returncode, error


class Client:
    """Asks on one connection, again and again, in a thread of its own."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.answers = 0
        self.wrong: list[str] = []
        self._ending = False
        self._thread = threading.Thread(target=self._run)

    def ask(self, text: str) -> str:
        with socket.socket(socket.AF_UNIX) as connection, connection.makefile("rw") as file:
            connection.connect(str(self.path))
            file.write(f"{text}\n")
            file.flush()
            return file.readline().strip()

    def _run(self) -> None:
        number = 0
        while not self._ending:
            number += 1
            try:
                answer = self.ask(str(number))
            except OSError as error:
                answer = str(error)
            if answer != str(2 * number + 1):
                self.wrong.append(answer)
            self.answers += 1

    def __enter__(self) -> "Client":
        self._thread.start()
        return self

    def __exit__(self, *ignored: object) -> None:
        self._ending = True
        self._thread.join()


def answers(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as connection:
        return connection.connect_ex(str(path)) == 0


@contextmanager
def serving(kind: str, folder: Path, *before: str) -> Iterator[tuple["subprocess.Popen[bytes]", Path]]:
    path = folder / "socket"
    with subprocess.Popen([sys.executable, *before, str(SERVICE), kind, str(path)], cwd=folder) as process:
        try:
            deadline = time.monotonic() + 60
            while not answers(path) and kind != "silent":
                assert process.poll() is None
                assert time.monotonic() < deadline
                time.sleep(0.02)
            yield process, path
        finally:
            process.kill()


def lines_of(*names: str) -> set[int]:
    """Return the lines of the bodies of functions."""
    return {
        node.lineno
        for function in ast.walk(ast.parse(SERVICE.read_text()))
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef) and function.name in names
        for statement in function.body
        for node in ast.walk(statement)
        if isinstance(node, ast.stmt | ast.expr)
    }


def lines_traced_from_the_start(folder: Path, kind: str) -> set[int]:
    """Return the lines of the service that the same client has it run under `pykcov run`."""
    traced = ("-m", "pykcov", "run", "-o", "whole.npz", "--source", str(SERVICE.parent))
    with serving(kind, folder, *traced) as (process, path):
        with Client(path) as client:
            while client.answers < 100 and not client.wrong:
                time.sleep(0.01)
        (child,) = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
        os.kill(int(child), signal.SIGKILL)
        process.wait(60)
    (folder / "socket").unlink()
    return {*TraceFile.load(folder / "whole.npz").lines()[str(SERVICE)]}


SERVING = ("double", "make_adder", "add", "answer", "slowly", "handle", "converse")
"""What each request calls anew; the rest of the service has begun once, long before."""


@pytest.mark.parametrize("kind", ["threads", "asyncio"])
def test_a_service_is_traced_and_does_not_notice(tmp_path: Path, kind: str) -> None:
    cycles = int(os.environ.get("PYKCOV_CYCLES", "3"))
    expected = lines_traced_from_the_start(tmp_path, kind) & lines_of(*SERVING)
    assert len(expected) > 10
    with serving(kind, tmp_path) as (process, path), Client(path) as client:
        before = client.ask("codes")
        for _ in range(cycles):
            answers = client.answers
            attached = attach(tmp_path, str(process.pid), "--seconds", "0.5", "--source", str(SERVICE.parent))
            status, error = said(attached)
            assert status == 0, error
            assert client.answers > answers
            trace = TraceFile.load(tmp_path / "pykcov.npz")
            assert {*trace.lines()[str(SERVICE)]} == expected
            assert sum(map(len, trace.threads)) > 0
            # What runs a while ends with its next request: connections are closed by the client.
            deadline = time.monotonic() + 30
            while client.ask("codes") != before:
                assert time.monotonic() < deadline, (before, client.ask("codes"))
                time.sleep(0.05)
        assert process.poll() is None
    assert client.wrong == []


def test_comparisons_and_order_can_be_asked_for(tmp_path: Path) -> None:
    with serving("threads", tmp_path) as (process, path), Client(path):
        words = [str(process.pid), "--seconds", "0.5", "--source", str(SERVICE.parent)]
        assert said(attach(tmp_path, *words, "--mode", "cmp-bytes"))[0] == 0
        trace = TraceFile.load(tmp_path / "pykcov.npz")
        pairs = {(one.operand1, one.op) for thread in trace.threads for _, one in trace.comparisons(thread)}
        assert ("codes", "==") in pairs
        assert said(attach(tmp_path, *words, "--mode", "pc"))[0] == 0
        trace = TraceFile.load(tmp_path / "pykcov.npz")
        assert any(len(thread) > len({*thread.pcs}) for thread in trace.threads)


def test_ctrl_c_ends_it_and_the_trace_is_written(tmp_path: Path) -> None:
    with serving("threads", tmp_path) as (process, path), Client(path) as client:
        attached = attach(tmp_path, str(process.pid), "--source", str(SERVICE.parent))
        before = client.ask("codes")
        while client.ask("codes") == before:
            assert attached.poll() is None
            time.sleep(0.02)
        time.sleep(0.2)
        attached.send_signal(signal.SIGINT)
        status, error = said(attached)
        assert status == 0, error
        assert TraceFile.load(tmp_path / "pykcov.npz").lines()


def test_a_process_goes_on_untraced_when_whoever_attached_is_killed(tmp_path: Path) -> None:
    with serving("threads", tmp_path) as (process, path), Client(path) as client:
        before = client.ask("codes")
        attached = attach(tmp_path, str(process.pid), "--source", str(SERVICE.parent))
        while client.ask("codes") == before:
            assert attached.poll() is None
            time.sleep(0.02)
        attached.kill()
        attached.communicate()
        deadline = time.monotonic() + 30
        while client.ask("codes") != before:
            assert time.monotonic() < deadline
            time.sleep(0.05)
    assert client.wrong == []


def test_a_second_one_is_refused(tmp_path: Path) -> None:
    with serving("threads", tmp_path) as (process, path), Client(path) as client:
        before = client.ask("codes")
        first = attach(tmp_path, str(process.pid), "--source", str(SERVICE.parent))
        while client.ask("codes") == before:
            assert first.poll() is None
            time.sleep(0.02)
        status, error = said(attach(tmp_path, str(process.pid), "-o", "second.npz", "--seconds", "0"))
        assert (status, "it is attached to already" in error) == (2, True), error
        first.send_signal(signal.SIGTERM)
        assert said(first)[0] == 0


def test_a_process_that_ends_meanwhile_leaves_its_trace(tmp_path: Path) -> None:
    with serving("threads", tmp_path) as (process, path):
        with Client(path) as client:
            before = client.ask("codes")
            attached = attach(tmp_path, str(process.pid), "--source", str(SERVICE.parent))
            while client.ask("codes") == before:
                assert attached.poll() is None
                time.sleep(0.02)
            time.sleep(0.2)
            process.kill()
        status, error = said(attached)
        assert status == 0, error
        assert "ended, or did not answer" in error
        assert TraceFile.load(tmp_path / "pykcov.npz").lines()


def test_a_program_under_pykcov_run_is_refused(tmp_path: Path) -> None:
    with serving("threads", tmp_path, "-m", "pykcov", "run") as (process, _):
        (child,) = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
        status, error = said(attach(tmp_path, child, "--seconds", "0"))
        assert (status, "uses pykcov itself, or runs under" in error) == (2, True), error
        os.kill(int(child), signal.SIGKILL)


def test_a_process_that_does_not_answer_is_said(tmp_path: Path) -> None:
    with serving("silent", tmp_path) as (process, _):
        process.send_signal(signal.SIGSTOP)
        time.sleep(0.2)
        status, error = said(attach(tmp_path, str(process.pid), "--seconds", "0"))
        assert (status, "is stopped, by a signal or a debugger" in error) == (2, True), error


@pytest.mark.parametrize(
    ("pid", "words"),
    [
        (str(2**22 + 1), "No such file or directory"),
        ("0", "0 is not in the range"),
    ],
)
def test_no_process_is_said(tmp_path: Path, pid: str, words: str) -> None:
    status, error = said(attach(tmp_path, pid, "--seconds", "0"))
    assert (status, words in error) == (2, True), error


def test_a_process_that_is_no_python_is_said(tmp_path: Path) -> None:
    with subprocess.Popen(["sleep", "100"]) as process:
        try:
            status, error = said(attach(tmp_path, str(process.pid), "--seconds", "0"))
            assert status == 2, error
            assert error.count("\n") == 1
            assert process.poll() is None
        finally:
            process.kill()


before_remote_execution = pytest.mark.skipif(sys.version_info >= (3, 14), reason="CPython has sys.remote_exec()")


@before_remote_execution
def test_a_process_that_is_traced_already_is_said(tmp_path: Path) -> None:
    with serving("threads", tmp_path) as (process, path), Client(path) as client:
        ptrace.seize_thread(process.pid)
        status, error = said(attach(tmp_path, str(process.pid), "--seconds", "0"))
        assert (status, "strace or the like traces it already" in error) == (2, True), error
    assert client.wrong == []


@before_remote_execution
def test_computing_and_signals_go_on_as_if_nothing_had_been(tmp_path: Path) -> None:
    """Stopped anywhere: registers for numbers and vectors are as before, interrupted calls go on, no signal is lost."""
    done = tmp_path / "done"
    with subprocess.Popen([sys.executable, str(SERVICE.with_name("computing.py")), str(done)], text=True) as process:
        try:
            while not (tmp_path / "done.begun").exists():
                assert process.poll() is None
                time.sleep(0.02)
            for number in range(300):
                run_in(process.pid, f"with open({str(tmp_path / 'ran')!r}, 'a') as file: file.write('{number}\\n')")
                time.sleep(0.005)
            ended = time.monotonic() + 60
            while len((tmp_path / "ran").read_text().split()) < 300:
                assert time.monotonic() < ended
                time.sleep(0.02)
            (tmp_path / "done.end").touch()
            assert process.wait(60) == 0
        finally:
            process.kill()
    assert (tmp_path / "ran").read_text().split() == [str(number) for number in range(300)]
    wrong, alarms, names = ast.literal_eval(done.read_text())
    assert wrong == 0
    assert alarms > 100
    assert names == []


@before_remote_execution
@pytest.mark.parametrize("code", ["raise SystemError", "def f(", "1/0"])
def test_code_that_fails_leaves_the_process_as_it_was(tmp_path: Path, code: str) -> None:
    with serving("threads", tmp_path) as (process, path), Client(path) as client:
        run_in(process.pid, code)
        answers = client.answers
        while client.answers < answers + 100:
            time.sleep(0.01)
    assert client.wrong == []
