"""What pykcov does itself is not recorded, and never for longer than it does it."""

import signal
from collections.abc import Callable
from types import FrameType

import pytest

import pykcov
from pykcov._exec import Unrecorded
from pykcov.traces.locations import Location

Hits = Callable[..., list[Location]]


def called() -> None:
    pass


def test_nothing_is_recorded_inside_and_everything_after(hits: Hits) -> None:
    pykcov.instrument(called)

    def run() -> None:
        with Unrecorded(), Unrecorded():
            called()

    assert hits(run) == []
    assert hits(called)


def test_exception_passes_through(hits: Hits) -> None:
    pykcov.instrument(called)

    def run() -> None:
        with pytest.raises(KeyError), Unrecorded():
            raise KeyError
        called()

    assert hits(run)


def test_exceptions_from_signal_handlers_at_any_moment_leave_recording_on(hits: Hits) -> None:
    pykcov.instrument(called)

    class RaisedByHandler(Exception):
        pass

    def handler(number: int, frame: FrameType | None) -> None:
        raise RaisedByHandler

    before = signal.signal(signal.SIGALRM, handler)
    try:
        for _ in range(3000):
            try:
                signal.setitimer(signal.ITIMER_REAL, 0.00005)
                while True:
                    with Unrecorded():
                        pass
            except RaisedByHandler:
                continue
    finally:
        signal.signal(signal.SIGALRM, before)

    assert hits(called)
