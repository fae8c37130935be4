"""Tells what inputs do, each in a forked process of its own: for minimizing and for reproducing.

Requests come in a socket: eight bytes of length, then the input. The answer is a line of JSON: the kind and the token
of what the input brings about, both empty if that is nothing.
"""

import faulthandler
import json
import os
import signal
import socket
import sys
import tempfile
from typing import NamedTuple, NoReturn

from pykcov.fuzz.harness import Harness, Target
from pykcov.fuzz.settings import Settings
from pykcov.fuzz.stacks import frames_of, frames_of_dump, kind_of, native_kind, token_of

SECONDS = 10
"""A candidate that takes longer does nothing that is looked for."""


class Verdict(NamedTuple):
    """What an input does."""

    kind: str
    token: str


NOTHING = Verdict("", "")


def serve(harness: Harness, settings: Settings) -> NoReturn:
    """Answer until the other end is closed. Ends the process."""
    assert settings.candidates is not None
    with socket.socket(fileno=settings.candidates) as connection, connection.makefile("rwb") as stream:
        while header := stream.read(8):
            data = stream.read(int.from_bytes(header, "little"))
            stream.write(json.dumps(judge(harness.target, data)).encode() + b"\n")
            stream.flush()
    os._exit(0)


def judge(target: Target, data: bytes, seconds: float = SECONDS) -> Verdict:
    """Return what the target does with an input, found out in a forked process."""
    with tempfile.TemporaryFile() as dump, tempfile.TemporaryFile() as answer:
        child = os.fork()
        if child == 0:
            _try(target, data, dump.fileno(), answer.fileno(), seconds)
        _, status = os.waitpid(child, 0)
        answer.seek(0)
        told = answer.read()
        if told:
            return Verdict(*json.loads(told))
        code = os.waitstatus_to_exitcode(status)
        if code == 0 or code == -signal.SIGALRM:
            return NOTHING
        dump.seek(0)
        kind = native_kind(-code) if code < 0 else "exit"
        return Verdict(kind, token_of(kind, frames_of_dump(dump.read().decode("utf-8", "replace"))))


def _try(target: Target, data: bytes, dump: int, answer: int, seconds: float) -> NoReturn:
    code = 0
    try:
        for number in (signal.SIGALRM, signal.SIGINT):
            signal.signal(number, signal.SIG_DFL)
        signal.setitimer(signal.ITIMER_REAL, seconds)
        faulthandler.enable(dump)
        nowhere = os.open(os.devnull, os.O_RDWR)
        os.dup2(nowhere, 1)
        os.dup2(nowhere, 2)
        try:
            target(data)
        except BaseException as error:
            kind = kind_of(error)
            os.write(answer, json.dumps((kind, token_of(kind, frames_of(error)))).encode())
    except BaseException:
        code = 1
    finally:
        sys.stdout = sys.stderr = None
        os._exit(code)
