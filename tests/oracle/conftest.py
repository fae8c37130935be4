"""What the tests against the oracle share."""

from pathlib import Path

import pytest
from comparing import Compare, run_both


@pytest.fixture
def compare(tmp_path: Path) -> Compare:
    """compare(*PROGRAM, include=..., source=...)."""
    return lambda *program, **options: run_both(tmp_path, program, **options)
