"""Run a service under pykcov.production() for a long time, then kill it.

It makes calls in batches, in two threads, of the code that is observed and of a copy that is not, in turns; each batch
is measured in processor time. Now and then a line runs that has never run before. With --calls, so many calls of the
observed code are spread over the time, and the service sleeps between them; with --more, so many further batches follow
in each turn that have no counterpart, which saves processor time. The run fails (exit code 1) if a line that ran is
missing in what the killed process has left, or one is in it that never ran, if memory grew by more than --growth MiB
after the first tenth of the time, if the compared batches took more than --slower over the others since the first
minute, or if fewer calls were made than asked for. A service that is late goes on until it has made them, for half of
the time more.
"""

import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import NamedTuple

import click

from pykcov.once.report import read

FUNCTIONS = 20
RARE = 200

SERVICE = """\
def never():
    return 0

""" + "".join(
    f"def handle{n}(x):\n    total = x\n    if x > {n}:\n        total += {n}\n    for i in (1, 2):\n"
    f"        total ^= i\n    if total < 0:\n        never()\n    return total\n\n"
    for n in range(FUNCTIONS)
)
SERVICE += "def rare(x):\n" + "".join(f"    if x == {n}:\n        return {n}\n" for n in range(RARE)) + "    return x\n"

PROGRAM = """\
import sys, threading, time
import pykcov

more, seconds = int(sys.argv[1]), float(sys.argv[2])
pykcov.production("seen", include=["endured_service"])
import endured_copy, endured_service


def batch(module):
    handlers = [value for name, value in vars(module).items() if name.startswith("handle")]

    def half():
        for x in range(1000):
            for handle in handlers:
                handle(x)

    def measured():
        thread = threading.Thread(target=half)
        begun = time.process_time()
        thread.start()
        half()
        thread.join()
        return time.process_time() - begun

    return measured


copy, observed = batch(endured_copy), batch(endured_service)
turn, begun = 0, time.monotonic()
while True:
    # In turns, so that neither is always the first.
    bare, taken = (copy(), observed()) if turn % 2 else (observed(), copy())[::-1]
    turn += 1
    for _ in range(more):
        observed()
    with open("/proc/self/statm") as file:
        pages = int(file.read().split()[1])
    # First it is said: the last that is said may not have run, all before has.
    print(bare, taken, pages, flush=True)
    if turn % 10 == 0:
        endured_service.rare(turn // 10)
    time.sleep(max(0.0, begun + turn * seconds - time.monotonic()))
"""
CALLS = 2 * 1000 * FUNCTIONS
"""Of each batch."""


class Turn(NamedTuple):
    """What the service has said of a batch of each kind, after it and those that have no counterpart."""

    at: float
    bare: float
    """Processor time in seconds."""
    taken: float
    pages: int
    """Of memory."""


class Service:
    """The process, and what it has said."""

    def __init__(self, folder: Path, more: int, seconds: float) -> None:
        """Start it; a turn has so many batches without a counterpart, and takes so many seconds at least."""
        self.turns: list[Turn] = []
        self.more = more
        command = [sys.executable, "service.py", str(more), str(seconds)]
        self.process = subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, text=True, env=os.environ)
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            bare, taken, pages = line.split()
            self.turns.append(Turn(time.monotonic(), float(bare), float(taken), int(pages)))

    def kill(self) -> None:
        """End it, in the middle of whatever it does."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        self._reader.join()

    def calls(self) -> int:
        """Return how often the observed code was called."""
        return len(self.turns) * (1 + self.more) * CALLS

    def after(self, moment: float) -> list[Turn]:
        """Return what was said later."""
        return [turn for turn in self.turns if turn.at >= moment]


def ratio_of(turns: list[Turn]) -> float:
    """Return how much longer the observed batches took than the others."""
    return sum(turn.taken for turn in turns) / (sum(turn.bare for turn in turns) or 1)


def expected_lines(turns: int) -> tuple[set[int], set[int]]:
    """Return which lines have run for sure after so many turns, and which have not."""
    lines = SERVICE.splitlines()
    at = lines.index("def rare(x):") + 1
    reached = (turns - 1) // 10
    ran = {number for number, line in enumerate(lines, 1) if number <= at and line}
    ran -= {2, *(number for number, line in enumerate(lines, 1) if line == "        never()")}
    never = {2, *(number for number, line in enumerate(lines, 1) if line == "        never()")}
    if reached:
        ran |= {at + 2 * n + 1 for n in range(min(reached + 1, RARE))}
        ran |= {at + 2 * n + 2 for n in range(1, min(reached + 1, RARE))}
        never.add(at + 2)  # of 0
    # One more may have run.
    never |= {at + 2 * n + 2 for n in range(reached + 2, RARE)}
    return ran, never


def remaining(ends: float, is_short: bool, minutes: float) -> float:
    """Return how many seconds the service has left. Where calls are short, it has half of the time more for them."""
    left = ends - time.monotonic()
    return min(1.0, left + minutes * 30) if left <= 0 and is_short else left


@click.command(help=__doc__)
@click.option("--minutes", default=120.0, show_default=True, help="How long at least.")
@click.option("--every", default=60.0, show_default=True, help="Seconds between reports.")
@click.option("--growth", default=1.0, show_default=True, help="MiB that memory may grow by after the first tenth.")
@click.option("--slower", default=0.01, show_default=True, help="Share that the observed code may take longer.")
@click.option("--calls", default=0, help="How many to spread over the time.  [default: as many as it can]")
@click.option("--more", default=0, show_default=True, help="Batches a turn that are not compared.")
def main(minutes: float, every: float, growth: float, slower: float, calls: int, more: int) -> None:
    """Run it."""
    seconds = minutes * 60 / calls * (1 + more) * CALLS if calls else 0.0
    mib = os.sysconf("SC_PAGESIZE") / (1 << 20)
    begun = time.monotonic()
    warm, settled, ends = begun + min(60, minutes * 6), begun + minutes * 6, begun + minutes * 60
    problems = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for module in ("endured_service", "endured_copy"):
            (folder / f"{module}.py").write_text(SERVICE)
        (folder / "service.py").write_text(PROGRAM)
        service = Service(folder, more, seconds)
        while service.process.poll() is None and (left := remaining(ends, service.calls() < calls, minutes)) > 0:
            time.sleep(min(every, left))
            lately = service.after(time.monotonic() - every)
            print(
                f"{time.monotonic() - begun:7.0f} s  {service.calls():>14,} calls  "
                f"{ratio_of(lately):6.3f} of bare  {lately[-1].pages * mib if lately else 0:7.1f} MiB",
                flush=True,
            )
        if service.process.poll() is not None:
            problems.append(f"the service has ended by itself: {service.process.returncode}")
        service.kill()
        found = read(str(folder / "seen"))
        ran, _ = found.line_times(found.newest()[str(folder / "endured_service.py")])
        surely, never = expected_lines(len(service.turns))
    if missing := surely - ran.keys():
        problems.append(f"lines that ran are missing: {sorted(missing)}")
    if wrong := never & ran.keys():
        problems.append(f"lines that never ran are there: {sorted(wrong)}")
    later = service.after(settled)
    ratio = ratio_of(service.after(warm))
    grown = (later[-1].pages - later[0].pages) * mib
    if grown > growth:
        problems.append(f"memory grew by {grown:.1f} MiB")
    if ratio > 1 + slower:
        problems.append(f"the observed code took {ratio:.3f} of what the other took")
    if service.calls() < calls:
        problems.append(f"only {service.calls():,} calls were made")
    for problem in problems:
        print(f"endurance: {problem}", file=sys.stderr)
    print(
        f"minutes={(time.monotonic() - begun) / 60:.1f} calls={service.calls()} ratio={ratio:.3f} "
        f"memory={grown:+.1f} MiB lines={len(ran)} problems={len(problems)}"
    )
    raise SystemExit(1 if problems else 0)


if __name__ == "__main__":
    main()
