"""The terminal of a program while another view has ours: what it prints is kept, what is typed for it is passed on."""

import fcntl
import os
import select
import struct
import sys
import tempfile
import termios
import threading
import time
import tty
from collections.abc import Sequence
from contextlib import suppress

_PIECE = 1 << 16
_SIZES = 0.5
"""Seconds after which the program learns that our terminal has another size."""
_QUIET, _DRAIN = 0.05, 1.0
"""Seconds without output after the end of the program: what it left in the terminal has come by then. And seconds after
which the terminal is given up at any rate, as other processes may go on printing."""


class Terminal:
    """A pseudo-terminal with the settings of ours. One thread reads it, from start() until hand_over() returns."""

    def __init__(self) -> None:
        """Make it. OSError, termios.error: the machine has none left, or standard input is no terminal."""
        self._master, self._slave = os.openpty()
        self.path = os.ttyname(self._slave)
        self._settings = termios.tcgetattr(0)
        termios.tcsetattr(self._slave, termios.TCSANOW, self._settings)
        self.resize(*os.get_terminal_size(0))
        self.replaced: Sequence[int] = [each for each in range(3) if os.isatty(each)]
        """Which descriptors of the program are this terminal: those that are terminals of ours."""
        self._out = 1 if 1 in self.replaced else 2
        self._kept = tempfile.TemporaryFile()  # noqa: SIM115 - hand_over() closes it
        self._lock = threading.Lock()
        self._is_direct = False
        self._stop_read, self._stop_write = os.pipe()
        self._thread = threading.Thread(target=self._read_all, name="pykcov terminal", daemon=True)

    def start(self) -> None:
        """Begin to read what the program prints."""
        self._thread.start()

    def output(self, start: int) -> bytes:
        """Return what the program has printed from that byte on, a piece of it if it is long."""
        return os.pread(self._kept.fileno(), _PIECE, start)

    def type(self, text: bytes) -> None:
        """Have the program read that, as if it was typed; control characters do there what they do."""
        with suppress(OSError):  # nobody reads any longer
            os.write(self._master, text)

    def resize(self, columns: int, rows: int) -> None:
        """Tell the program how large its terminal is."""
        fcntl.ioctl(self._master, termios.TIOCSWINSZ, struct.pack("4H", rows, columns, 0, 0))

    def is_lost(self) -> bool:
        """Return whether our terminal has gone away."""
        poll = select.poll()
        poll.register(0, 0)
        return bool(poll.poll(0))  # nothing but errors was asked for

    def hand_over(self, ended: int) -> None:
        """Let the program have our terminal until descriptor `ended` can be read, then give up its own.

        What it has printed so far is printed first. If our terminal goes away, the program's does, too: then this
        returns, and the program may go on.
        """
        # Its own terminal does already what ours would do with lines and keys. What was typed before counts.
        with suppress(termios.error):  # ours is gone
            tty.setraw(0, termios.TCSADRAIN)
        try:
            with self._lock:
                self._is_direct = True
                at = 0
                while piece := self.output(at):
                    self._print(piece)
                    at += len(piece)
            self._pass_on(ended)
            os.write(self._stop_write, b"\0")
            self._thread.join()
        finally:
            with suppress(termios.error):
                termios.tcsetattr(0, termios.TCSADRAIN, self._settings)
        for each in (self._master, self._slave, self._stop_read, self._stop_write):
            os.close(each)
        self._kept.close()

    def _pass_on(self, ended: int) -> None:
        """Pass on what is typed until descriptor `ended` can be read, or our terminal has gone away."""
        sources = [ended, 0]
        while ended not in (ready := select.select(sources, [], [], _SIZES)[0]) and not self.is_lost():
            try:
                self.resize(*os.get_terminal_size(0))
                if 0 in ready:
                    self.type(os.read(0, _PIECE))
            except OSError:  # it is not ours to read: we are in the background of a session that has ended
                sources = [ended]

    def _read_all(self) -> None:
        while self._stop_read not in select.select([self._master, self._stop_read], [], [])[0]:
            self._take_piece()
        deadline = time.monotonic() + _DRAIN
        while time.monotonic() < deadline and select.select([self._master], [], [], _QUIET)[0]:
            self._take_piece()

    def _take_piece(self) -> None:
        piece = os.read(self._master, _PIECE)
        with self._lock:
            if self._is_direct:
                self._print(piece)
            else:
                self._kept.seek(0, os.SEEK_END)
                self._kept.write(piece)
                self._kept.flush()

    def _print(self, piece: bytes) -> None:
        with suppress(OSError):  # our terminal is gone
            sys.stdout.flush()
            while piece:
                piece = piece[os.write(self._out, piece) :]
