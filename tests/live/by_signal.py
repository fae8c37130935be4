"""Attaching where sys.remote_exec() is not there yet: a process runs what it is to run when it gets SIGUSR2.

`by_signal.py serve SCRIPT ARGUMENTS` is such a process, `by_signal.py attach ARGUMENTS` is `pykcov attach`. All else is
as with CPython 3.14, so that it is tested on each version.
"""

import os
import runpy
import signal
import sys


def serve() -> None:
    from importlib.util import find_spec

    inject = os.path.join(find_spec("pykcov").submodule_search_locations[0], "live", "inject.py")
    with open(inject) as file:
        code = compile(file.read(), inject, "exec")
    signal.signal(signal.SIGUSR2, lambda number, frame: exec(code, {}))
    sys.argv = sys.argv[2:]
    runpy.run_path(sys.argv[0], run_name="__main__")


def attach() -> None:
    from pykcov.cli import main
    from pykcov.live import attach

    attach._inject = lambda pid: os.kill(pid, signal.SIGUSR2)
    attach._check_version = lambda pid: None
    main(sys.argv[1:])


if __name__ == "__main__":
    {"serve": serve, "attach": attach}[sys.argv[1]]()
