"""Imported by a Python program that starts with the environment of subprocesses.py: site does that for this name.

Another module of this name, which it hides, is imported in its turn. Any version of Python 3 may get here.
"""

import os
import sys

_HERE = os.path.dirname(os.path.abspath(__file__))


def _begin() -> None:
    folders = [each for each in os.environ.get("PYTHONPATH", "").split(os.pathsep) if each != _HERE]
    os.environ["PYTHONPATH"] = os.pathsep.join(folders)
    if not any(folders):
        del os.environ["PYTHONPATH"]
    sys.path[:] = [each for each in sys.path if each != _HERE]
    version, _, ticket = os.environ.pop("PYKCOV_TICKET", "").partition(":")
    if version != sys.implementation.cache_tag:
        return
    try:
        # Not before: another Python, which has no pykcov, may have this folder on its path, too.
        from pykcov.remote import subprocesses
    except ImportError:
        return
    subprocesses.begin(ticket)


_begin()
_ours = sys.modules.pop("sitecustomize")
try:
    import sitecustomize  # type: ignore[import-not-found]  # noqa: F401
except ImportError as error:
    if error.name != "sitecustomize":
        raise
    sys.modules["sitecustomize"] = _ours
