"""What tracing requests costs a web service: the FastAPI application of the tests under uvicorn, bare and traced.

The servers run side by side and take turns: each is sent the same requests, on connections that stay open, to five
routes (tasks, threads, a pool of processes, SQLite, plain). Counted is the processor time of a server and of the
processes that it has started; wall-clock throughput has in it what else the machine does. Prints Markdown.
"""

from __future__ import annotations

import asyncio
import os
import platform
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from collections.abc import Iterator

SERVICES = Path(__file__).parents[1] / "tests" / "contrib" / "services"
ROUTES = ("tasks", "threads", "processes", "database", "plain")
SERVERS = {
    "bare": ("bare", 0),
    "sampling 0 %": ("application", 0),
    "sampling 1 %": ("application", 0.01),
    "sampling 100 %": ("application", 1),
}


@contextmanager
def serving(folder: Path, application: str, sample: float, loop: str) -> Iterator[tuple[Path, int]]:
    """Run a server; give its socket and its process group."""
    socket = folder / f"{application}{sample}"
    environment = {
        **os.environ,
        "PYTHONPATH": str(SERVICES),
        "DATA_FILE": str(folder / "data"),
        "SAMPLE": str(sample),
    }
    command = ["uvicorn", "--log-level", "warning", "--no-access-log", "--loop", loop, "--uds", str(socket)]
    with subprocess.Popen(
        [sys.executable, "-m", *command, f"fastapi_service:{application}"], env=environment, start_new_session=True
    ) as server:
        try:
            while not socket.exists():
                if server.poll() is not None:
                    raise click.ClickException(f"the server ended: {server.returncode}")
                time.sleep(0.05)
            yield socket, server.pid
        finally:
            os.killpg(server.pid, signal.SIGKILL)


def processor_time(group: int) -> float:
    """Return the seconds that the processes of a group have had."""
    ticks = 0
    for status in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = status.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[2]) == group:
            ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


async def send(socket: Path, requests: int, connections: int) -> None:
    """Send requests on several connections, and read the answers."""
    numbers = iter(range(requests))

    async def client() -> None:
        reader, writer = await asyncio.open_unix_connection(socket)
        for number in numbers:
            writer.write(f"GET /{ROUTES[number % len(ROUTES)]}/{number} HTTP/1.1\r\nHost: service\r\n\r\n".encode())
            head = await reader.readuntil(b"\r\n\r\n")
            length = next(
                int(line.split(b":")[1]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length")
            )
            if b" 200 " not in head.split(b"\r\n")[0] or int(await reader.readexactly(length)) != number:
                raise click.ClickException(f"wrong answer: {head!r}")
        writer.close()

    await asyncio.gather(*(client() for _ in range(connections)))


@click.command(help=__doc__)
@click.option("--requests", default=1000, show_default=True, help="Requests of a turn.")
@click.option("--connections", default=50, show_default=True, help="Connections at the same time.")
@click.option("--rounds", default=7, show_default=True, help="Rounds; the median counts.")
@click.option("--loop", type=click.Choice(["asyncio", "uvloop"]), default="asyncio", show_default=True)
def main(requests: int, connections: int, rounds: int, loop: str) -> None:
    """Measure all servers in turn, `rounds` times over."""
    spent: dict[str, list[float]] = {name: [] for name in SERVERS}
    rates: dict[str, list[float]] = {name: [] for name in SERVERS}
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        servers = {
            name: stack.enter_context(serving(Path(folder), application, sample, loop))
            for name, (application, sample) in SERVERS.items()
        }
        for turn in range(rounds + 1):
            for name, (socket, group) in servers.items():
                before, begin = processor_time(group), time.perf_counter()
                asyncio.run(send(socket, requests, connections))
                if turn:  # the first warms up
                    rates[name].append(requests / (time.perf_counter() - begin))
                    spent[name].append((processor_time(group) - before) / requests * 1e6)
    click.echo(
        f"CPython {platform.python_version()}, uvicorn with {loop}, {os.cpu_count()} processors, {connections} "
        f"connections, median of {rounds} rounds of {requests} requests\n"
    )
    click.echo("| | µs of processor a request | over bare | requests a second |\n| --- | ---: | ---: | ---: |")
    for name in SERVERS:
        ratio = statistics.median(mine / bare for mine, bare in zip(spent[name], spent["bare"], strict=True))
        click.echo(
            f"| {name} | {statistics.median(spent[name]):,.0f} | {ratio:.2f} | {statistics.median(rates[name]):,.0f} |"
        )


if __name__ == "__main__":
    main()
