"""Other interpreters of the process are not followed, and their pools do under a trace what they do without one."""

import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("concurrent.interpreters", reason="InterpreterPoolExecutor is new in Python 3.14")

WORK = """\
def twice(x):
    return x * 2

def fails():
    raise KeyError("no")

def prepared(x):
    import builtins
    builtins.prepared = x

def what_was_prepared():
    return prepared_value()

def prepared_value():
    import builtins
    return builtins.prepared
"""

PROGRAM = """\
import asyncio, contextlib, sys
from concurrent.futures import InterpreterPoolExecutor, ThreadPoolExecutor
from concurrent.interpreters import NotShareableError
import work

def show(function, *arguments):
    try:
        print(function(*arguments))
    except NotShareableError:
        print("NotShareableError")
    except Exception as error:
        print(type(error), error)

class Pool(InterpreterPoolExecutor):
    def submit(self, function, /, *arguments):
        return super().submit(function, *arguments)

async def by_asyncio(pool):
    return await asyncio.get_running_loop().run_in_executor(pool, work.twice, 4)

def main():
    for kind in (InterpreterPoolExecutor, Pool):
        with kind(2) as pool:
            show(lambda: pool.submit(work.twice, 3).result())
            show(lambda: pool.submit(work.fails).result())
            show(lambda: pool.submit(pow, 2, 5).result())
            show(lambda: list(pool.map(work.twice, range(3))))
            show(lambda: pool.submit(open).result())
            show(lambda: pool.submit(open(__file__).read).result())
            show(lambda: asyncio.run(by_asyncio(pool)))
    with InterpreterPoolExecutor(1, initializer=work.prepared, initargs=(5,)) as pool:
        show(lambda: pool.submit(work.what_was_prepared).result())
    with ThreadPoolExecutor(1) as pool:
        show(lambda: pool.submit(work.twice, 3).result())

if __name__ == "__main__":
    %s
"""

TRACED = """\
import pykcov
    for _ in range(2):
        with pykcov.trace(follow=True, include=["work"]) as trace:
            main()
        print(sorted(trace.lines()[work.__file__]), trace.cut_off, file=sys.stderr)
    main()
"""


def run(folder: Path, name: str, body: str) -> "subprocess.CompletedProcess[str]":
    (folder / "work.py").write_text(WORK)
    (folder / name).write_text(PROGRAM % body)
    return subprocess.run([sys.executable, name], cwd=folder, capture_output=True, text=True, timeout=120)


def test_a_pool_of_interpreters_works_under_a_trace_as_without_one(tmp_path: Path) -> None:
    bare, traced = run(tmp_path, "bare.py", "main()"), run(tmp_path, "traced.py", TRACED)
    assert bare.returncode == 0, bare.stderr
    assert "KeyError" in bare.stdout
    assert "NotShareableError" in bare.stdout
    # Twice while it is traced, and once after.
    assert traced.stdout == bare.stdout * 3, traced.stderr
    # What the pool of threads has run is there; what interpreters have run is not, and nobody waits for it.
    assert traced.stderr.splitlines()[:1] == ["[2] 0"]


def test_a_submit_of_the_programs_own_stays_where_it_is(tmp_path: Path) -> None:
    done = run(
        tmp_path,
        "own.py",
        """\
import pykcov
    from unittest import mock
    with mock.patch.object(InterpreterPoolExecutor, "submit", lambda *_: "own"):
        with pykcov.trace(follow=True, include=["work"]):
            work.twice(1)
            print(InterpreterPoolExecutor.submit(1))
        print(InterpreterPoolExecutor.submit(1))
    print("submit" in vars(InterpreterPoolExecutor))
""",
    )
    assert done.stdout.split() == ["own", "own", "False"], done.stderr
