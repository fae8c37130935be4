"""The example that fuzzes a driver finds the bug that was put there, and makes it small."""

import re
import subprocess
import sys
from pathlib import Path

EXAMPLE = Path(__file__).resolve().parents[2] / "examples/fuzz_kernel.py"


def test_the_seeded_bug_is_found(mailbox: str) -> None:
    for seed in range(2, 7):
        done = subprocess.run([sys.executable, EXAMPLE, str(seed), "4000"], capture_output=True, text=True)
        assert done.returncode in (0, 1), done.stderr
        if done.returncode == 0:
            break
    assert "refcount_t: " in done.stdout
    calls = re.findall(r"\('(\w+)', \d+\)", done.stdout.partition("as short as it can be")[2])
    # A letter that was copied over the last slot has no reference: the next use of it is noticed.
    assert calls[0] == "create"
    assert calls[1:-3].count("post") >= 2
    assert "seal" in calls
    assert "copy" in calls
    assert len(calls) <= 9
