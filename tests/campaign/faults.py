"""A campaign whose workers are killed again and again: `python faults.py FOLDER SECONDS STORE [scheduler|postgres]`.

At the end every input that a slice reported must be in the store, and what the store says is reached must be what a
replay of all inputs reaches. Prints what it has seen as JSON; the test in test_campaign_faults.py judges it.
"""

import json
import os
import random
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

sys.path.insert(0, os.path.dirname(__file__))

from campaigning import LIBRARY, replayed, write
from postgres import postgres

from pykcov.campaign.cluster import cluster
from pykcov.campaign.keeping import Keeping, Report
from pykcov.campaign.run import Campaign, Plan
from pykcov.campaign.slices import Target
from pykcov.campaign.store.store import Store
from pykcov.campaign.store.summary import target_summaries

TOML = """
import tomllib

def parse(data):
    try:
        tomllib.loads(data.decode("utf-8", "replace"))
    except ValueError:
        pass
"""


class Machines:
    """A scheduler and workers in processes of their own, which are started again when they end."""

    def __init__(self, folder: Path) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        self.address = f"tcp://127.0.0.1:{port}"
        self._folder = folder
        dask = [sys.executable, "-m", "distributed.cli.dask_scheduler"]
        self._scheduler = [*dask, "--host", "127.0.0.1", "--port", str(port), "--no-dashboard", "--no-jupyter"]
        worker = [sys.executable, "-m", "distributed.cli.dask_worker", self.address]
        self._worker = [*worker, "--nthreads", "1", "--no-dashboard", "--memory-limit", "0", "--death-timeout", "20"]
        self.processes: dict[str, subprocess.Popen[bytes]] = {}
        self.look_after()

    def look_after(self) -> None:
        """Start what is not there."""
        for name, command in (("scheduler", self._scheduler), ("worker1", self._worker), ("worker2", self._worker)):
            process = self.processes.get(name)
            if process is None or process.poll() is not None:
                self.processes[name] = subprocess.Popen(
                    command, cwd=self._folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
                )

    def close(self) -> None:
        for process in self.processes.values():
            process.kill()
            process.wait()


def children_of(process: int) -> list[int]:
    found = [process]
    for each in found:
        with suppress(OSError):
            for task in os.listdir(f"/proc/{each}/task"):
                found += map(int, Path(f"/proc/{each}/task/{task}/children").read_text().split())
    return found[1:]


def disturb(seconds: float, campaign_folder: Path, ended: threading.Event, told: dict[str, int], **others: Any) -> None:
    """Kill a worker every few seconds, the scheduler and the database twice."""
    chance = random.Random(1)
    began = time.monotonic()
    twice = [seconds / 3, 2 * seconds / 3]
    while not ended.wait(chance.uniform(2, 5)):
        passed = time.monotonic() - began
        if passed > seconds - 5:
            break
        # Those that fuzz, those that have targets loaded, and the workers themselves.
        victims = [each for each in children_of(os.getpid()) if b"pykcov" in command_of(each) or is_worker(each)]
        if victims:
            told["killed"] += 1
            with suppress(ProcessLookupError):
                os.kill(chance.choice(victims), signal.SIGKILL)
        if twice and passed > twice[0]:
            twice.pop(0)
            if (machines := others.get("machines")) is not None:
                machines.processes["scheduler"].kill()
                told["scheduler"] += 1
            if (database := others.get("database")) is not None:
                database.stop()
                time.sleep(5)
                database.start()
                told["database"] += 1
        if (machines := others.get("machines")) is not None:
            machines.look_after()


def command_of(process: int) -> bytes:
    with suppress(OSError):
        return Path(f"/proc/{process}/cmdline").read_bytes()
    return b""


def is_worker(process: int) -> bool:
    command = command_of(process)
    return (b"spawn_main" in command or b"dask_worker" in command) and b"resource_tracker" not in command


def main() -> None:
    folder, seconds, kind = Path(sys.argv[1]), float(sys.argv[2]), sys.argv[3]
    write(folder, library=LIBRARY, toml=TOML)
    told: dict[str, Any] = {"killed": 0, "scheduler": 0, "database": 0}
    reported: dict[str, set[str]] = {}
    take = Keeping.take

    def noting(self: Keeping, report: Report) -> None:
        reported.setdefault(report.harness, set()).update(report.result.new)
        take(self, report)

    Keeping.take = noting  # type: ignore[method-assign]
    lines: list[str] = []
    with ExitStack() as stack:
        database = stack.enter_context(postgres()) if kind == "postgres" else None
        machines = Machines(folder) if kind == "scheduler" else None
        if machines is not None:
            stack.callback(machines.close)
        store = stack.enter_context(Store(database.url if database is not None else str(folder / "store.db")))
        workers = stack.enter_context(cluster(2, machines.address if machines is not None else None))
        ended = threading.Event()
        disturbing = threading.Thread(
            target=disturb, args=(seconds, folder, ended, told), kwargs={"machines": machines, "database": database}
        )
        targets = [Target("library:parse", str(folder)), Target("toml:parse", str(folder), include=("tomllib",))]
        plan = Plan(targets, seconds, slice_seconds=3, seed=1, workers=2, minimize=1)
        disturbing.start()
        outcome = Campaign(plan, store, workers, lines.append).run()
        ended.set()
        disturbing.join()
        told |= {"slices": outcome.slices, "lost": outcome.lost, "executions": outcome.executions}
        told["not_written"], told["set_aside"] = outcome.not_written, outcome.set_aside
        told["reported"] = {harness: len(digests) for harness, digests in reported.items()}
        told["missing"] = sorted(
            digest for harness, digests in reported.items() for digest in digests - set(store.corpus(harness))
        )
        different = {}
        for target in target_summaries(store):
            own = next(each for each in targets if each.harness == target.harness)
            datas = list(store.data(store.corpus(target.harness)).values())
            with tempfile.TemporaryDirectory() as scratch:
                reach = replayed(own, datas, Path(scratch) / "replay")
            different[target.harness] = len(set(store.cover(target.number)) ^ reach)
        told["not_measured"] = sum(
            len(store.not_measured(target.number, target.harness)) for target in target_summaries(store)
        )
        told["different"], told["lines"] = different, lines
    print(json.dumps(told))


if __name__ == "__main__":
    main()
