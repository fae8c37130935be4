"""What the tests of the core share."""

from collections.abc import Callable, Iterator
from operator import invert as hit  # what `~probe` in bytecode does
from threading import Thread
from typing import Any

import pytest

import pykcov
from pykcov import _core

__all__ = ["device", "hit", "in_thread", "nothing_left"]


@pytest.fixture
def nothing_left() -> Iterator[None]:
    """No device and no handle outlives the test."""
    before = _core.live()
    yield
    assert _core.live() == before


@pytest.fixture
def device(nothing_left: None) -> Iterator[pykcov.Device]:
    """A device with a buffer of 64 words."""
    with pykcov.open() as device:
        device.set_buffer_size(64)
        yield device


def in_thread(function: Callable[[], Any]) -> Any:
    """Call `function` in a thread of its own; give its result, or raise what it raised."""
    result: list[Any] = []
    errors: list[BaseException] = []

    def run() -> None:
        try:
            result.append(function())
        except BaseException as error:
            errors.append(error)

    thread = Thread(target=run)
    thread.start()
    thread.join()
    if errors:
        raise errors[0]
    return result[0]
