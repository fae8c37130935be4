"""A harness that stays loaded: one process runs it up to its Fuzz(), and forks others that fuzz or measure.

So what takes long, importing and instrumenting, is done once, and each of the others begins in the same state. Messages
go over a socket that keeps their bounds; descriptors travel with them. Who asks (Loaded) says which settings a forked
process is to have, and is told its process id; that process stays a zombie until it is waited for, so that its
id is nobody else's.
"""

import _thread
import gc
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from typing import IO, Any, NoReturn

from pykcov._core import probe_count
from pykcov.fuzz import jobs, sanitizers
from pykcov.fuzz.harness import Harness
from pykcov.fuzz.settings import Settings
from pykcov.fuzz.watch import Forked, family, kill

_MESSAGE_MAX = 1 << 17
_DESCRIPTORS_MAX = 4
_SECONDS_TO_LOAD = 120.0


class NotLoadedError(Exception):
    """The harness cannot be run: says what it wrote, or what became of its process."""

    def __init__(self, message: str, *, killed: bool = False) -> None:
        """killed: somebody has ended its process, so that it may go better another time."""
        super().__init__(message)
        self.killed = killed


class Loaded:
    """The process that has loaded a harness, seen from outside. A context manager; not for several threads at once."""

    def __init__(self, settings: Settings, folder: str, seconds: float = _SECONDS_TO_LOAD) -> None:
        """Start it in a folder and wait until the harness is loaded. Raises NotLoadedError."""
        self.reports = jobs.make_folder()
        """Where reports of sanitizers go."""
        self.processor = 0.0
        """Seconds of processor time: of loading, and of the forked processes that were waited for."""
        self._connection, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._errors = os.fdopen(os.memfd_create("pykcov-loading"), "w+b", 0)
        settings = settings._replace(loaded=theirs.fileno())
        try:
            self._process = subprocess.Popen(
                settings.command_line(),
                cwd=folder,
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=self._errors,
                stderr=self._errors,
                env=sanitizers.environment(self.reports),
                # Ctrl-C is for who runs the campaign.
                start_new_session=True,
            )
        except OSError as error:
            self._connection.close()
            jobs.remove_folder(self.reports)
            raise NotLoadedError(f"{folder}: {error.strerror}") from error
        finally:
            theirs.close()
        try:
            told, (descriptor,) = self._receive(seconds)
        except NotLoadedError:
            self.close()
            raise
        with os.fdopen(descriptor, "rb") as file:
            self.places: list[list[Any]] = json.load(file)
            """Rows of reaching.places_of(), by number: all that has a probe by now."""
        self.processor = told["processor"]
        self.version: str = told["version"]
        """Stands for all code that has probes: the same on each machine that has the same."""
        self.python: str = told["python"]
        self.threads: int = told["threads"]
        """Threads that the harness has started already, which no forked process has."""

    def __enter__(self) -> "Loaded":
        """Return it."""
        return self

    def __exit__(self, *_: object) -> None:
        """End it."""
        self.close()

    def start(self, settings: Settings, descriptors: Sequence[int], errors: IO[bytes] | None) -> Forked:
        """Fork a process that does what settings say, whose descriptors it gets. Raises NotLoadedError.

        errors: takes what it writes to standard error.
        """
        self._discard_output()
        passed = [*descriptors, self._errors.fileno() if errors is None else errors.fileno()]
        message = {"settings": settings._asdict(), "descriptors": list(descriptors)}
        try:
            socket.send_fds(self._connection, [json.dumps(message).encode()], passed)
        except OSError as error:
            raise NotLoadedError(f"the process of the harness is gone: {error.strerror}", killed=True) from error
        return Forked(self._receive(30)[0]["pid"], self.reap)

    def reap(self, pid: int) -> int:
        """Wait for a forked process; return its exit code, as if it was killed if that cannot be known."""
        try:
            self._connection.send(json.dumps({"wait": pid}).encode())
            told, _ = self._receive(None)
            self.processor += told["processor"]
            return int(told["status"])
        except (OSError, NotLoadedError):
            return -signal.SIGKILL

    def close(self) -> None:
        """End it, and all that it has started."""
        self._connection.close()
        try:
            self._process.wait(0.2)
        except subprocess.TimeoutExpired:
            kill(family(self._process.pid))
            self._process.wait()
        self._errors.close()
        jobs.remove_folder(self.reports)

    def _receive(self, seconds: float | None) -> tuple[dict[str, Any], list[int]]:
        self._connection.settimeout(seconds)
        try:
            message, descriptors, _, _ = socket.recv_fds(self._connection, _MESSAGE_MAX, _DESCRIPTORS_MAX)
        except TimeoutError:
            raise NotLoadedError(f"the harness was not loaded within {seconds:.0f} seconds") from None
        except OSError as error:
            raise NotLoadedError(f"the process of the harness is gone: {error.strerror}", killed=True) from error
        if not message:
            code = self._process.wait()
            raise NotLoadedError(self._last_words(code), killed=code < 0)
        return json.loads(message), descriptors

    def _discard_output(self) -> None:
        self._errors.seek(0)
        self._errors.truncate()

    def _last_words(self, code: int) -> str:
        self._errors.seek(0)
        said = self._errors.read().decode("utf-8", "replace").strip()
        return said or f"the harness ended before it fuzzed, with exit code {code}"


def serve(harness: Harness, settings: Settings, run: Callable[[Harness, Settings], NoReturn]) -> NoReturn:
    """Fork processes that run `run` until the other end is closed, in the process that has run the harness."""
    # Not before: who asks does not need it.
    from pykcov.fuzz import campaign, preloading, reaching

    assert settings.loaded is not None
    preloading.preload(harness.target)
    if not probe_count():
        campaign.end_without_probes()
    connection = socket.socket(fileno=settings.loaded)
    rows = reaching.places_of(0, probe_count())
    descriptor = os.memfd_create("pykcov-places")
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        json.dump(rows, file)
        file.flush()
        file.seek(0)
        told = {
            "version": reaching.version_of(rows),
            "python": sys.version.split()[0],
            "processor": time.process_time(),
            # Those that Python has started; libraries take care of their own.
            "threads": _thread._count(),
        }
        socket.send_fds(connection, [json.dumps(told).encode()], [descriptor])
    gc.freeze()  # so that a collection in a forked process does not copy all pages
    child = 0
    try:
        while message := _next(connection):
            asked, descriptors = message
            if "wait" in asked:
                _, status, usage = os.wait4(asked["wait"], 0)
                child = 0
                told = {"status": os.waitstatus_to_exitcode(status), "processor": usage.ru_utime + usage.ru_stime}
                connection.send(json.dumps(told).encode())
                continue
            child = os.fork()
            if child == 0:
                connection.close()
                _become(harness, asked, descriptors, run)
            for each in descriptors:
                os.close(each)
            connection.send(json.dumps({"pid": child}).encode())
    except OSError:
        pass  # who asked is gone
    finally:
        if child:
            kill(family(child))
    os._exit(0)


def _next(connection: socket.socket) -> tuple[dict[str, Any], list[int]] | None:
    message, descriptors, _, _ = socket.recv_fds(connection, _MESSAGE_MAX, _DESCRIPTORS_MAX)
    return (json.loads(message), descriptors) if message else None


def _become(
    harness: Harness, asked: dict[str, Any], descriptors: list[int], run: Callable[[Harness, Settings], NoReturn]
) -> NoReturn:
    """Do what a forked process is for."""
    # Not before: who asks does not need it.
    from pykcov.fuzz import _engine

    _engine.end_with(os.getppid())
    nowhere = os.open(os.devnull, os.O_RDWR)
    os.dup2(nowhere, 1)
    os.dup2(descriptors[-1], 2)
    os.close(nowhere)
    os.close(descriptors[-1])
    # The same files, which have other numbers here.
    numbers = dict(zip(asked["descriptors"], descriptors, strict=False))
    told = asked["settings"] | {"parent": os.getppid(), "loaded": None}
    told |= {name: numbers.get(told[name]) for name in ("statistics", "dump", "seen")}
    settings = Settings(**told)
    run(harness._replace(arguments=[*harness.arguments, *settings.arguments]), settings)
