"""tools/endurance.py finds no fault in a few seconds; `make endurance` lets it look for two hours."""

import subprocess
import sys
from pathlib import Path

TOOL = Path(__file__).parents[2] / "tools" / "endurance.py"


def test_services_whose_every_request_is_traced_find_exactly_what_each_ran() -> None:
    done = subprocess.run(
        [sys.executable, TOOL, "--minutes", "0.05", "--every", "1", "--growth", "64"], capture_output=True, text=True
    )
    assert (done.returncode, done.stderr) == (0, "")
    last = done.stdout.splitlines()[-1]
    assert "problems=0" in last
    assert "traces=0" not in last
