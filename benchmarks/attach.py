"""How long requests take before, while and after `pykcov attach` traces their service, and how soon as before again.

python benchmarks/attach.py [--cycles N] [threads|asyncio]
"""

import argparse
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

SERVICE = Path(__file__).parents[1] / "tests" / "live" / "service.py"
WINDOW = 50
"""Requests whose median is compared."""


class Client:
    """Asks on a connection for each request, again and again, and notes when and how long."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.took: list[tuple[float, float]] = []
        self.failed = 0
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        while not self._ending.is_set():
            began = time.monotonic()
            try:
                with socket.socket(socket.AF_UNIX) as connection, connection.makefile("rw") as file:
                    connection.connect(self.path)
                    file.write("20\n")
                    file.flush()
                    self.failed += file.readline() != "41\n"
            except OSError:
                self.failed += 1
            self.took.append((began, time.monotonic() - began))

    def end(self) -> None:
        self._ending.set()
        self._thread.join()

    def between(self, start: float, end: float) -> list[float]:
        return [took for began, took in self.took if start <= began < end]


def back(client: Client, end: float, usual: float) -> float:
    """Return how many seconds after `end` the median of WINDOW requests was within a tenth of the usual one."""
    later = [(began, took) for began, took in client.took if began >= end]
    for at in range(len(later) - WINDOW):
        if statistics.median(took for _, took in later[at : at + WINDOW]) <= 1.1 * usual:
            return later[at][0] - end
    return float("inf")


def milliseconds(took: list[float]) -> str:
    return f"median {1000 * statistics.median(took):.2f} ms, longest {1000 * max(took):.1f} ms"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("kind", nargs="?", default="threads", choices=["threads", "asyncio"])
    parser.add_argument("--cycles", type=int, default=5)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = f"{folder}/socket"
        with subprocess.Popen([sys.executable, str(SERVICE), options.kind, path], cwd=folder) as service:
            while not Path(path).exists():
                time.sleep(0.05)
            client = Client(path)
            try:
                for _ in range(options.cycles):
                    start = time.monotonic()
                    time.sleep(2)
                    begin = time.monotonic()
                    command = [sys.executable, "-m", "pykcov", "attach", str(service.pid), "--seconds", "1"]
                    subprocess.run(
                        [*command, "--source", str(SERVICE.parent)], cwd=folder, check=True, capture_output=True
                    )
                    end = time.monotonic()
                    time.sleep(2)
                    before, meanwhile = client.between(start, begin), client.between(begin, end)
                    print(f"before:    {milliseconds(before)}")
                    print(f"meanwhile: {milliseconds(meanwhile)}")
                    seconds = back(client, end, statistics.median(before))
                    print(f"after:     as before {seconds:.2f} s after the command ended")
            finally:
                client.end()
                service.kill()
    print(f"{len(client.took)} requests, {client.failed} failed")


if __name__ == "__main__":
    main()
