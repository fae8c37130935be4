"""A plugin for pytest that leaves less to chance.

Each test gets the same numbers in each run, also for the order in which trio runs its tasks. And what it leaves behind
is collected at its end, not in a later test: when the collector runs by itself depends on all that was allocated.
"""

import gc
import random
import sys

import pytest


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Seed whatever draws by chance."""
    random.seed(0)
    run = sys.modules.get("trio._core._run")
    if run is not None:
        run._ALLOW_DETERMINISTIC_SCHEDULING = True
        run._r.seed(0)


@pytest.hookimpl(trylast=True)
def pytest_runtest_teardown() -> None:
    """Collect garbage while the test is still at work."""
    gc.collect()
