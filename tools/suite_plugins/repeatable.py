"""A plugin for pytest: the same numbers for each test in each run, also for the order in which trio runs its tasks."""

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
