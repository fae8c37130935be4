"""What greenlets do belongs to the trace that started them; each has a context of its own."""

import contextvars
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import greenlet
import pytest
from following import EXPECTED, TRACES, ran

from pykcov import Tracer

gevent = pytest.importorskip("gevent")
pytest.importorskip("gevent.pool")
pytest.importorskip("gevent.threadpool")


def spawned(job: Callable[[], Any]) -> None:
    gevent.joinall([gevent.spawn(job), gevent.spawn_later(0.001, job)])


def in_a_pool(job: Callable[[], Any]) -> None:
    assert len(list(gevent.pool.Pool(2).imap_unordered(lambda _: (gevent.sleep(0), job()), range(3)))) == 3


def in_a_thread(job: Callable[[], Any]) -> None:
    pool = gevent.get_hub().threadpool
    assert pool.spawn(job).get() is not None
    assert pool.apply(job) is not None


def in_greenlets_of_greenlets(job: Callable[[], Any]) -> None:
    gevent.spawn(lambda: gevent.spawn(job).join()).join()


@pytest.mark.parametrize("way", [spawned, in_a_pool, in_a_thread, in_greenlets_of_greenlets])
def test_what_50_concurrent_traces_of_gevent_cause_is_each_ones_own(
    way: Callable[..., Any], functions: ModuleType, tracer: Tracer
) -> None:
    def one(n: int) -> set[str]:
        with tracer.trace() as trace:
            gevent.sleep(0)
            way(getattr(functions, f"own{n}"))
            gevent.sleep(0)
        return ran(trace)

    greenlets = [gevent.spawn(one, n) for n in range(TRACES)]
    gevent.joinall(greenlets, raise_error=True)
    assert {n: greenlet.value for n, greenlet in enumerate(greenlets)} == EXPECTED


def test_bare_greenlets_work_for_whom_their_context_names(functions: ModuleType, tracer: Tracer) -> None:
    def work(n: int) -> None:
        for _ in range(3):
            greenlet.getcurrent().parent.switch()  # type: ignore[union-attr]
            getattr(functions, f"own{n % TRACES}")()

    traces, greenlets = [], []
    for n in range(TRACES):
        with tracer.trace() as trace:
            one = greenlet.greenlet(work)
            one.gr_context = contextvars.copy_context()
            one.switch(n)
            if n % 2:
                one.switch()
            nobody = greenlet.greenlet(work)
            nobody.switch(n + 1)
            nobody.switch()
            traces.append(trace)
            greenlets.append(one)
    for one in greenlets:
        one.switch()  # the traces have ended
    assert [ran(trace) for trace in traces] == [{f"own{n}"} if n % 2 else set() for n in range(TRACES)]


def test_greenlets_find_other_variables_as_they_would_be(functions: ModuleType, tracer: Tracer) -> None:
    variable = contextvars.ContextVar[int]("variable", default=1)
    variable.set(2)
    with tracer.trace():
        assert gevent.spawn(variable.get).get() == 1
        assert gevent.spawn(lambda: len(contextvars.copy_context())).get() == 1


PROGRAM = """
import threading, sys
{before}
import pykcov
sys.path.insert(0, {folder!r})
import {module} as functions

found = {{}}
def one(n):
    with tracer.trace() as trace:
        thread = threading.Thread(target=getattr(functions, f"own{{n}}"))
        thread.start()
        thread.join()
        {spawn}
    found[n] = {{location.function for location in trace.locations()}}

with pykcov.Tracer(source=[{folder!r}]) as tracer:
    {after}
    threads = [threading.Thread(target=one, args=(n,)) for n in range(50)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
assert found == {{n: {{f"own{{n}}"}} for n in range(50)}}, found
assert "pykcov" not in repr(threading.__dict__.get("_start_new_thread", ""))
print("each its own")
"""
PATCHES = {
    "gevent": (
        "from gevent import monkey; monkey.patch_all()",
        "import gevent; gevent.spawn(getattr(functions, f'own{n}')).join()",
    ),
    "eventlet": (
        "import warnings; warnings.simplefilter('ignore'); import eventlet; eventlet.monkey_patch()",
        "import eventlet; eventlet.spawn(getattr(functions, f'own{n}')).wait()",
    ),
}


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("library", PATCHES)
def test_code_that_patches_threading_does_not_lead_traces_astray(
    library: str, when: str, functions: ModuleType, tmp_path: Path
) -> None:
    patch, spawn = PATCHES[library]
    program = PROGRAM.format(
        before=patch if when == "before" else "",
        after=patch if when == "after" else "pass",
        folder=str(tmp_path),
        module=functions.__name__,
        spawn=spawn,
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=100)
    assert (done.returncode, done.stdout) == (0, "each its own\n"), done.stderr


def test_what_a_library_of_another_version_lacks_is_named_once() -> None:
    program = """
import sys, types, warnings
sys.modules["gevent"] = types.ModuleType("gevent")
sys.modules["gevent.threadpool"] = types.ModuleType("gevent.threadpool")
sys.modules["gevent.greenlet"] = types.ModuleType("gevent.greenlet")
import threading, pykcov, json.encoder
found = []
with warnings.catch_warnings(record=True) as told:
    warnings.simplefilter("always")
    for _ in range(2):
        with pykcov.trace(include=["json"], follow=True) as trace:
            thread = threading.Thread(target=json.dumps, args=("x",))
            thread.start()
            thread.join()
        found.append({location.function for location in trace.locations()})
assert found[0] == found[1] and "dumps" in found[0], found
assert len(told) == 3, [str(one.message) for one in told]
names = "gevent.greenlet.Greenlet", "gevent.threadpool.ThreadPool.spawn", "gevent.threadpool.ThreadPool._add"
for one, name in zip(told, names):
    assert name in str(one.message) and "is not followed" in str(one.message), str(one.message)
"""
    subprocess.run([sys.executable, "-c", program], check=True, timeout=100)
