"""What the tests of the core share."""

from collections.abc import Iterator

import pytest

import pykcov
from pykcov import _core


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
