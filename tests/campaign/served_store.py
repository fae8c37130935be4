"""A store with something in it, hostile names and inputs among it, and the process that serves its page."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from pykcov.campaign.slices import Finding, Result, digest_of
from pykcov.campaign.store.store import Store

HOSTILE = "<img src=x onerror=\"document.title='owned'\">.py"
HOSTILE_INPUT = b"<script>document.title='owned'</script>\0\xff" + bytes(range(256))


class Served(NamedTuple):
    """A page that is served."""

    path: Path
    """The store."""
    address: str


def fill(path: Path) -> None:
    """Make a store with two targets, three workers and three findings."""
    clock = iter(range(1_700_000_000, 1_800_000_000, 45))
    with Store(str(path), now=lambda: float(next(clock))) as store:
        number = store.begin_campaign("c", "abc123", 3)
        for turn in range(12):
            harness = HOSTILE if turn % 3 == 0 else "fuzz_json.py"
            file, function = ("json/<b>decoder</b>.py", "JSON.<b>decode") if turn % 3 else ("evil.py", "f")
            places = [[each, file, each, each, f"{function}{each % 3}"] for each in range(1, 41)]
            data = b"input %d" % turn
            reach = {digest_of(data): [(each, 0) for each in range(1, 3 * turn + 2)]}
            tokens = {2: ("ValueError--json.decode",), 3: ("KeyError--<script>x</script>", "SIGSEGV--f")}.get(turn, ())
            report = (
                "Traceback (most recent call last):\n  File \"<b>x</b>.py\", line 3\n<script>document.title='owned'"
            )
            findings = tuple(
                Finding(f"n{turn}", each.partition("-")[0], each, report, HOSTILE_INPUT, None, "") for each in tokens
            )
            result = Result(f"host:{turn % 3}", "3.11.7", f"v-{harness}", places=places, new={digest_of(data): data})
            result = result._replace(
                reach=reach, findings=findings, executions=1000 * turn + 7, processor=30.0, fuzzing=29.5, seconds=31.0
            )
            store.record(number, f"s{turn}", harness, result, dict.fromkeys(range(1, 5), 1), "abc123")
        store.keep_campaign(number, ended=True)


@contextmanager
def serving(path: Path, **environment: str) -> Iterator[Served]:
    """Serve a store by `pykcov campaign serve`."""
    command = [sys.executable, "-m", "pykcov", "campaign", "serve", "--store", str(path), "--port", "0"]
    process = subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, env=os.environ | environment
    )
    try:
        assert process.stderr is not None
        line = process.stderr.readline()
        found = re.search(r"http://127\.0\.0\.1:\d+/", line)
        assert found is not None, line + process.stderr.read()
        yield Served(path, found[0])
    finally:
        process.terminate()
        process.communicate(timeout=60)
