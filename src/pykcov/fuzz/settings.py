"""What `pykcov fuzz` tells the process that fuzzes."""

import json
import os
import sys
from collections.abc import Sequence
from typing import NamedTuple, Self

from pykcov.program.options import interpreter_options, skips_first_line, without

_MAIN = os.path.join(os.path.dirname(__file__), "__main__.py")

VARIABLE = "PYKCOV_TARGET"
"""In the environment of a packaged target: settings (pykcov/package/start.py)."""


class Settings(NamedTuple):
    """All of it; travels as JSON on the command line of the other process."""

    harness: str
    """A script, 'module:function', or a test: 'file.py::name'."""
    arguments: Sequence[str] = ()
    """For libFuzzer: corpora and flags."""
    command: str = ""
    """What libFuzzer calls to start itself again (-fork, -jobs, -merge): a command for the shell, without arguments."""
    findings: str | None = None
    """The folder for findings; None: none are kept."""
    keep_going: int = 1
    """Stop at so many findings."""
    statistics: int | None = None
    """The descriptor of fuzz/statistics.py."""
    parent: int | None = None
    """The id of the process that watches: without it, it is not to go on."""
    dump: int | None = None
    """The descriptor of a file for the stacks of a process that crashes or hangs."""
    found: str | None = None
    """The list (fuzz/jobs.py) of what is found."""
    background: bool = True
    """Exceptions that do not come out of the target are findings, too."""
    goes_on: bool = False
    """These do not end the campaign, whose end was asked for by time."""
    include: Sequence[str] = ()
    exclude: Sequence[str] = ()
    source: Sequence[str] = ()
    stdlib: bool = False
    candidates: int | None = None
    """The descriptor of a socket: try the inputs that come there, and say what each does, instead of fuzzing."""

    skip_first_line: bool = False
    """Of the script, as Python's option -x wants it."""
    measure: str | None = None
    """A folder of fuzz/corpus.py: run the inputs that it names and say there what each reaches, instead of fuzzing."""
    seen: int | None = None
    """The descriptor of a file with a byte for each counter: note there in how many executions it was reached."""
    seen_after: int = 0
    """So many executions, those of the corpus, are left out of that."""
    places: bool = False
    """Tell what there is to reach, branches included, too."""
    loaded: int | None = None
    """The descriptor of a socket: stay at Fuzz(), and fork processes that do what comes there (fuzz/loaded.py)."""
    reach: str | None = None
    """A folder of fuzz/reaching.py: run the inputs that it names and say which counters each reaches."""

    def command_line(self) -> list[str]:
        """Return what starts the other process."""
        # Not -x, which would skip the first line of ours, nor -i, which would wait for a user at the end.
        options = without("xi", interpreter_options(sys.orig_argv))
        told = self._replace(skip_first_line=skips_first_line())
        return [sys.executable, *options, _MAIN, told.dumps()]

    def dumps(self) -> str:
        """Return what stands on the command line."""
        return json.dumps(self._asdict())

    @classmethod
    def loads(cls, text: str) -> Self:
        """Return what stands on the command line."""
        return cls(**json.loads(text))
