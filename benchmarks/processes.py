"""The worker processes of one workload, one for each configuration, that take turns."""

import contextlib
import json
import os
import socket
import subprocess
import sys
import tempfile
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from measurements import Results

WORKER = Path(__file__).with_name("worker.py")
# Longer than the slowest tracer needs to answer; what takes longer hangs.
TIMEOUT_SECONDS = 600


class Failed(Exception):
    """A worker ended or hangs; the message is what it last wrote."""


class Process:
    """A worker process and the socket to it."""

    def __init__(self, workload: str, configuration: str, iterations: int, parts: int, cpu: int | None) -> None:
        """`iterations`: 0 is a workload's own number, divided by `parts`; `cpu`: the processor to run on, None: any."""
        self._connection, theirs = socket.socketpair()
        self._connection.settimeout(TIMEOUT_SECONDS)
        self._answers = self._connection.makefile("r", encoding="utf-8")
        self._output = tempfile.TemporaryFile()  # noqa: SIM115
        self._process = subprocess.Popen(
            [sys.executable, str(WORKER), str(theirs.fileno()), workload, configuration, str(iterations), str(parts)],
            pass_fds=[theirs.fileno()],
            stdin=subprocess.DEVNULL,
            stdout=self._output,
            stderr=subprocess.STDOUT,
            env={**os.environ, "PYTHONHASHSEED": "0"},
        )
        theirs.close()
        if cpu is not None:
            os.sched_setaffinity(self._process.pid, {cpu})

    def receive(self) -> dict[str, Any]:
        """Wait for the next answer."""
        try:
            line = self._answers.readline()
        except OSError:
            line = ""
        if line:
            return dict(json.loads(line))
        self._output.seek(0)
        output = self._output.read().decode(errors="replace").strip()
        raise Failed(output[-1000:] or "ended, or hangs, without a word")

    def ask(self, command: str) -> dict[str, Any]:
        """Send a command and wait for its answer."""
        with contextlib.suppress(OSError):  # it has ended: receive() says how
            self._connection.sendall(command.encode() + b"\n")
        return self.receive()

    def close(self) -> None:
        """Let the worker end; kill it if it does not."""
        self._answers.close()
        self._connection.close()
        try:
            self._process.wait(5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._output.close()


class Team:
    """One process for each configuration that works here. Failures go into the results; who fails leaves the team."""

    def __init__(self, workload: str, results: Results, iterations: int, parts: int, cpu: int | None) -> None:
        """Start the processes, one after the other: each imports, instruments and warms up."""
        self._workload = workload
        self._results = results
        self._processes: dict[str, Process] = {}
        for name in results.configurations:
            cell = results.cell(workload, name)
            if cell.problem or cell.missing:
                continue
            self._processes[name] = Process(workload, name, iterations, parts, cpu)
            answer = self._ask(name, None)
            cell.functions = answer.get("ready", 0)
            cell.missing = answer.get("unavailable", "")
            if cell.missing:
                self._processes.pop(name).close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for process in self._processes.values():
            process.close()

    def measure(self, first: int) -> dict[str, dict[str, int]]:
        """One round: everybody measures once, in turn; `first` says who begins."""
        names = list(self._processes)
        first %= max(1, len(names))
        answers = {name: self._ask(name, "measure") for name in names[first:] + names[:first]}
        return {name: answer for name, answer in answers.items() if answer}

    def parts(self) -> None:
        """Ask everybody what a run consists of."""
        for name in list(self._processes):
            self._results.cell(self._workload, name).parts.update(self._ask(name, "parts"))

    def _ask(self, name: str, command: str | None) -> dict[str, Any]:
        process = self._processes[name]
        try:
            return process.receive() if command is None else process.ask(command)
        except Failed as error:
            self._results.cell(self._workload, name).problem = str(error)
            self._processes.pop(name).close()
            return {}
