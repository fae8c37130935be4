"""Watch nothing but these tests and what they are about: other tests of the process want to see no probes in theirs."""

import gc
from collections.abc import Iterator

import pytest

from pykcov.contrib.hypothesis import chosen
from pykcov.contrib.hypothesis.recording import Recording


@pytest.fixture(autouse=True, scope="module")
def watch_only_this(request: pytest.FixtureRequest) -> Iterator[None]:
    chosen.choose(include=["micro", request.module.__name__])
    yield
    # Each backend has a device, and the traceback of a failure may keep the backend.
    for recording in [found for found in gc.get_objects() if type(found) is Recording]:
        recording.close()
    for hook in chosen._watched.values():
        hook.close()
    chosen._watched.clear()
    chosen._words.clear()
    chosen._explicit = None
