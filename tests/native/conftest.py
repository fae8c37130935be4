"""Fixtures for native code."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

import pytest
from compiling import compilers

import pykcov
from pykcov import Buffer


@pytest.fixture(params=compilers())
def compiler(request: pytest.FixtureRequest) -> str:
    """Every C compiler of this machine in turn."""
    name = request.param
    assert isinstance(name, str)
    return name


Tracing = Callable[..., AbstractContextManager[Buffer]]


@pytest.fixture
def tracing() -> Tracing:
    """`with tracing(mode) as buffer:` traces the calling thread."""

    @contextmanager
    def trace(mode: int = pykcov.TRACE_PC, nmemb: int = 10000) -> Iterator[Buffer]:
        with pykcov.open() as device:
            device.set_buffer_size(nmemb)
            buffer = device.mmap()
            device.enable(mode)
            try:
                yield buffer
            finally:
                device.disable()

    return trace
