"""How pykcov's own commands end."""

import atexit
import os
import sys
from typing import NoReturn, TextIO


def end_process(code: int) -> NoReturn:
    """End the process as multiprocessing ends its own: threads are waited for, and what is registered is called.

    To take apart all that was loaded would take longer than many commands.
    """
    if threading := sys.modules.get("threading"):
        threading._shutdown()
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        _end(stream)
    os._exit(code)


def _end(stream: TextIO | None) -> None:
    """Write what is left; what cannot be written is not to fail again, as by what else is printed at the end."""
    if stream is None:
        return
    try:
        stream.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
