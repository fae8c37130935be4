"""Leads Python programs that the traced one starts to the process that collects.

The C environment, which programs inherit that are started, has two variables more than os.environ shows: PYTHONPATH
begins with a folder whose sitecustomize module (startup/) finds in the other one where to connect, and starts the
program anew as pykcov starts one.
"""

import os
import posix
from _imp import extension_suffixes

VARIABLE = "PYKCOV_RUN"
STARTUP = os.path.join(os.path.dirname(os.path.abspath(__file__)), "startup")


def lead(address: str) -> None:
    """Have programs that are started from now on find the way."""
    if not address:
        return
    posix.putenv(VARIABLE, f"{extension_suffixes()[0]}:{address}")
    path = os.environ.get("PYTHONPATH")
    posix.putenv("PYTHONPATH", os.pathsep.join([STARTUP, *([path] if path else [])]))
