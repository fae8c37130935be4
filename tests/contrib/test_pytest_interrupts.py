"""Code that runs without being called is in the data: of the test that causes it, or of a context of its own."""

import sys
from pathlib import Path

import pytest
from pytest_project import Project

TESTS = Path(__file__).parent.parent
sys.path.append(str(TESTS / "remote"))
from roads import OWN, ROADS  # noqa: E402


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(tmp_path)


def test_each_road_leads_to_its_context(project: Project) -> None:
    names = list(ROADS)
    project.write(
        roads=(TESTS / "remote" / "roads.py").read_text(),
        library="".join(f"def {name}():\n    return {name!r}\n" for name in names),
        test_it="import pytest, library, roads\n@pytest.mark.parametrize('name', roads.ROADS)\n"
        "def test_it(name):\n    roads.ROADS[name][0](getattr(library, name))\n",
    )
    done = project.run()
    assert done.status == 0, done.output
    contexts = {line: name for name, lines in done.contexts().items() if name for line in lines}
    assert {name: contexts.get(2 * n + 2) for n, name in enumerate(names)} == {
        name: f"test_it.py::test_it[{name}]" if context == OWN else context for name, (_, context) in ROADS.items()
    }


CASE = """
import gc, os, signal, weakref
class A:
    def __del__(self):
        x = 1
        self.gone = x
def cyc():
    a = A(); a.me = a
    del a
    gc.collect()
def handler(num, frame):
    y = 2
    handled.append(y)
handled = []
def sig():
    signal.signal(signal.SIGUSR1, handler)
    os.kill(os.getpid(), signal.SIGUSR1)
def wr():
    a = A(); a.me = a
    r = weakref.ref(a, lambda _: handled.append(
        3))
    del a
    gc.collect()
def gen():
    try:
        yield 1
    except GeneratorExit:
        handled.append(4)
        raise
def cycgen():
    g = gen(); next(g)
    l = [g]; l.append(l)
    del g, l
    gc.collect()
if __name__ == "__main__":
    cyc(); sig(); wr(); cycgen()
    print(handled)
"""


def test_interrupts_are_in_the_totals_that_coverage_py_gives(project: Project) -> None:
    project.write(
        m=CASE,
        test_m="""
import m
def test_cyc(): m.cyc()
def test_sig(): m.sig(); assert m.handled
def test_wr(): m.wr()
def test_gen(): m.cycgen()
""",
    )
    done = project.run("--pykcov-report=term-missing", "test_m.py")
    assert done.status == 0, done.output
    assert ["m.py", "35", "2", "94%", "36-37"] in [line.split() for line in done.output.splitlines()]


def test_the_end_of_the_interpreter_is_a_context(project: Project) -> None:
    project.write(
        library="""
import atexit, threading, weakref
begun = threading.Event()
def at_exit():
    begun.set()
class Thing:
    pass
thing = Thing()
def finalise():
    return 1
def work():
    begun.wait()
    return 2
def late(thread):
    thread.join()
    return 3
def start():
    weakref.finalize(thing, finalise)
    threading.Thread(target=work, daemon=True).start()
    thread = threading.Thread(target=begun.wait, daemon=True)
    atexit.register(late, thread)
    thread.start()
    atexit.register(at_exit)
""",
        test_it="import library\ndef test_it(): library.start()\n",
    )
    done = project.run()
    assert done.status == 0, done.output
    contexts = done.contexts()
    assert set(contexts["(exit)"]) - {13} == {5, 10, 15, 16}
    assert contexts["test_it.py::test_it"] == [12, 18, 19, 20, 21, 22, 23]
    status, output, error = project.pykcov("tests", "library.py:5")
    assert (status, output, error.count("it also ran in (exit)")) == (1, [], 1)


def test_what_a_job_leaves_behind_runs_outside_of_tests(project: Project) -> None:
    project.write(
        library="class Thing:\n    def __del__(self):\n        self.gone = True\n",
        test_it="""
import library
from concurrent.futures import ThreadPoolExecutor
def test_it():
    with ThreadPoolExecutor(1) as pool:
        pool.submit(id, library.Thing())
""",
    )
    done = project.run()
    assert done.status == 0, done.output
    assert 3 in {line for lines in done.contexts().values() for line in lines}


def test_files_of_tests_behind_the_option_are_no_source(project: Project) -> None:
    project.write(test_a="def test_a(): pass\n", test_b="def test_b(): raise Exception\n")
    done = project.run("--pykcov", "test_a.py::test_a", pykcov=False)
    assert (done.status, "1 passed" in done.output) == (0, True), done.output
    assert done.contexts("test_a.py") == {"": [1], "test_a.py::test_a": [1]}
