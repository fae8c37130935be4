"""What `pykcov run --live` costs the program beside `pykcov run`: its own processor time, in turns.

python benchmarks/live.py [--rounds N] [--mode MODE]
"""

import argparse
import json
import os
import pty
import statistics
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

PROGRAM = """
import json, os, sys, threading, time

def collatz(number):
    steps = 0
    while number != 1:
        number = number // 2 if number % 2 == 0 else 3 * number + 1
        steps += 1
    return steps

def work(numbers):
    for number in numbers:
        collatz(number)

def main():
    threads = [threading.Thread(target=work, args=(range(first + 1, ROOM, 8),)) for first in range(8)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()

ROOM = int(sys.argv[1])
child = os.fork()
main()
if not child:
    os._exit(0)
os.waitpid(child, 0)
times = os.times()
with open(sys.argv[2], "w") as file:
    json.dump(times.user + times.system + times.children_user + times.children_system, file)
"""


def seconds(folder: Path, room: int, mode: str, live: bool) -> float:
    """Run the program on a terminal of its own and return the processor time that it took."""
    words = ["run", "-q", "-o", "trace.npz", "--mode", mode, *["--live"] * live, "program.py", str(room), "took.json"]
    master, slave = pty.openpty()
    drain = threading.Thread(target=read_all, args=(master,))
    drain.start()
    environment = os.environ | {"TERM": "xterm-256color"}
    command = [sys.executable, "-m", "pykcov", *words]
    try:
        subprocess.run(command, cwd=folder, env=environment, stdin=slave, stdout=slave, stderr=slave, check=True)
    finally:
        os.close(slave)
        drain.join()
        os.close(master)
    return float(json.loads((folder / "took.json").read_text()))


def read_all(master: int) -> None:
    """Take what is printed until nobody has the terminal open any longer."""
    try:
        while os.read(master, 1 << 16):
            pass
    except OSError:
        pass


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--mode", default="unique")
    parser.add_argument("--room", type=int, default=40_000, help="how much there is to do")
    options = parser.parse_args()
    ratios = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "program.py").write_text(PROGRAM)
        for number in range(options.rounds):
            order = (False, True) if number % 2 else (True, False)
            took = {live: seconds(folder, options.room, options.mode, live) for live in order}
            ratios.append(took[True] / took[False])
            print(f"without {took[False]:.2f} s, live {took[True]:.2f} s, ratio {ratios[-1]:.3f}", flush=True)
    print(f"median ratio {statistics.median(ratios):.3f}, mode {options.mode}")


if __name__ == "__main__":
    main()
