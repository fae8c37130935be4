"""What the tests of instrumenting share."""

from collections.abc import Callable
from typing import Any

import pytest

import pykcov
from pykcov.traces.locations import Location, symbolize

Hits = Callable[..., list[Location]]


@pytest.fixture
def hits() -> Hits:
    """Call a function and return what was recorded meanwhile, each place once."""

    def record(function: Callable[..., Any], *args: Any, **keywords: Any) -> list[Location]:
        with pykcov.open() as device:
            device.set_buffer_size(pykcov.BUFFER_WORDS_MAX)
            buffer = device.mmap()
            device.enable(pykcov.TRACE_UNIQUE_PC)
            try:
                function(*args, **keywords)
            finally:
                device.disable()
            assert device.dropped == 0
            return symbolize(buffer.pcs())

    return record
