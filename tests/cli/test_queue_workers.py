"""Workers of task queues are traced, with a real broker: each job of rq is a child of its own, celery has a pool."""

import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest

from pykcov.traces.tracefile import TraceFile

REDIS = shutil.which("redis-server")
pytestmark = pytest.mark.skipif(REDIS is None, reason="needs Debian's redis-server")

JOBS = """\
import os
def add(x, y):
    total = x + y
    return total, os.getpid()
def never():
    return 0
"""
RQ = """\
import sys
from redis import Redis
from rq import Queue, Worker
import jobs
connection = Redis(unix_socket_path=sys.argv[1])
queue = Queue(connection=connection)
made = [queue.enqueue(jobs.add, n, n) for n in range(2)]
Worker([queue], connection=connection).work(burst=True)
print([job.return_value() for job in made])
"""
CELERY = """\
import sys
from celery import Celery
import jobs
address = "redis+socket://" + sys.argv.pop(1)
app = Celery("tasks", broker=address, backend=address)
add = app.task(name="add")(jobs.add)
if __name__ == "__main__":
    app.worker_main(sys.argv[1:])
"""
CALLER = """\
import sys
import tasks
print([made.get(timeout=60) for made in [tasks.add.delay(n, n) for n in range(2)]])
"""


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Path]:
    """The socket of a redis of this test's own."""
    socket = tmp_path / "redis"
    words = ["--port", "0", "--unixsocket", str(socket), "--save", "", "--appendonly", "no"]
    server = subprocess.Popen([str(REDIS), *words], cwd=tmp_path, stdout=subprocess.DEVNULL)
    try:
        while not socket.exists():
            assert server.poll() is None
            time.sleep(0.01)
        yield socket
    finally:
        server.terminate()
        server.wait()


def lines_of_children(folder: Path) -> list[list[int]]:
    """Return which lines of jobs.py each process has run, but for the first; only those that have run any."""
    trace = TraceFile.load(folder / "pykcov.npz")
    found = {}
    for thread in trace.threads:
        lines = trace.locations.lines_of(trace.locations.rows_of(thread.pcs)).get(str(folder / "jobs.py"))
        if thread.process and lines:
            found[thread.process] = lines
    return [found[process] for process in sorted(found)]


@pytest.mark.skipif(find_spec("rq") is None, reason="needs rq")
def test_each_job_of_rq_is_a_traced_child(tmp_path: Path, broker: Path) -> None:
    (tmp_path / "jobs.py").write_text(JOBS)
    (tmp_path / "worker.py").write_text(RQ)
    done = subprocess.run(
        [sys.executable, "-m", "pykcov", "run", "-q", "worker.py", str(broker)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1].startswith("[(0, ")
    assert lines_of_children(tmp_path) == [[3, 4], [3, 4]]


@pytest.mark.skipif(find_spec("celery") is None, reason="needs celery")
def test_the_pool_of_celery_is_traced(tmp_path: Path, broker: Path) -> None:
    (tmp_path / "jobs.py").write_text(JOBS)
    (tmp_path / "tasks.py").write_text(CELERY)
    (tmp_path / "caller.py").write_text(CALLER)
    words = ["tasks.py", str(broker), "worker", "--concurrency", "2", "--loglevel", "error"]
    worker = subprocess.Popen(
        [sys.executable, "-m", "pykcov", "run", "-q", *words], cwd=tmp_path, stderr=subprocess.PIPE, text=True
    )
    try:
        called = subprocess.run(
            [sys.executable, "caller.py", str(broker)], cwd=tmp_path, capture_output=True, text=True, timeout=120
        )
        assert called.stdout.startswith("[[0, "), called.stderr
    finally:
        worker.terminate()
        _, errors = worker.communicate(timeout=60)
    assert worker.returncode == 0, errors
    children = lines_of_children(tmp_path)
    assert children
    assert all(lines == [3, 4] for lines in children)
