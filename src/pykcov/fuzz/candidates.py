"""Tells what inputs do, each in a forked process of its own: for minimizing and for reproducing.

Requests come in a socket: eight bytes of length, the highest bit of which asks for locations, too, then the input. The
answer is a line of JSON: the kind and the token of what the input brings about, both empty if that is nothing, and the
last locations.
"""

import faulthandler
import json
import os
import signal
import socket
import sys
import tempfile
from collections.abc import Callable
from typing import NamedTuple, NoReturn

from pykcov import _core
from pykcov.device import Device
from pykcov.fuzz.harness import Harness, Target
from pykcov.fuzz.settings import Settings
from pykcov.fuzz.stacks import frames_of, frames_of_dump, kind_of, native_kind, token_of
from pykcov.native.locations import symbolize

SECONDS = 10
"""A candidate that takes longer does nothing that is looked for."""


LOCATIONS = 1 << 63
"""Added to the length of an input."""

_SHOWN = 30


class Verdict(NamedTuple):
    """What an input does."""

    kind: str
    token: str
    locations: list[str] = []  # noqa: RUF012 - nobody changes it
    """Where the thread was last, in order, if that was asked for."""


NOTHING = Verdict("", "")


def serve(harness: Harness, settings: Settings) -> NoReturn:
    """Answer until the other end is closed. Ends the process."""
    assert settings.candidates is not None
    with socket.socket(fileno=settings.candidates) as connection, connection.makefile("rwb") as stream:
        while header := stream.read(8):
            number = int.from_bytes(header, "little")
            data = stream.read(number & ~LOCATIONS)
            verdict = judge(harness.target, data)
            if number & LOCATIONS:
                verdict = verdict._replace(locations=last_locations(harness.target, data))
            stream.write(json.dumps(verdict).encode() + b"\n")
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


def last_locations(target: Target, data: bytes) -> list[str]:
    """Return where the calling thread of a forked process was last when it ended, with this input."""
    for mode in (_core.TRACE_PC, _core.TRACE_UNIQUE_PC):
        with Device() as device:
            device.set_buffer_size(_core.BUFFER_WORDS_MAX)
            buffer = device.mmap()
            child = os.fork()
            if child == 0:
                _try(target, data, -1, -1, SECONDS, lambda: device.enable(mode))  # noqa: B023
            os.waitpid(child, 0)
            pcs = buffer.pcs()[-_SHOWN:]
            # Full: the last ones are not there. Each place once, in the order of the first time, is the next best.
            if not buffer.dropped or mode != _core.TRACE_PC:
                return [str(location) for location in symbolize(pcs)]
    return []


def _try(
    target: Target, data: bytes, dump: int, answer: int, seconds: float, begin: Callable[[], object] = lambda: None
) -> NoReturn:
    code = 0
    try:
        for number in (signal.SIGALRM, signal.SIGINT):
            signal.signal(number, signal.SIG_DFL)
        signal.setitimer(signal.ITIMER_REAL, seconds)
        faulthandler.disable()
        if dump >= 0:
            faulthandler.enable(dump)
        nowhere = os.open(os.devnull, os.O_RDWR)
        os.dup2(nowhere, 1)
        os.dup2(nowhere, 2)
        try:
            begin()
            target(data)
        except BaseException as error:
            kind = kind_of(error)
            if answer >= 0:
                os.write(answer, json.dumps((kind, token_of(kind, frames_of(error)))).encode())
    except BaseException:
        code = 1
    finally:
        sys.stdout = sys.stderr = None
        os._exit(code)
