"""Tells what inputs do, each in a forked process of its own: for minimizing and for reproducing.

Requests come in a socket: eight bytes of length, the highest bit of which asks for locations, too, then the input. The
answer is a line of JSON: the tokens of what the input brings about, and the last locations.
"""

import faulthandler
import json
import os
import select
import signal
import socket
import sys
import tempfile
from collections.abc import Callable
from contextlib import suppress
from typing import NamedTuple, NoReturn

from pykcov import _core
from pykcov.device import Device
from pykcov.fuzz import exits, sanitizers
from pykcov.fuzz.background import Background
from pykcov.fuzz.harness import Harness, Target
from pykcov.fuzz.settings import Settings
from pykcov.fuzz.stacks import frames_of, frames_of_dump, kind_of, token_of
from pykcov.native.locations import symbolize
from pykcov.remote import carriers

SECONDS = 10
"""A candidate that takes longer does nothing that is looked for."""


LOCATIONS = 1 << 63
"""Added to the length of an input."""

_SHOWN = 30


class Verdict(NamedTuple):
    """What an input does."""

    tokens: list[str]
    """That of what the target raises, or of how its process ends, first; then those of what it leaves behind."""
    locations: list[str] = []  # noqa: RUF012 - nobody changes it
    """Where the thread was last, in order, if that was asked for."""


NOTHING = Verdict([])


def serve(harness: Harness, settings: Settings) -> NoReturn:
    """Answer until the other end is closed. Ends the process."""
    assert settings.candidates is not None
    background = Background(findings=settings.background)
    carriers.install()
    background.install(audit=True)
    with socket.socket(fileno=settings.candidates) as connection, connection.makefile("rwb") as stream:
        while header := stream.read(8):
            number = int.from_bytes(header, "little")
            data = stream.read(number & ~LOCATIONS)
            verdict = judge(background, harness.target, data)
            if number & LOCATIONS:
                verdict = verdict._replace(locations=last_locations(background, harness.target, data))
            stream.write(json.dumps(verdict).encode() + b"\n")
            stream.flush()
    os._exit(0)


def judge(background: Background, target: Target, data: bytes, seconds: float = SECONDS) -> Verdict:
    """Return what the target does with an input, found out in a forked process."""
    with tempfile.TemporaryFile() as dump, tempfile.TemporaryFile() as answer:
        child = os.fork()
        if child == 0:
            _try(background, target, data, dump.fileno(), answer.fileno())
        code = end_of(child, seconds)
        answer.seek(0)
        told = answer.read()
        if told:
            return Verdict(json.loads(told))
        if code is None or code == 0:
            return NOTHING
        report = sanitizers.take(sanitizers.folder(), child)
        if report is not None:
            return Verdict([report.token])
        dump.seek(0)
        kind = exits.native_kind(-code) if code < 0 else "exit"
        return Verdict([token_of(kind, frames_of_dump(dump.read().decode("utf-8", "replace")))])


def last_locations(background: Background, target: Target, data: bytes, seconds: float = SECONDS) -> list[str]:
    """Return where the calling thread of a forked process was last when it ended, with this input."""
    for mode in (_core.TRACE_PC, _core.TRACE_UNIQUE_PC):
        with Device() as device:
            device.set_buffer_size(_core.BUFFER_WORDS_MAX)
            buffer = device.mmap()
            child = os.fork()
            if child == 0:
                _try(background, target, data, -1, -1, lambda: device.enable(mode))  # noqa: B023
            end_of(child, seconds)
            end = 1 + min(buffer.count, len(buffer.words) - 1)
            pcs = buffer.words[max(1, end - _SHOWN) : end].tolist()
            # Full: the last ones are not there. Each place once, in the order of the first time, is the next best.
            if not buffer.dropped or mode != _core.TRACE_PC:
                return [str(location) for location in symbolize(pcs)]
    return []


def end_of(child: int, seconds: float) -> int | None:
    """Wait for a process, and end all that it has started; return its exit code, None if it took too long."""
    descriptor = os.pidfd_open(child)
    ended = select.poll()
    ended.register(descriptor, select.POLLIN)
    in_time = ended.poll(seconds * 1000)
    for group in (os.killpg, os.kill):  # it may not have its own group yet
        with suppress(ProcessLookupError, PermissionError):
            group(child, signal.SIGKILL)
    os.close(descriptor)
    _, status = os.waitpid(child, 0)
    return os.waitstatus_to_exitcode(status) if in_time else None


def _try(
    background: Background,
    target: Target,
    data: bytes,
    dump: int,
    answer: int,
    begin: Callable[[], object] = lambda: None,
) -> NoReturn:
    code = 0
    try:
        os.setpgid(0, 0)
        for number in (signal.SIGALRM, signal.SIGINT):
            signal.signal(number, signal.SIG_DFL)
        faulthandler.disable()
        if dump >= 0 and not sanitizers.handle_crashes():
            faulthandler.enable(dump)
        nowhere = os.open(os.devnull, os.O_RDWR)
        os.dup2(nowhere, 1)
        os.dup2(nowhere, 2)
        me = os.getpid()
        background.renew_process()
        begin()
        raised, failures = background.run(target, data)
        if os.getpid() == me:
            tokens = [failure.token for failure in failures]
            if raised is not None:
                kind = kind_of(raised)
                tokens.insert(0, token_of(kind, frames_of(raised)))
            if answer >= 0 and tokens:
                os.write(answer, json.dumps(tokens).encode())
        else:
            background.note_child(raised)
    except BaseException:
        code = 1
    finally:
        sys.stdout = sys.stderr = None
        os._exit(code)
