"""The middleware tells which lines served which route, of requests that are served at the same time."""

import asyncio
import os
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import ModuleType
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, make_server

import pytest
from coverage import CoverageData

from pykcov.contrib.web import ASGIMiddleware, RequestCoverage, ServiceCoverage, WSGIMiddleware
from pykcov.coverage.checked import conditions_in, read_own
from pykcov.once.report import read
from pykcov.traces.facts import FALSE, FALSE_DECIDED, TRUE

ROUTES = 5
# Each route has functions of its own: lines 6 * n + 1 to 6 * n + 6.
FUNCTIONS = """def helper{n}(number):
    number += {n}
    return number

def serve{n}(number):
    return helper{n}(number)
"""
SERVICE = "".join(FUNCTIONS.format(n=n) for n in range(ROUTES))


@pytest.fixture
def service(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    (tmp_path / "service_to_trace.py").write_text(SERVICE)
    monkeypatch.syspath_prepend(tmp_path)
    import service_to_trace

    yield service_to_trace
    del sys.modules["service_to_trace"]


def contexts(data_file: str) -> dict[str, list[int]]:
    data = CoverageData(data_file)
    data.read()
    (file,) = data.measured_files()
    found = {}
    for context in data.measured_contexts():
        data.set_query_context(context)
        found[context] = sorted(data.lines(file) or [])
    return found


EXPECTED = {f"GET /route{n}/{{number}}": [6 * n + 2, 6 * n + 3, 6 * n + 6] for n in range(ROUTES)}


def asgi_application(service: ModuleType) -> Callable[..., Any]:
    async def application(scope: dict[str, Any], receive: object, send: Callable[..., Any]) -> None:
        if scope["type"] != "http":
            return
        _, route, number = scope["path"].split("/")
        scope["endpoint"], scope["path_params"] = application, {"number": number}
        serve = getattr(service, route.replace("route", "serve"))
        await asyncio.sleep(0.001)
        task = asyncio.create_task(asyncio.to_thread(serve, int(number)))
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": str(await task).encode()})

    return application


async def ask(application: Callable[..., Any], path: str, method: str = "GET", kind: str = "http") -> list[Any]:
    sent: list[Any] = []

    async def send(message: object) -> None:
        sent.append(message)

    await application({"type": kind, "method": method, "path": path}, None, send)
    return sent


async def ask_all(application: Callable[..., Any]) -> None:
    answers = await asyncio.gather(*(ask(application, f"/route{n}/{i}") for i in range(40) for n in range(ROUTES)))
    assert [answer[1]["body"] for answer in answers] == [b"%d" % (n + i) for i in range(40) for n in range(ROUTES)]


def test_each_of_200_concurrent_asgi_requests_is_kept_under_its_route(service: ModuleType, tmp_path: Path) -> None:
    coverage = RequestCoverage(source=[tmp_path], data_file=tmp_path / "data")
    application = ASGIMiddleware(asgi_application(service), coverage)
    asyncio.run(ask_all(application))
    asyncio.run(ask(application, "", kind="lifespan"))  # its end saves
    (written,) = tmp_path.glob("data.*")
    assert contexts(str(written)) == EXPECTED


def test_the_endpoint_answers_with_the_data_so_far(service: ModuleType, tmp_path: Path) -> None:
    coverage = RequestCoverage(source=[tmp_path], data_file=None, endpoint="/coverage")
    application = ASGIMiddleware(asgi_application(service), coverage)

    async def main() -> None:
        await ask_all(application)
        start, body = await ask(application, "/coverage")
        assert start["status"] == 200
        (tmp_path / "copy").write_bytes(body["body"])
        assert (await ask(application, "/coverage", "POST"))[0]["status"] == 405

    asyncio.run(main())
    coverage.stop()
    assert contexts(str(tmp_path / "copy")) == EXPECTED


def test_a_service_tells_what_ran_at_all_in_requests_and_outside(tmp_path: Path) -> None:
    (tmp_path / "service_to_trace.py").write_text(SERVICE)
    (tmp_path / "serve.py").write_text(OBSERVED)
    done = subprocess.run([sys.executable, "serve.py"], cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert done.returncode == -9, done.stderr
    definitions = [line for n in range(ROUTES) for line in (6 * n + 1, 6 * n + 5)]
    assert contexts(str(tmp_path / "copy")) == {"": sorted([*definitions, 8, 9, 12, 20, 21, 24])}
    observed = read(str(tmp_path / "seen"))
    ran, never = observed.line_times(observed.newest()[str(tmp_path / "service_to_trace.py")])
    assert sorted(ran) == sorted([*definitions, 2, 3, 6, 8, 9, 12, 20, 21, 24])
    assert never == [14, 15, 18, 26, 27, 30]


OBSERVED = """
import asyncio, os, signal
from pykcov.contrib.web import ASGIMiddleware, ServiceCoverage, WSGIMiddleware

coverage = ServiceCoverage("seen", include=["service_to_trace"], endpoint="/coverage")
import service_to_trace

async def application(scope, receive, send):
    service_to_trace.serve1(0)

sent = []

async def send(message):
    sent.append(message)

service_to_trace.serve3(1)
application = ASGIMiddleware(application, coverage)
asyncio.run(application({"type": "http", "method": "GET", "path": "/"}, None, send))
assert not sent
asyncio.run(application({"type": "http", "method": "GET", "path": "/coverage"}, None, send))
with open("copy", "wb") as file:
    file.write(sent[1]["body"])
asyncio.run(application({"type": "lifespan"}, None, send))
served = WSGIMiddleware(lambda environ, start: [b"%d" % service_to_trace.serve0(0)], coverage)
assert served({"PATH_INFO": "/", "REQUEST_METHOD": "GET"}, None) == [b"0"]
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_the_data_of_a_service_has_branches_if_asked_for(service: ModuleType, tmp_path: Path) -> None:
    (tmp_path / "branching.py").write_text("def f(x):\n    if x:\n        x = 1\n    return x\n")
    coverage = ServiceCoverage(tmp_path / "seen", include=["branching"], granularity="arc")
    try:
        import branching

        branching.f(0)
        (tmp_path / "copy").write_bytes(coverage.data())
    finally:
        coverage.close()
        sys.modules.pop("branching", None)
    data = CoverageData(str(tmp_path / "copy"))
    data.read()
    arcs = data.arcs(str(tmp_path / "branching.py")) or []
    assert (2, 4) in arcs
    assert (2, 3) not in arcs


def test_each_route_has_what_it_saw_of_conditions_if_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "deciding.py").write_text("def f(x, y):\n    return 1 if x and y else 2\n")
    monkeypatch.syspath_prepend(tmp_path)
    coverage = RequestCoverage(include=["deciding"], granularity="condition", data_file=tmp_path / "data")

    def application(environ: dict[str, Any], start: Any) -> list[bytes]:
        import deciding

        start("200 OK", [])
        return [b"%d" % deciding.f(environ["PATH_INFO"] == "/one", False)]

    served = WSGIMiddleware(application, coverage)
    for path in ("/one", "/other"):
        for part in (body := served({"PATH_INFO": path}, lambda *_: None)):
            assert part == b"2"
        body.close()  # type: ignore[attr-defined]
    name = coverage.save()
    coverage.stop()
    sys.modules.pop("deciding", None)
    known, seen = conditions_in(read_own(str(name)))
    (file,) = known
    columns = {route: sorted((fact[1], fact[4]) for fact in facts[file]) for route, facts in seen.items()}
    x, y = 16, 22
    assert columns == {
        "GET /one": [(x, TRUE), (y, FALSE), (y, FALSE_DECIDED)],
        "GET /other": [(x, FALSE), (x, FALSE_DECIDED)],
    }


def test_without_a_share_of_requests_nothing_is_traced_or_written(service: ModuleType, tmp_path: Path) -> None:
    coverage = RequestCoverage(source=[tmp_path], data_file=tmp_path / "data", sample=0)
    before = service.serve0.__code__
    asyncio.run(ask_all(ASGIMiddleware(asgi_application(service), coverage)))
    coverage.stop()
    assert service.serve0.__code__ is before
    assert not list(tmp_path.glob("data*"))


def test_an_exception_of_the_application_passes_and_its_request_is_kept(service: ModuleType, tmp_path: Path) -> None:
    coverage = RequestCoverage(source=[tmp_path], data_file=tmp_path / "data")

    async def application(scope: object, receive: object, send: object) -> None:
        service.serve3("not a number")

    with pytest.raises(TypeError, match="concatenate"):
        asyncio.run(ask(ASGIMiddleware(application, coverage), "/broken"))
    coverage.stop()
    (written,) = tmp_path.glob("data.*")
    assert contexts(str(written)) == {"GET /broken": [20, 24]}


class QuietHandler(WSGIRequestHandler):
    def log_message(self, *unused: object) -> None:
        pass


def test_a_wsgi_response_is_traced_until_it_is_closed(service: ModuleType, tmp_path: Path) -> None:
    def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        _, route, number = environ["PATH_INFO"].split("/")
        start_response("200 OK", [("Content-Type", "text/plain")])

        def body() -> Iterator[bytes]:
            yield str(getattr(service, route.replace("route", "serve"))(int(number))).encode()

        return body()

    def route(environ: dict[str, Any]) -> str:
        return f"GET {environ['PATH_INFO'].rpartition('/')[0]}/{{number}}"

    coverage = RequestCoverage(source=[tmp_path], data_file=tmp_path / "data")
    with make_server(
        "127.0.0.1", 0, WSGIMiddleware(application, coverage, route), handler_class=QuietHandler
    ) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()

        def get(path: str) -> bytes:
            with urllib.request.urlopen(f"http://127.0.0.1:{server.server_port}{path}") as response:
                answer: bytes = response.read()
                return answer

        with ThreadPoolExecutor(4) as pool:
            answers = list(pool.map(get, [f"/route{n}/{i}" for i in range(4) for n in range(ROUTES)]))
        server.shutdown()
        thread.join()
    assert answers == [b"%d" % (n + i) for i in range(4) for n in range(ROUTES)]
    written = coverage.save()
    coverage.stop()
    assert written is not None
    assert contexts(written) == EXPECTED


def test_a_share_or_an_endpoint_that_is_none_is_refused() -> None:
    with pytest.raises(ValueError, match="sample=2"):
        RequestCoverage(sample=2)
    with pytest.raises(ValueError, match="'coverage'"):
        RequestCoverage(endpoint="coverage")
    with pytest.raises(ValueError, match="endpoint"):
        ServiceCoverage("nowhere", endpoint="coverage")


WITH_INTERRUPTS = """
import atexit, gc, signal, threading, os, sys
import service_to_trace
from pykcov.contrib.web import RequestCoverage, WSGIMiddleware

class Thing:
    def __del__(self):
        service_to_trace.serve0(1)

def application(environ, start_response):
    thing = Thing()
    thing.me = thing
    del thing
    gc.collect()
    done = threading.Event()
    signal.signal(signal.SIGUSR1, lambda *_: (service_to_trace.serve1(1), done.set()))
    threading.Thread(target=os.kill, args=(os.getpid(), signal.SIGUSR1)).start()
    while not done.wait(0.001):
        pass
    service_to_trace.serve2(1)
    start_response("200 OK", [])
    return []

coverage = RequestCoverage(include=["service_to_trace"], data_file=sys.argv[1])
atexit.register(service_to_trace.serve3, 1)
WSGIMiddleware(application, coverage)({"REQUEST_METHOD": "GET", "PATH_INFO": "/"}, lambda *_: None).close()
"""


def test_what_barges_in_on_a_service_and_its_end_are_contexts(service: ModuleType, tmp_path: Path) -> None:
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    (folder / "program.py").write_text(WITH_INTERRUPTS)
    subprocess.run(
        [sys.executable, "program.py", str(folder / "data")],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(tmp_path)},
        check=True,
        timeout=60,
    )
    (data_file,) = folder.glob("data.*")
    assert contexts(str(data_file)) == {
        "GET /": [2, 3, 6, 14, 15, 18],
        "(signal)": [8, 9, 12],
        "(exit)": [20, 21, 24],
    }
