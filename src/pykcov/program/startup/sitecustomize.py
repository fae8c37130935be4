"""Imported by a Python program that a traced one starts: site does that for this name (see following.py).

If it can be traced, it is started anew, with the environment that it would have, as pykcov starts programs; else it
goes on as it would. A module of this name that this one hides is imported in its turn. Any version of Python 3 may get
here.
"""

import os
import sys

_HERE = os.path.dirname(os.path.abspath(__file__))
_PROGRAM = os.path.dirname(_HERE)


def _begin() -> None:
    value = os.environ.pop("PYKCOV_RUN", "")
    folders = [each for each in os.environ.get("PYTHONPATH", "").split(os.pathsep) if each != _HERE]
    os.environ["PYTHONPATH"] = os.pathsep.join(folders)
    if not any(folders):
        del os.environ["PYTHONPATH"]
    sys.path[:] = [each for each in sys.path if each != _HERE]
    suffix, _, address = value.partition(":")
    if address:
        from _imp import extension_suffixes  # not before: few programs get here

        if suffix == extension_suffixes()[0]:
            _start_anew(address)
        else:
            _say(f"Python {sys.version_info[0]}.{sys.version_info[1]} is another version", address)
        # What it starts finds the way, too.
        os.putenv("PYKCOV_RUN", value)
        os.putenv("PYTHONPATH", os.pathsep.join([_HERE, *folders]))


def _start_anew(address: str) -> None:
    path = sys.path[:]
    sys.path[:] = [each for each in path if each.startswith(sys._stdlib_dir)]  # type: ignore[attr-defined]
    before = set(sys.modules)
    sys.path.append(os.path.dirname(os.path.dirname(_PROGRAM)))
    try:
        from pykcov.program import joining  # another version of Python could not
    finally:
        sys.path[:] = path
    joining.start_anew(address)
    # It is not traced.
    for name in set(sys.modules) - before:
        del sys.modules[name]


def _say(reason: str, address: str) -> None:
    """Have pykcov name this program, and go on."""
    # Not before: see above.
    import marshal
    import socket

    name, _, token = address.partition(":")
    message = ("not traced", " ".join(getattr(sys, "orig_argv", [sys.executable])), reason)
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    try:
        connection.connect("\0" + name)
        connection.send(token.encode())
        connection.send(b"\0" * 8 + b"\1" + marshal.dumps(message, 2))
    except OSError:
        pass
    finally:
        connection.close()


_begin()
_ours = sys.modules.pop("sitecustomize")
try:
    import sitecustomize  # type: ignore[import-not-found]  # noqa: F401
except ImportError as error:
    if error.name != "sitecustomize":
        raise
    sys.modules["sitecustomize"] = _ours
