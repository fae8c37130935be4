"""Starts a program under trace, waits for it and passes signals on to it."""

import _socket as sockets  # the module socket imports much
import os
import shlex
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Sequence, Set
from contextlib import contextmanager, suppress
from fcntl import F_DUPFD, fcntl
from typing import TYPE_CHECKING, Literal, NamedTuple, Protocol

from pykcov.modes import RunMode, compares
from pykcov.program.buffers import Buffers
from pykcov.program.channel import packets
from pykcov.program.options import interpreter_options, skips_first_line, without
from pykcov.traces.records import COMPARISON_WORDS

if TYPE_CHECKING:
    from pykcov.instrument.sites import Granularity

_BOOTSTRAP = os.path.join(os.path.dirname(os.path.abspath(__file__)), "start", "pykcov-bootstrap.py")
# What users, shells and service managers send to a program they started.
_PASSED_ON: Set[int] = {signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT, signal.SIGUSR1, signal.SIGUSR2}
# Python ignores these; what it starts gets them as it found them, as far as it can know.
_IGNORED_BY_PYTHON = [signal.SIGPIPE, signal.SIGXFSZ]
# How often to look for signals once the program has ended.
_LOOK_SECONDS = 0.1


Kind = Literal["path", "module", "code", "input"]


class Request(NamedTuple):
    """What to run, and what to trace of it."""

    program: str
    """Path of a script, folder or zip file, the name of a module, or code."""
    kind: Kind
    """How Python is told of it: by path, by -m, by -c, or, for code on standard input, by '-'."""
    arguments: Sequence[str]
    mode: RunMode
    granularity: "Granularity"
    include: Sequence[str]
    exclude: Sequence[str]
    source: Sequence[str]
    stdlib: bool
    nmemb: int
    packages: Sequence[str] = ()
    """Modules and packages that are traced like `source`."""
    include_files: Sequence[str] = ()
    omit_files: Sequence[str] = ()
    elsewhere: bool = False
    """These three as in Selection."""
    kernel: bool = False
    """Whether to record what the kernel does for each thread, too, in the same buffers."""
    children: bool = True
    """Whether to trace the processes that the program starts, too."""
    wait: bool = False
    """Whether to wait for those that outlive it."""

    @property
    def command(self) -> list[str]:
        """The program and its arguments as Python takes them."""
        return [*{"module": ["-m"], "code": ["-c"]}.get(self.kind, []), self.program, *self.arguments]


class End(NamedTuple):
    """How the program ended."""

    exit_status: int
    """-N if signal N ended it."""
    had_children: bool
    """Whether it waited for a process that it had started."""


class Watch(Protocol):
    """Looks at the buffers of a run while that goes on."""

    @property
    def terminal(self) -> str:
        """The path of a terminal that the program gets instead of ours, and a session of its own with it; '': none."""

    @property
    def replaced(self) -> Sequence[int]:
        """Which of the first three descriptors are that terminal."""

    def look(self, buffers: Buffers, wait: Callable[[], End]) -> End:
        """Call `wait`, which returns when the program has ended, in whatever thread; return what that has returned."""


def run(request: Request, watch: Watch | None = None) -> tuple[End, Buffers]:
    """Run the program until it ends. No code of it runs in this process. OSError if Python cannot be started."""
    ours, theirs = sockets.socketpair(sockets.AF_UNIX, sockets.SOCK_SEQPACKET)
    entry_words = COMPARISON_WORDS if compares(request.mode) else 1
    buffers = Buffers(
        ours, entry_words, request.nmemb, request.children, is_watched=watch is not None, waits=request.wait
    )
    # Its children may be somewhere else.
    folders = [os.path.abspath(folder) for folder in request.source]
    buffers.request = {**request._asdict(), "source": folders}
    try:
        with _blocked(_PASSED_ON | {signal.SIGCHLD}) as former_mask:
            try:
                pid = _start(request, theirs, watch)
            finally:
                theirs.close()
            _raise_limits()
            reader = threading.Thread(
                target=buffers.run, args=(pid, shlex.join(request.command)), name="pykcov buffers"
            )
            reader.start()
            _describe(request, former_mask, ours, buffers.address)
            end = End(0, False)
            try:
                end = _wait(pid) if watch is None else watch.look(buffers, lambda: _wait(pid, bool(watch.terminal)))
            except BaseException:
                buffers.waits = False
                raise
            finally:
                buffers.stop(end.exit_status)
                _wait_for_others(reader, buffers)
    finally:
        buffers.close()
    return end, buffers


def _start(request: Request, connection: sockets.socket, watch: Watch | None) -> int:
    # Not one of the first three numbers, even if they are free: the program would take it for its standard input.
    inherited = fcntl(connection.fileno(), F_DUPFD, 3)
    try:
        # -x would skip the first line of ours.
        options = without("x", interpreter_options(sys.orig_argv))
        words = [*options, _BOOTSTRAP, str(inherited), *request.command]
        actions: list[tuple[int, int, str, int, int]] = []
        if watch is not None:
            # Opened by who leads a session without one, it becomes the terminal of the session.
            actions = [(os.POSIX_SPAWN_OPEN, each, watch.terminal, os.O_RDWR, 0) for each in watch.replaced]
        return os.posix_spawn(
            sys.executable,
            [sys.executable, *words],
            os.environ,
            file_actions=actions,
            setsid=bool(actions),
            setsigdef=_IGNORED_BY_PYTHON,
        )
    finally:
        os.close(inherited)


def _raise_limits() -> None:
    """Go as far as may be where the user has limited the program, which has started with these limits."""
    # Not before the program has started: it loads a library.
    import resource

    # The last is for the sockets of processes that it starts.
    for limit in (
        resource.RLIMIT_AS,
        resource.RLIMIT_DATA,
        resource.RLIMIT_CPU,
        resource.RLIMIT_FSIZE,
        resource.RLIMIT_NOFILE,
    ):
        soft, hard = resource.getrlimit(limit)
        if soft != hard:
            with suppress(OSError, ValueError):
                resource.setrlimit(limit, (hard, hard))


def _describe(request: Request, signal_mask: Set[int], connection: sockets.socket, address: str) -> None:
    """Send what child.main() waits for."""
    options = interpreter_options(sys.orig_argv)
    details = {
        **request._asdict(),
        "signal_mask": [int(number) for number in signal_mask],
        "orig_argv": [sys.executable, *options, *request.command],
        "skip_first_line": skips_first_line(),
        "address": address,
    }
    try:
        for packet in packets(details, 0):
            connection.send(packet)
    except ConnectionError:
        pass  # it has ended, which is found out soon


def die_by(number: int) -> None:
    """End this process by a signal, as the program did, without a second core dump. Returns if that is not possible."""
    # Not before: few programs die by a signal.
    import resource

    try:
        resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))
        if number not in (signal.SIGKILL, signal.SIGSTOP):
            signal.signal(number, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, [number])
        os.kill(os.getpid(), number)
    except (OSError, ValueError):
        pass


@contextmanager
def _blocked(signals: Set[int]) -> Iterator[Set[int]]:
    """Have signals wait for sigwaitinfo(), in this thread and those it starts; gives the former mask."""
    if signal.getsignal(signal.SIGCHLD) == signal.SIG_IGN:
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)  # else the end of the program could not be waited for
    former = signal.pthread_sigmask(signal.SIG_BLOCK, signals)
    try:
        yield former
    finally:
        while signal.sigtimedwait(signals - former, 0) is not None:
            pass  # they were for the program, which has ended
        signal.pthread_sigmask(signal.SIG_SETMASK, former)


def _wait(pid: int, has_own_terminal: bool = False) -> End:
    while os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
        received = signal.sigwaitinfo(_PASSED_ON | {signal.SIGCHLD})
        # A terminal sends to the program as well (si_code > 0), and what the program sends is not for itself. Its own
        # terminal, if it has one, goes away when ours does, and tells it then.
        from_outside = received.si_code <= 0 or (has_own_terminal and received.si_signo != signal.SIGHUP)
        if received.si_signo != signal.SIGCHLD and from_outside and received.si_pid != pid:
            os.kill(pid, received.si_signo)
    had_children = _waited_for_children(pid)
    _, status = os.waitpid(pid, 0)
    return End(os.waitstatus_to_exitcode(status), had_children)


def _wait_for_others(reader: threading.Thread, buffers: Buffers) -> None:
    """Wait until `reader` has read all; as long as processes outlive the program, if they are waited for."""
    while reader.is_alive():
        reader.join(_LOOK_SECONDS)
        if signal.sigtimedwait(_PASSED_ON, 0) is not None:
            buffers.waits = False


def _waited_for_children(pid: int) -> bool:
    """Whether an ended process had waited for children: then their page faults were added to its account."""
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as file:
            return int(file.read().rpartition(")")[2].split()[8]) > 0
    except OSError:
        return False
