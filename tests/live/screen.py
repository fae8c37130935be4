"""A terminal that a program runs on, and what stands on its screen."""

import fcntl
import os
import pty
import select
import signal
import struct
import subprocess
import termios
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pyte

_COLUMNS, _ROWS = 160, 50
_PATIENCE = 100
"""Seconds until something is missing, not slow."""


class Screen:
    """A pseudo-terminal with a process on it."""

    def __init__(self, command: Sequence[str], folder: Path) -> None:
        self._master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("4H", _ROWS, _COLUMNS, 0, 0))
        others = ("PYTEST", "COV", "COLUMNS", "LINES")
        environment = {name: value for name, value in os.environ.items() if not name.startswith(others)}
        environment |= {"TERM": "xterm-256color", "COLORTERM": "truecolor"}
        self.process = subprocess.Popen(
            command,
            cwd=folder,
            env=environment,
            stdin=slave,
            stdout=slave,
            stderr=slave,
            start_new_session=True,
            preexec_fn=_take_terminal,
        )
        os.close(slave)
        self._screen = pyte.Screen(_COLUMNS, _ROWS)
        self._stream = pyte.ByteStream(self._screen)
        self.printed = b""

    def type(self, text: str) -> None:
        os.write(self._master, text.encode())

    @property
    def text(self) -> str:
        return "\n".join(self._screen.display)

    def wait(self, is_so: Callable[[str], object]) -> str:
        """Wait until what stands on the screen is so, and return it."""
        deadline = time.monotonic() + _PATIENCE
        while not is_so(self.text):
            assert time.monotonic() < deadline, self.text
            assert self._read(), self.text
        return self.text

    def end(self) -> int:
        """Wait until the process has ended, and return its exit code."""
        while self._read():
            pass
        return self.process.wait(_PATIENCE)

    def _read(self) -> bool:
        """Take what was printed; return whether there may be more."""
        if self._master not in select.select([self._master], [], [], _PATIENCE)[0]:
            return True
        try:
            piece = os.read(self._master, 1 << 16)
        except OSError:  # nobody has it open any longer
            return False
        self.printed += piece
        self._stream.feed(piece)
        return bool(piece)

    def hang_up(self) -> int:
        """Take the terminal away, and wait until the process has ended."""
        os.close(self._master)
        self._master = -1
        return self.process.wait(_PATIENCE)

    def close(self) -> None:
        if self.process.poll() is None:
            os.killpg(self.process.pid, 9)
            self.process.wait()
        if self._master >= 0:
            os.close(self._master)


def _take_terminal() -> None:
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)
    signal.signal(signal.SIGHUP, signal.SIG_DFL)  # tests may run under nohup


@contextmanager
def on_screen(command: Sequence[str], folder: Path) -> Iterator[Screen]:
    screen = Screen(command, folder)
    try:
        yield screen
    finally:
        screen.close()
