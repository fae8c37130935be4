"""How the view draws: as Textual does on Linux, but on a terminal that may go away at any moment."""

import os
from collections.abc import Callable
from contextlib import suppress
from typing import IO, Any

from textual.drivers.linux_driver import LinuxDriver


class Driver(LinuxDriver):
    """Draws as long as there is a terminal; that it has gone is no error."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        """Take what Textual gives to a driver."""
        super().__init__(*arguments, **options)
        # An error would end the thread that writes, and whoever fills its queue would wait for it forever.
        self._file: IO[str] = _Tolerant(self._file)  # type: ignore[assignment]

    def write(self, data: str) -> None:
        """Write to the terminal, if there was one when the view began."""
        if self._writer_thread is not None:
            super().write(data)

    def resume_application_mode(self) -> None:
        """Draw again after a stop. A terminal that goes away sends SIGCONT, too: then there is nothing to draw on."""
        if os.isatty(self.fileno):
            super().resume_application_mode()

    def run_input_thread(self) -> None:
        """Read keys until the view ends."""
        with suppress(OSError):
            super().run_input_thread()


class _Tolerant:
    """A text file that is written to until that fails."""

    def __init__(self, file: IO[str]) -> None:
        self._file: IO[str] | None = file

    def write(self, text: str) -> int:
        self._try(lambda file: file.write(text))
        return len(text)

    def flush(self) -> None:
        self._try(lambda file: file.flush())

    def _try(self, act: Callable[[IO[str]], object]) -> None:
        try:
            if self._file is not None:
                act(self._file)
        except OSError:
            self._file = None
