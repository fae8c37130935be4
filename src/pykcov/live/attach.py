"""Traces a process that runs already, from the outside: has it run live/inject.py, and keeps its buffers."""

import os
import select
import shlex
import signal
import socket as sockets
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pykcov.live.call import CallError, run_in
from pykcov.modes import compares
from pykcov.program.buffers import Buffers
from pykcov.program.channel import packets
from pykcov.program.options import split
from pykcov.program.recording import trace_file
from pykcov.program.supervisor import End, Request
from pykcov.traces.records import COMPARISON_WORDS
from pykcov.traces.tracefile import TraceFile

_INJECTED = Path(__file__).with_name("inject.py")
_FOLDER = Path(__file__).parents[2]
"""Where pykcov is, for the process to import it."""
_PATIENCE = 10.0
"""Seconds in which a process answers. One that runs no Python code, as it waits for something, does not."""


class AttachError(Exception):
    """A process cannot be traced; says which and why. It is as it was."""


def attach(pid: int, choice: Mapping[str, Any], seconds: float | None) -> tuple[TraceFile, list[str]]:
    """Trace process `pid` for so many seconds, None: until SIGINT or SIGTERM, or until it ends.

    choice: mode, granularity, include, exclude, source, stdlib and nmemb of a Request. Returns the trace, and in words
    what is missing in it. Raises AttachError.
    """
    command = _command(pid)
    _check(pid)
    folder = os.readlink(f"/proc/{pid}/cwd")
    program, *arguments = split(command)[1] or [""]
    request = Request(program=program, kind="path", arguments=arguments, **choice)
    started = datetime.now(UTC)
    with _listening(pid) as listener:
        _inject(pid)
        connection = _accepted(listener, pid)
    buffers = Buffers(connection, COMPARISON_WORDS if compares(request.mode) else 1, request.nmemb, follows=False)
    states = _States()
    buffers.on_state = states.tell
    reader = threading.Thread(target=buffers.run, args=(pid, shlex.join(request.command)), name="pykcov buffers")
    reader.start()
    ended = os.pidfd_open(pid)
    try:
        for packet in packets(request._asdict() | {"source": [os.path.abspath(name) for name in request.source]}, 0):
            connection.send(packet)
        with _stopped_by_signals() as stop:
            states.wait("begun", ended, stop)
            if not states.refused:
                select.select([ended, stop], [], [], seconds)
                with suppress(OSError):
                    for packet in packets(("end",), 1):
                        connection.send(packet)
                states.wait("ended", ended)
    except ConnectionError:
        pass  # it has ended
    finally:
        os.close(ended)
        buffers.stop(0)
        reader.join()
        buffers.close()
    if states.refused:
        raise AttachError(f"process {pid}: {states.refused}")
    remarks = []
    if "begun" not in states.seen:
        raise AttachError(f"process {pid} ended before it was traced")
    if "ended" not in states.seen:
        remarks.append("the process ended, or did not answer any longer, while it was traced")
    return trace_file(request, End(0, False), buffers, folder, started), remarks


class _States:
    """How far the process is, told by the thread that reads its messages."""

    def __init__(self) -> None:
        self.seen: set[str] = set()
        self.refused = ""
        self._read, self._write = os.pipe()

    def tell(self, state: str, reason: str) -> None:
        self.seen.add(state)
        if state == "refused":
            self.refused = reason
        os.write(self._write, b"\0")

    def wait(self, state: str, *others: int) -> None:
        """Wait until the process is so far, or has refused, or one of `others` can be read."""
        while state not in self.seen and not self.refused:
            ready = select.select([self._read, *others], [], [])[0]
            if self._read not in ready:
                return
            os.read(self._read, 1)


def _command(pid: int) -> list[str]:
    try:
        words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")[:-1]
    except OSError as error:
        raise AttachError(f"process {pid}: {_why(error)}") from error
    return [word.decode("utf-8", "surrogateescape") for word in words] or [""]


def _check(pid: int) -> None:
    """Find out what would go wrong, before anything of the process is touched."""
    if pid == os.getpid():
        raise AttachError(f"process {pid} is this one")
    # The name of the process, which anybody may have set, is in there, too.
    lines = Path(f"/proc/{pid}/status").read_text("utf-8", "replace").splitlines()
    status = dict(line.split(":\t", 1) for line in lines if ":\t" in line)
    if len(status.get("NSpid", "").split()) > len(_own_pids()):
        raise AttachError(f"process {pid} is in another PID namespace, as in a container: run pykcov there")
    if status.get("State", "").startswith(("Z", "X")):
        raise AttachError(f"process {pid} has ended")
    if status.get("State", "").startswith(("T", "t")):
        raise AttachError(f"process {pid} is stopped, by a signal or a debugger: let it go on first")


def _own_pids() -> Sequence[str]:
    lines = Path("/proc/self/status").read_text("utf-8", "replace").splitlines()
    return next((line.split()[1:] for line in lines if line.startswith("NSpid:")), [""])


@contextmanager
def _listening(pid: int) -> Iterator[sockets.socket]:
    with sockets.socket(sockets.AF_UNIX, sockets.SOCK_SEQPACKET) as listener:
        try:
            listener.bind(f"\0pykcov-attach-{pid}")
        except OSError as error:
            raise AttachError(f"process {pid}: another `pykcov attach` is about to attach to it") from error
        listener.listen(1)
        listener.settimeout(_PATIENCE)
        yield listener


def _inject(pid: int) -> None:
    try:
        if sys.version_info >= (3, 14):
            sys.remote_exec(pid, os.fspath(_INJECTED))
        else:
            run_in(pid, _INJECTED.read_text())
    except PermissionError as error:
        raise AttachError(
            f"process {pid}: no permission to trace it: it is another user's, or the kernel's ptrace_scope forbids "
            "it; run pykcov as root"
        ) from error
    except (RuntimeError, OSError, CallError) as error:
        raise AttachError(f"process {pid}: {_why(error)}") from error


def _why(error: Exception) -> str:
    return " ".join(str(error.strerror if isinstance(error, OSError) and error.strerror else error).split())


def _accepted(listener: sockets.socket, pid: int) -> sockets.socket:
    """Return the connection of the process, when its thread has begun."""
    try:
        while True:
            connection, _ = listener.accept()
            peer = connection.getsockopt(sockets.SOL_SOCKET, sockets.SO_PEERCRED, 12)
            if int.from_bytes(peer[:4], sys.byteorder) == pid:
                break
            connection.close()
    except TimeoutError:
        raise AttachError(
            f"process {pid} does not answer within {_PATIENCE:.0f} seconds: its main thread runs no Python code, as it "
            "waits in C code for something, or remote debugging is disabled in it. It is not traced, and will not be "
            "later"
        ) from None
    connection.send(os.fsencode(_FOLDER))
    connection.settimeout(_PATIENCE * 3)
    try:
        answer = connection.recv(1 << 16, sockets.MSG_PEEK)
    except (TimeoutError, ConnectionError) as error:
        raise AttachError(f"process {pid} does not go on: {_why(error)}") from None
    if answer[8:9] not in (b"\0", b"\1"):  # no message of the channel
        connection.close()
        reason = answer.decode("utf-8", "replace") or "it ended"
        raise AttachError(f"process {pid} cannot load pykcov: {reason}")
    connection.setblocking(False)
    return connection


@contextmanager
def _stopped_by_signals() -> Iterator[int]:
    """Give a descriptor that can be read after SIGINT or SIGTERM, which do nothing else meanwhile."""
    stop_read, stop_write = os.pipe()
    os.set_blocking(stop_write, False)

    def note(number: int, frame: object) -> None:
        with suppress(BlockingIOError):
            os.write(stop_write, b"\0")

    former = {number: signal.signal(number, note) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stop_read
    finally:
        for number, handler in former.items():
            signal.signal(number, handler)
        os.close(stop_read)
        os.close(stop_write)
