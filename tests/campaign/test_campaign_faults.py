"""Workers, the scheduler and the database go away while a campaign runs: nothing that was reported is lost."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from campaigning import LIBRARY  # noqa: F401 - which skips without libFuzzer
from postgres import what_is_missing

PROGRAM = Path(__file__).parent / "faults.py"


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["sqlite", "postgres", "scheduler"])
def test_no_input_is_lost_and_reach_is_that_of_a_replay(kind: str, tmp_path: Path) -> None:
    if kind == "postgres" and what_is_missing():
        pytest.skip(what_is_missing())
    seconds = os.environ.get("SECONDS", "60")
    done = subprocess.run([sys.executable, PROGRAM, tmp_path, seconds, kind], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout.splitlines()[-1])
    print(kind, told)
    assert told["killed"] > 5
    assert told["scheduler"] == (2 if kind == "scheduler" else 0)
    assert told["database"] == (2 if kind == "postgres" else 0)
    assert told["executions"] > 0
    assert all(told["reported"].values())
    assert told["missing"] == []
    assert not told["not_written"]
    assert set(told["different"].values()) == {0}
