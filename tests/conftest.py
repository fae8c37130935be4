"""For all tests."""

import os
import shutil
import signal
import tempfile
from collections.abc import Iterator

import pytest

from pykcov.instrument.code import is_instrumented

_CACHE = "PYKCOV_CACHE"


def pytest_configure(config: pytest.Config) -> None:
    # A shell without job control starts what it puts in the background with SIGINT and SIGQUIT ignored, and programs
    # inherit that: Python then has no KeyboardInterrupt, neither here nor in the programs that tests start.
    if signal.getsignal(signal.SIGQUIT) is signal.SIG_IGN:
        signal.signal(signal.SIGQUIT, signal.SIG_DFL)
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    # Tests leave no probed code beside the .pyc files of this Python. Workers of xdist inherit the folder.
    if _CACHE not in os.environ:
        os.environ[_CACHE] = tempfile.mkdtemp(prefix="pykcov-cache-")
        config.add_cleanup(lambda: shutil.rmtree(os.environ.pop(_CACHE), ignore_errors=True))


def _of_the_tests_alone() -> None:
    """Code that no test is about."""


@pytest.fixture(autouse=True)
def _leave_no_probes_to_other_tests() -> Iterator[None]:
    """Fail the test that puts probes into everything: others, which count entries, would fail long after it."""
    before = is_instrumented(_of_the_tests_alone.__code__)
    yield
    assert before or not is_instrumented(_of_the_tests_alone.__code__), "give what is traced an include of its own"
