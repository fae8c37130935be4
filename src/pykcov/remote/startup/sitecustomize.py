"""Imported by a Python program that starts with the environment of subprocesses.py: site does that for this name.

Another module of this name, which it hides, is imported in its turn.
"""

import sys


def _begin() -> None:
    try:
        # Not before: another Python, which has no pykcov, may have this folder on its path, too.
        from pykcov.remote import subprocesses
    except ImportError:
        return
    subprocesses.begin()


_begin()
_ours = sys.modules.pop("sitecustomize")
try:
    import sitecustomize  # type: ignore[import-not-found]  # noqa: F401
except ModuleNotFoundError as error:
    if error.name != "sitecustomize":
        raise
    sys.modules["sitecustomize"] = _ours
