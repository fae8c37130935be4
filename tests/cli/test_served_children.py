"""Workers of real servers are traced, and so is what a reloader starts."""

import http.client
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from pykcov.traces.tracefile import TraceFile

Write = Callable[[str, str], Path]
Load = Callable[[], TraceFile]

APPLICATION = """\
import os
def wsgi(environ, start_response):
    body = str(os.getpid()).encode()
    start_response("200 OK", [("Content-Length", str(len(body)))])
    return [body]
async def asgi(scope, receive, send):
    if scope["type"] == "http":
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": str(os.getpid()).encode()})
"""
DJANGO = """\
import os, sys
from django.conf import settings
from django.core.management import execute_from_command_line
from django.http import HttpResponse
from django.urls import path
def home(request):
    return HttpResponse(str(os.getpid()))
urlpatterns = [path("", home)]
if __name__ == "__main__":
    settings.configure(DEBUG=True, ROOT_URLCONF="served", ALLOWED_HOSTS=["*"])
    execute_from_command_line(sys.argv)
"""
FLASK = """\
import os, sys
from flask import Flask
app = Flask(__name__)
@app.route("/")
def home():
    return str(os.getpid())
if __name__ == "__main__":
    app.run(port=int(sys.argv[1]), debug=True)
"""
# The words of the program, how many processes serve, and the lines that each of these runs.
SERVERS = {
    "gunicorn": (APPLICATION, ("-m", "gunicorn", "-w", "2", "-b", "127.0.0.1:{port}", "served:wsgi"), 2, {3, 4, 5}),
    "uvicorn": (APPLICATION, ("-m", "uvicorn", "--workers", "2", "--port", "{port}", "served:asgi"), 2, {7, 8, 9}),
    "django": (DJANGO, ("served.py", "runserver", "{port}"), 1, {7}),
    "flask": (FLASK, ("served.py", "{port}"), 1, {6}),
}


def served_by(port: int) -> int:
    """Return the pid of the process that answers a request."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request("GET", "/")
        return int(connection.getresponse().read())
    finally:
        connection.close()


@pytest.mark.parametrize("name", SERVERS)
def test_what_serves_requests_is_traced(write: Write, trace: Load, tmp_path: Path, name: str) -> None:
    pytest.importorskip(name)
    code, words, processes, lines = SERVERS[name]
    write("served.py", code)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    arguments = [word.format(port=port) for word in words]
    started = subprocess.Popen(
        [sys.executable, "-m", "pykcov", "run", "-q", *arguments],
        cwd=tmp_path,
        env={name: value for name, value in os.environ.items() if not name.startswith(("PYTEST", "COV_"))},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    served: set[int] = set()
    deadline = time.monotonic() + 60
    try:
        while len(served) < processes and time.monotonic() < deadline:
            try:
                served.add(served_by(port))
            except OSError:
                time.sleep(0.1)
    finally:
        started.send_signal(signal.SIGTERM)
        started.wait(60)
    assert len(served) == processes
    found = trace()
    for pid in served:
        ran = {
            line
            for thread in found.threads
            if found.processes[thread.process].pid == pid
            for line in found.lines(thread)[str(tmp_path / "served.py")]
        }
        assert lines <= ran
    assert {Path(file).name for file in found.lines()} == {"served.py"}
