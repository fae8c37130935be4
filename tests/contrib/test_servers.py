"""Real applications under real servers: which lines served which route, of 200 requests at the same time."""

import ast
import asyncio
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import httpx
import pytest
from coverage import CoverageData

SERVICES = Path(__file__).parent / "services"
WORK = SERVICES / "routes" / "work.py"
ROUTES = ("tasks", "threads", "processes", "database", "plain")
REQUESTS = 200


def lines_of(route: str) -> list[int]:
    """Return the lines of the functions of a route: each statement of them, as none is ever skipped."""
    tree = ast.parse(WORK.read_text())
    functions = [
        node
        for node in tree.body
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.partition("_")[0] == route
    ]
    return sorted(statement.lineno for function in functions for statement in function.body)


@contextmanager
def serving(command: list[str], path: Path, environment: dict[str, str]) -> Iterator[None]:
    """Run a server until it is told to end, which has to go well."""
    variables = {**os.environ, "PYTHONPATH": str(SERVICES), **environment}
    log = path.with_name("log")
    with (
        log.open("w") as output,
        subprocess.Popen(
            [sys.executable, "-m", *command], env=variables, stdout=output, stderr=output, start_new_session=True
        ) as server,
    ):
        try:
            # httpx leaves a socket open where nobody listens.
            while not (_listens(path) and _answers(path)):
                # A server with several workers goes on where they cannot.
                assert server.poll() is None and "Traceback" not in log.read_text(), log.read_text()  # noqa: PT018
                time.sleep(0.05)
            yield
            server.send_signal(signal.SIGTERM)
            server.wait(100)
            assert "Traceback" not in log.read_text(), log.read_text()
        finally:
            with suppress(ProcessLookupError):
                os.killpg(server.pid, signal.SIGKILL)  # those of its pool, too


def _listens(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as tried:
        return tried.connect_ex(str(path)) == 0


def _answers(path: Path) -> bool:
    with httpx.Client(transport=httpx.HTTPTransport(uds=str(path)), timeout=100) as client:
        try:
            return client.get("http://service/nowhere").status_code == 404
        except httpx.TransportError:
            return False


async def ask(path: Path) -> None:
    transport = httpx.AsyncHTTPTransport(uds=str(path), limits=httpx.Limits(max_connections=REQUESTS))
    async with httpx.AsyncClient(transport=transport, timeout=300) as client:

        async def one(number: int) -> None:
            answer = await client.get(f"http://service/{ROUTES[number % len(ROUTES)]}/{number}")
            assert (answer.status_code, answer.text) == (200, str(number))

        await asyncio.gather(*map(one, range(REQUESTS)))


def contexts(folder: Path, workers: int) -> dict[str, dict[str, list[int]]]:
    """Return by context, and the name of the file, the lines in all data files."""
    files = list(folder.glob("data.*"))
    assert 1 <= len(files) <= workers
    found: dict[str, dict[str, list[int]]] = {}
    for name in files:
        data = CoverageData(str(name))
        data.read()
        for context in data.measured_contexts():
            data.set_query_context(context)
            for file in data.measured_files():
                if lines := data.lines(file):
                    so_far = found.setdefault(context, {}).setdefault(Path(file).name, [])
                    so_far[:] = sorted({*so_far, *lines})
    return found


UVICORN = ["uvicorn", "--log-level", "warning", "--uds"]
GUNICORN = ["gunicorn", "--log-level", "warning", "--worker-class", "gthread", "--threads", "8", "--bind"]


def uvicorn(application: str, *options: str) -> tuple[str, list[str]]:
    return application, ["uvicorn", "--log-level", "warning", "--uds", "SOCKET", *options, application]


def gunicorn(application: str, *options: str) -> tuple[str, list[str]]:
    threads = ["--worker-class", "gthread", "--threads", "8"]
    return application, ["gunicorn", "--log-level", "warning", "--bind", "unix:SOCKET", *threads, *options, application]


SERVERS = {
    "fastapi, uvicorn with asyncio": uvicorn("fastapi_service:application", "--loop", "asyncio"),
    "fastapi, two workers": uvicorn("fastapi_service:application", "--loop", "asyncio", "--workers", "2"),
    "fastapi, uvicorn with uvloop": uvicorn("fastapi_service:application", "--loop", "uvloop"),
    "fastapi, two workers with uvloop": uvicorn("fastapi_service:application", "--loop", "uvloop", "--workers", "2"),
    "django, uvicorn": uvicorn("django_service:asynchronous"),
    "django, gunicorn with threads": gunicorn("django_service:application"),
    "flask, gunicorn with threads": gunicorn("flask_service:application"),
    "flask, two workers with threads": gunicorn("flask_service:application", "--workers", "2"),
}


@pytest.mark.parametrize("server", SERVERS)
def test_each_of_200_concurrent_requests_to_a_real_server_is_kept_under_its_route(server: str, tmp_path: Path) -> None:
    application, command = SERVERS[server]
    path = tmp_path / "socket"
    command = [word.replace("SOCKET", str(path)) for word in command]
    with serving(command, path, {"DATA_FILE": str(tmp_path / "data")}):
        asyncio.run(ask(path))
    parameter = "{number}" if application.startswith("fastapi") else "<int:number>"
    found = contexts(tmp_path, 2 if "two workers" in server else 1)
    assert found == {f"GET /{name}/{parameter}": {"work.py": lines_of(name)} for name in ROUTES}
