"""`pykcov run --live`: shows a run while it goes on, as a view on a terminal, in lines anywhere else."""

import os
import shlex
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from datetime import datetime

from pykcov.live.plain import print_lines
from pykcov.live.sampling import Sampler
from pykcov.live.terminal import Terminal
from pykcov.modes import compares
from pykcov.program.buffers import Buffers
from pykcov.program.recording import trace_file
from pykcov.program.supervisor import End, Request
from pykcov.traces.texts import printable, shown


class NoTextualError(Exception):
    """Textual, which draws the view, is not installed."""

    def __init__(self) -> None:
        """Say what to do."""
        super().__init__("--live on a terminal needs Textual: pip install 'pykcov[live]'")


class Live:
    """A Watch (program/supervisor.py) for one run."""

    def __init__(self, request: Request, target: str, folder: str, started: datetime) -> None:
        """Prepare for a run that began at `started` in `folder`; traces written meanwhile are named after `target`.

        Raises NoTextualError, and OSError if there is no pseudo-terminal.
        """
        self._request = request
        self._target = target
        self._folder = folder
        self._started = started
        self._terminal: Terminal | None = None
        if os.isatty(0) and os.isatty(2) and os.environ.get("TERM", "dumb") != "dumb":
            try:
                # Now, before the program runs; not before, as lines need nothing of it.
                import pykcov.live.view  # noqa: F401
            except ImportError as error:
                raise NoTextualError from error
            self._terminal = Terminal()

    @property
    def terminal(self) -> str:
        """The path of the program's terminal; '': it has ours."""
        return self._terminal.path if self._terminal is not None else ""

    @property
    def replaced(self) -> Sequence[int]:
        """Which descriptors of the program are its terminal."""
        return self._terminal.replaced if self._terminal is not None else ()

    def look(self, buffers: Buffers, wait: Callable[[], End]) -> End:
        """Show the run until `wait`, called in another thread, returns."""
        waiting: Future[End] = Future()

        def work() -> None:
            try:
                waiting.set_result(wait())
            except BaseException as error:
                waiting.set_exception(error)

        threading.Thread(target=work, name="pykcov wait").start()
        if self._terminal is None:
            ended = threading.Event()
            waiting.add_done_callback(lambda _: ended.set())
            print_lines(Sampler(buffers, compares(self._request.mode)), compares(self._request.mode), ended)
        else:
            self._show(self._terminal, buffers, waiting)
        return waiting.result()

    def _show(self, terminal: Terminal, buffers: Buffers, waiting: "Future[End]") -> None:
        # Loaded in __init__() already.
        from pykcov.live.view import View

        terminal.start()
        try:
            is_comparing = compares(self._request.mode)
            command = printable(shlex.join(self._request.command))
            sampler = Sampler(buffers, is_comparing)
            view = View(command, sampler, terminal, lambda: self._write(buffers), is_comparing, waiting.done)
            with _handlers_put_back():
                view.run()
        finally:
            ended_read, ended_write = os.pipe()
            waiting.add_done_callback(lambda _: os.close(ended_write))
            terminal.hand_over(ended_read)
            os.close(ended_read)

    def _write(self, buffers: Buffers) -> str:
        """Write a trace of what there is so far, beside those that were written before; say where, or why not."""
        base, suffix = os.path.splitext(self._target)
        number = 1
        while os.path.lexists(path := f"{base}-{number}{suffix}"):
            number += 1
        try:
            trace_file(self._request, End(0, False), buffers.snapshot(), self._folder, self._started).save(path)
        except OSError as error:
            return f"{shown(path)}: could not be written: {error.strerror or error}"
        return f"wrote {shown(path)}"


@contextmanager
def _handlers_put_back() -> Iterator[None]:
    """Textual leaves its own behind, which fail without it: a terminal that goes away sends SIGCONT, too."""
    former = {number: signal.getsignal(number) for number in (signal.SIGTSTP, signal.SIGCONT, signal.SIGWINCH)}
    try:
        yield
    finally:
        for number, handler in former.items():
            signal.signal(number, handler)
