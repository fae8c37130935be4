"""In a Python program that a traced one has started, before its first line: has it traced, too."""

import _signal  # type: ignore[import-not-found]
import os
import sys
from _socket import MSG_PEEK, socket

from pykcov.program.channel import connect, packets
from pykcov.program.options import split, without

_BOOTSTRAP = os.path.join(os.path.dirname(os.path.abspath(__file__)), "start", "pykcov-bootstrap.py")
# Until the program begins, which decides what they do.
HELD_BACK = [getattr(_signal, f"SIG{name}") for name in ("INT", "TERM", "HUP", "QUIT", "USR1", "USR2")]
_KINDS = {"-m": "module", "-c": "code"}


def start_anew(address: str) -> None:
    """Become the same program, traced by the process at `address`. Returns if that is not possible."""
    options, words = split(sys.orig_argv)
    kind = _KINDS.get(words[0], "path") if words else "input"
    if words[:1] == ["-"]:
        kind = "input"
    program, *arguments = words[1:] if kind in ("module", "code") else words or [""]
    cannot = (kind == "input" and os.isatty(0)) or (kind == "path" and not os.path.exists(program))
    if cannot or sys.flags.interactive or sys.flags.inspect or not sys.executable:
        return
    former_mask = _signal.pthread_sigmask(_signal.SIG_BLOCK, HELD_BACK)
    details = {
        "program": program,
        "kind": kind,
        "arguments": arguments,
        "orig_argv": sys.orig_argv,
        "skip_first_line": without("x", options) != options,
        "signal_mask": [int(number) for number in former_mask],
        "words": words,
        "pid": os.getpid(),
        "parent": os.getppid(),
    }
    try:
        descriptor = connect(address)
        for packet in packets(("program", details), 0):
            os.write(descriptor, packet)
        _await_answer(descriptor)
        inherited = os.dup(descriptor) if descriptor < 3 else descriptor
        os.set_inheritable(inherited, True)
        started = [sys.executable, *without("x", options), _BOOTSTRAP, str(inherited), *words]
        os.execve(sys.executable, started, os.environ)
    except OSError:
        _signal.pthread_sigmask(_signal.SIG_SETMASK, former_mask)


def _await_answer(descriptor: int) -> None:
    """Wait until the collecting process has taken note; OSError if it ends before."""
    connection = socket(fileno=os.dup(descriptor))
    try:
        if not connection.recv(1, MSG_PEEK):
            raise ConnectionError("the collecting process has ended")
    finally:
        connection.close()
