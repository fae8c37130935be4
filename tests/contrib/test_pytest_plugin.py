"""The pytest plugin tells which lines each test has run, and says what it could not tell."""

import re
import subprocess
import sys
from contextlib import closing
from importlib.util import find_spec
from pathlib import Path

import pytest
from coverage import CoverageData
from pytest_project import Project

from pykcov.native import build

# Functions on lines 1-2, 4-5, ...
CODE = "".join(f"def f{n}(value=0):\n    return value + {n}\n\n" for n in range(8))
BODY = {n: 3 * n + 2 for n in range(8)}
DEFS = [3 * n + 1 for n in range(8)]

needs_xdist = pytest.mark.skipif(find_spec("xdist") is None, reason="needs pytest-xdist")
needs_fork = pytest.mark.skipif(find_spec("pytest_forked") is None, reason="needs pytest-forked")
needs_asyncio = pytest.mark.skipif(find_spec("pytest_asyncio") is None, reason="needs pytest-asyncio")
needs_anyio = pytest.mark.skipif(find_spec("anyio") is None, reason="needs anyio")

TESTS = """
import unittest
import pytest
from library import *

def test_one():
    f0()

@pytest.mark.parametrize("value", [1, "a b"])
def test_parameters(value):
    if value == 1:
        f1()
    else:
        f2()

class TestClass:
    def setup_method(self):
        f3()

    def test_method(self):
        f4()

class TestUnit(unittest.TestCase):
    def setUp(self):
        f5()

    def test_unit(self):
        for n in range(3):
            with self.subTest(n):
                f6()

def test_fails():
    f7()
    assert f0() == 1
"""
EXPECTED = {
    "": DEFS,
    "test_it.py::test_one": [BODY[0]],
    "test_it.py::test_parameters[1]": [BODY[1]],
    "test_it.py::test_parameters[a b]": [BODY[2]],
    "test_it.py::TestClass::test_method": [BODY[3], BODY[4]],
    "test_it.py::TestUnit::test_unit": [BODY[5], BODY[6]],
    "test_it.py::test_fails": [BODY[0], BODY[7]],
}


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(tmp_path)


def test_each_test_is_a_context_with_its_own_lines(project: Project) -> None:
    project.write(library=CODE, test_it=TESTS)
    done = project.run()
    assert done.status == 1, done.output
    assert "1 failed, 5 passed" in done.output
    assert done.contexts() == EXPECTED
    assert "6 contexts; " in done.output


def test_the_parts_of_a_test_have_the_names_of_pytest_cov(project: Project) -> None:
    project.write(
        library=CODE,
        test_it="""
import pytest
from library import *

@pytest.fixture
def fixture():
    f0()
    yield
    f0()
    f1()

def test_it(fixture):
    f2()
    f0()
""",
    )
    done = project.run("--pykcov-context=setup-call-teardown")
    assert done.contexts() == {
        "": DEFS,
        "test_it.py::test_it|setup": [BODY[0]],
        "test_it.py::test_it|run": [BODY[0], BODY[2]],
        "test_it.py::test_it|teardown": [BODY[0], BODY[1]],
    }


def test_without_contexts_all_lines_are_in_the_empty_one(project: Project) -> None:
    project.write(library=CODE, test_it="from library import *\n\ndef test_it():\n    f3()\n")
    done = project.run("--pykcov-context=none")
    assert done.contexts() == {"": sorted([*DEFS, BODY[3]])}


WHOLE = """
import atexit
import multiprocessing
import threading
from library import *
from pykcov._view import code

def test_first():
    for _ in range(200_000):
        f0()

def test_second():
    thread = threading.Thread(target=f1)
    thread.start()
    thread.join()
    atexit.register(f2)

def test_child():
    child = multiprocessing.get_context("fork").Process(target=f3)
    child.start()
    child.join()

def test_probes_have_vanished():
    assert code(f0.__code__) == f0.__code__.co_code  # as it really is, and as programs see it
    assert code(f4.__code__) != f4.__code__.co_code
"""


def test_without_contexts_probes_vanish_and_all_that_runs_counts_to_the_end(project: Project) -> None:
    project.write(library=CODE, test_it=WHOLE)
    done = project.run("--pykcov-context=none")
    assert done.status == 0, done.output
    assert done.contexts() == {"": sorted([*DEFS, *(BODY[n] for n in range(4))])}


FIXTURES = """
import threading
import pytest
from library import *

@pytest.fixture(scope="session")
def started():
    stop, asked, answered = threading.Event(), threading.Semaphore(0), threading.Semaphore(0)

    def serve():
        while True:
            asked.acquire()
            if stop.is_set():
                return
            f0()
            answered.release()

    thread = threading.Thread(target=serve)
    thread.start()
    yield lambda: (asked.release(), answered.acquire())
    f1()
    stop.set()
    asked.release()
    thread.join()

@pytest.fixture(scope="module", params=[0, 1])
def module(request):
    f2() if request.param else f3()

@pytest.fixture(autouse=True, scope="class")
def of_class():
    f4()

class TestA:
    def test_server(self, started):
        started()
        f5()

    def test_module(self, module):
        f6()

def test_alone():
    f7()
"""


def test_fixtures_of_wider_scope_are_contexts_and_so_are_their_threads(project: Project) -> None:
    project.write(library=CODE, test_it=FIXTURES)
    done = project.run()
    assert done.status == 0, done.output
    assert done.contexts() == {
        "": DEFS,
        "test_it.py::started|session": [BODY[0], BODY[1]],
        "test_it.py::module[0]|module": [BODY[3]],
        "test_it.py::module[1]|module": [BODY[2]],
        "test_it.py::of_class|class": [BODY[4]],
        "test_it.py::TestA::test_server": [BODY[5]],
        "test_it.py::TestA::test_module[0]": [BODY[6]],
        "test_it.py::TestA::test_module[1]": [BODY[6]],
        "test_it.py::test_alone": [BODY[7]],
    }
    # Who used the fixture has run what it ran.
    assert project.pykcov("tests", f"library.py:{BODY[0]}")[1] == ["test_it.py::TestA::test_server"]
    status, tests, _ = project.pykcov("tests", f"library.py:{BODY[2]}")
    assert (status, tests) == (0, ["test_it.py::TestA::test_module[1]"])


THREADS = """
import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor
from library import *

pool = ThreadPoolExecutor(2)
release = threading.Event()

def test_threads():
    thread = threading.Thread(target=f0)
    thread.start()
    thread.join()
    pool.submit(f1).result()

def test_pool():
    pool.submit(f2).result()

def test_loop():
    async def main():
        await asyncio.gather(asyncio.to_thread(f3), asyncio.create_task(task()))

    async def task():
        f4()

    asyncio.run(main())

def test_leaves_a_thread():
    global thread

    def late():
        release.wait()
        f5()

    thread = threading.Thread(target=late)
    thread.start()

def test_next():
    f6()
    release.set()
    thread.join()
"""


def test_what_a_test_starts_is_its_own_and_what_is_cut_off_is_told(project: Project) -> None:
    project.write(library=CODE, test_it=THREADS)
    done = project.run()
    assert done.status == 0, done.output
    assert done.contexts() == {
        "": sorted([*DEFS, BODY[5]]),
        "test_it.py::test_threads": [BODY[0], BODY[1]],
        "test_it.py::test_pool": [BODY[2]],
        "test_it.py::test_loop": [BODY[3], BODY[4]],
        "test_it.py::test_next": [BODY[6]],
    }
    cut_off = r"1 thread or job was not done at the end of test_it\.py::test_leaves_a_thread: thread Thread-\d \(late\)"
    assert re.search(cut_off, done.output)


@needs_asyncio
def test_pytest_asyncio(project: Project) -> None:
    project.write(
        library=CODE,
        test_it="""
import asyncio
import pytest_asyncio
import pytest
from library import *

@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def wide():
    f0()
    yield
    f1()

@pytest_asyncio.fixture
async def own():
    f2()

@pytest.mark.asyncio(loop_scope="module")
async def test_one(wide):
    f3()
    await asyncio.create_task(asyncio.to_thread(f4))

@pytest.mark.asyncio(loop_scope="module")
async def test_two(wide, own):
    f5()
""",
    )
    done = project.run("-p", "pytest_asyncio.plugin")
    assert done.status == 0, done.output
    assert done.contexts() == {
        "": DEFS,
        "test_it.py::wide|module": [BODY[0], BODY[1]],
        "test_it.py::test_one": [BODY[3], BODY[4]],
        "test_it.py::test_two": [BODY[2], BODY[5]],
    }


@needs_anyio
def test_anyio_which_runs_all_tests_in_one_task(project: Project) -> None:
    project.write(
        library=CODE,
        test_it="""
import anyio
import anyio.to_thread
import pytest
from library import *

@pytest.fixture(scope="module")
def anyio_backend():
    return "asyncio"

@pytest.fixture(scope="module")
async def wide(anyio_backend):
    f0()
    yield
    f1()

@pytest.mark.anyio
async def test_one(wide):
    f2()

@pytest.mark.anyio
async def test_two(wide):
    f3()
    await anyio.to_thread.run_sync(f4)
""",
    )
    done = project.run("-p", "anyio.pytest_plugin")
    assert done.status == 0, done.output
    contexts = done.contexts()
    assert contexts["test_it.py::wide|module"] == [BODY[0], BODY[1]]
    assert contexts["test_it.py::test_one"] == [BODY[2]]
    assert BODY[3] in contexts["test_it.py::test_two"]


FORKED = """
import os
import pytest

def test_one():
    import library
    library.f0()

def test_crashes():
    from library import f1
    f1()
    os.abort()

@pytest.fixture(scope="module")
def wide():
    from library import f2
    f2()

def test_fixture(wide):
    from library import f3
    f3()
"""


@needs_fork
@pytest.mark.parametrize("context", ["test", "setup-call-teardown"])
def test_forked_tests_and_what_only_they_import(project: Project, context: str) -> None:
    project.write(library=CODE, test_it=FORKED)
    done = project.run("-p", "pytest_forked", "--forked", f"--pykcov-context={context}")
    # Not looked at: the outcomes, which pytest-forked 1.7.5 cannot hand over to pytest 9.2.
    run = "|run" if context != "test" else ""
    contexts = done.contexts()
    assert contexts[f"test_it.py::test_one{run}"] == sorted([*DEFS, BODY[0]])
    assert contexts[f"test_it.py::test_fixture{run}"] == [BODY[3]]
    assert contexts["test_it.py::wide|module"] == sorted([*DEFS, BODY[2]])
    # The crashed process has told what it had imported, but not how far its test had come.
    crashed = "|setup" if context != "test" else ""
    assert contexts[f"test_it.py::test_crashes{crashed}"] == sorted([*DEFS, BODY[1]])


@needs_fork
def test_a_forked_test_that_crashes_keeps_what_it_ran(project: Project) -> None:
    project.write(library=CODE, test_it="import library\n" + FORKED)
    done = project.run("-p", "pytest_forked", "--forked")
    assert done.contexts()["test_it.py::test_crashes"] == [BODY[1]]


@needs_xdist
def test_the_controller_merges_what_workers_ran(project: Project) -> None:
    project.write(library=CODE, test_it=TESTS)
    done = project.run("-p", "xdist", "-n2")
    assert "1 failed, 5 passed" in done.output
    assert done.contexts() == EXPECTED


@needs_xdist
def test_a_worker_that_crashes_is_told(project: Project) -> None:
    project.write(library=CODE, test_it="import os\n\ndef test_it():\n    os._exit(3)\n")
    done = project.run("-p", "xdist", "-n1")
    assert "ended without telling what its tests ran" in done.output


def test_code_that_conftest_imports_is_traced(project: Project) -> None:
    project.write(
        library=CODE,
        conftest="import library\n\ndef pytest_sessionstart():\n    library.f1()\n",
        test_it="import library\n\ndef test_it():\n    library.f0()\n",
    )
    done = project.run()
    assert done.contexts() == {"": sorted([*DEFS, BODY[1]]), "test_it.py::test_it": [BODY[0]]}


def test_assertions_are_rewritten_and_traced(project: Project) -> None:
    project.write(test_it="def test_it():\n    value = 3\n    assert value == 4, 'words'\n")
    done = project.run()
    assert "assert 3 == 4" in done.output
    assert done.contexts("test_it.py") == {"": [1], "test_it.py::test_it": [2, 3]}


def test_nothing_to_trace_is_told_and_leaves_the_data_file_alone(project: Project) -> None:
    project.write(test_it="def test_it():\n    pass\n")
    (project.folder / ".coverage").write_text("of a better run")
    done = project.run("--pykcov", "--pykcov-source=no_such_module", pykcov=False)
    assert done.status == 0
    assert "nothing was traced" in done.output
    assert (project.folder / ".coverage").read_text() == "of a better run"


def test_a_source_of_which_nothing_is_imported_is_told(project: Project) -> None:
    project.write(unused__code="x = 1\n", test_it="def test_it():\n    pass\n")
    done = project.run("--pykcov-source=unused", "--pykcov-source=no.such_module")
    assert "--pykcov-source=unused: no code of it was imported" in done.output
    assert "--pykcov-source=no.such_module: no code of it was imported" in done.output


def test_a_source_that_cannot_be_is_an_error(project: Project) -> None:
    project.write(test_it="def test_it():\n    pass\n")
    done = project.run("--pykcov-source=no/folder")
    assert done.status == pytest.ExitCode.USAGE_ERROR
    assert "--pykcov-source=no/folder: there is neither such a folder nor such a module" in done.output


def test_a_data_file_that_cannot_be_written_is_told(project: Project) -> None:
    project.write(test_it="def test_it():\n    pass\n")
    done = project.run("--pykcov-data=no/folder/data")
    assert (done.status, "could not be written" in done.output) == (0, True)


def test_a_package_is_named_as_source(project: Project) -> None:
    project.write(library=CODE, test_it="from library import *\n\ndef test_it():\n    f3()\n")
    done = project.run("--pykcov", "--pykcov-source=library", pykcov=False)
    assert done.contexts() == {"": DEFS, "test_it.py::test_it": [BODY[3]]}
    assert done.contexts("test_it.py") == {}


@pytest.mark.parametrize(
    ("format", "output"),
    [("html", "htmlcov/index.html"), ("xml", "coverage.xml"), ("lcov", "coverage.lcov"), ("json", "coverage.json")],
)
def test_reports(project: Project, format: str, output: str) -> None:
    project.write(library=CODE, test_it=TESTS)
    done = project.run(f"--pykcov-report={format}", "--pykcov-report=text")
    assert (project.folder / output).stat().st_size > 100
    assert "16      0   100%" in done.output


def test_an_unknown_format_is_an_error(project: Project) -> None:
    assert "'pdf' is none of term, term-missing, html" in project.run("--pykcov-report=pdf").output


def test_without_the_option_nothing_is_imported(project: Project) -> None:
    project.write(test_it="import sys\n\ndef test_it():\n    assert 'pykcov' not in sys.modules\n")
    done = project.run(pykcov=False)
    assert done.status == 0, done.output


def test_a_program_may_have_imported_pykcov_before(project: Project) -> None:
    project.write(test_it="def test_it():\n    pass\n")
    arguments = ["-W", "error::pytest.PytestAssertRewriteWarning", "-p", "no:cacheprovider"]
    command = f"import pykcov, pytest; raise SystemExit(pytest.main({arguments}))"
    done = subprocess.run([sys.executable, "-c", command], cwd=project.folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


def test_pytest_in_pytest_is_traced_for_itself(project: Project) -> None:
    project.write(
        library=CODE,
        inner__test_inner="from library import *\n\ndef test_inner():\n    f0()\n",
        test_it="""
import pytest
from library import *

def test_outer():
    f1()
    arguments = ["-p", "pytest_pykcov", "-p", "no:cacheprovider", "--pykcov"]
    arguments += ["--pykcov-source=.", "--pykcov-data=inner.data", "inner"]
    assert pytest.main(arguments) == 0
    f2()
""",
    )
    done = project.run("test_it.py")
    assert done.status == 0, done.output
    assert done.contexts()["test_it.py::test_outer"] == [BODY[1], BODY[2]]
    assert done.contexts(data_file="inner.data")["inner/test_inner.py::test_inner"] == [BODY[0]]


NATIVE = """
int f(int value)
{
    if (value == 1)
        return 10;
    return 20;
}
"""


def test_native_code_stands_among_the_lines_of_tests(project: Project) -> None:
    pytest.importorskip("symbolic")
    flags = build.flags(["gcc"])
    (project.folder / "made.c").write_text(NATIVE)
    command = ["gcc", "-shared", "-fPIC", "-g", "-O0", *flags.compile, *flags.link, "made.c", "-o", "made.so"]
    subprocess.run(command, cwd=project.folder, check=True)
    project.write(
        test_it="""
import ctypes
made = ctypes.CDLL("./made.so")

def test_one():
    assert made.f(1) == 10

def test_two():
    assert made.f(2) == 20
"""
    )
    done = project.run("--pykcov-native", "--pykcov-report=text")
    contexts = done.contexts("made.c")
    assert {5, 6} & set(contexts["test_it.py::test_one"]) == {5}
    assert {5, 6} & set(contexts["test_it.py::test_two"]) == {6}
    assert "made.c" in done.output
    without = project.run()
    assert without.contexts("made.c") == {}


STARTS = """
import multiprocessing
import subprocess
import sys
from concurrent.futures import ProcessPoolExecutor

import library

def test_subprocess():
    program = "import library, only_there; library.f0(); only_there.f(2)"
    assert subprocess.run([sys.executable, "-c", program]).returncode == 0

def test_shell():
    assert subprocess.run(f"{sys.executable} -c 'import library; library.f1()'", shell=True).returncode == 0

def test_spawned():
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        pool.apply(library.f2)

def test_executor():
    with ProcessPoolExecutor(1, multiprocessing.get_context("forkserver")) as executor:
        executor.submit(library.f3).result()

def test_nothing():
    pass
"""
ONLY_THERE = "def f(n):\n    while n:\n        n -= 1\n    return n\n"


@pytest.mark.parametrize("context", ["test", "setup-call-teardown"])
def test_processes_that_a_test_starts_are_its_own(project: Project, context: str) -> None:
    project.write(library=CODE, only_there=ONLY_THERE, test_it=STARTS)
    done = project.run("--pykcov-branch", f"--pykcov-context={context}")
    assert done.status == 0, done.output
    part = "|run" if context != "test" else ""
    ran = done.contexts()
    # What such a process imports, it runs.
    for number, name in enumerate(("subprocess", "shell", "spawned", "executor")):
        assert set(ran[f"test_it.py::test_{name}{part}"]) - set(DEFS) == {BODY[number]}, name
    assert f"test_it.py::test_nothing{part}" not in ran
    with closing(CoverageData(str(project.folder / ".coverage"))) as data:
        data.read()
        arcs = data.arcs(str((project.folder / "only_there.py").resolve()))
    assert set(arcs or ()) == {(-1, 1), (1, -1), (-1, 2), (2, 3), (3, 2), (2, 4), (4, -1)}


SERVERS = """
import multiprocessing

import pytest
import library

def serve(pipe):
    while (number := pipe.recv()) is not None:
        pipe.send(getattr(library, f"f{number}")())

@pytest.fixture(scope="module", params=["fork", "spawn"])
def server(request):
    context = multiprocessing.get_context(request.param)
    pipe, other = context.Pipe()
    process = context.Process(target=serve, args=(other,))
    process.start()
    yield lambda number: (pipe.send(number), pipe.recv())[1]
    pipe.send(None)
    process.join()

def test_one(server):
    assert server(1) == 1

def test_two(server):
    library.f2()

def test_three(server):
    assert server(3) == 3
"""


def test_a_server_in_a_process_of_its_own_is_its_fixture_s(project: Project) -> None:
    project.write(library=CODE, test_it=SERVERS)
    done = project.run()
    assert done.status == 0, done.output
    contexts = done.contexts()
    for parameter, imported in (("[0]", []), ("[1]", DEFS)):
        assert contexts[f"test_it.py::server{parameter}|module"] == sorted([BODY[1], BODY[3], *imported])
    for start in ("fork", "spawn"):
        assert contexts[f"test_it.py::test_two[{start}]"] == [BODY[2]]
        assert f"test_it.py::test_one[{start}]" not in contexts
