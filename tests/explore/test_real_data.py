"""Questions that the page answers on what services, tests, corpora and extensions recorded, in a real Chromium."""

import http.client
import signal
import subprocess
import sys
import sysconfig
import tomllib
from collections import defaultdict
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from socket import create_connection, create_server
from time import sleep

import pytest
from browsing import Browser, Page
from coverage import Coverage, CoverageData
from exploring import run

from pykcov.traces.tracefile import TraceFile

HERE = Path(__file__).parent


def shown(page: Page, **route: str) -> dict[str, int]:
    """Return by base name of the file how many lines the tree shows as run."""
    page.show(**route)
    found = page.run(
        """return [...document.querySelectorAll("tr.file")].map((row) => [
            new URLSearchParams(row.querySelector("a").hash.slice(1)).get("file"), row.cells[2].innerText])"""
    )
    return {file.rpartition("/")[2]: int(lines.replace(",", "").partition(" / ")[0]) for file, lines in found}


def lines_by_context(path: Path) -> dict[str, dict[str, set[int]]]:
    """Return the first lines of statements that each context ran, by file, as coverage.py itself tells."""
    coverage = Coverage(str(path), config_file=False)
    coverage.load()
    data = coverage.get_data()
    found: dict[str, dict[str, set[int]]] = defaultdict(dict)
    for file in data.measured_files():
        _, statements, *_ = coverage.analysis2(file)
        translate = coverage._get_file_reporter(file).translate_lines
        by_context: dict[str, set[int]] = defaultdict(set)
        for line, contexts in data.contexts_by_lineno(file).items():
            for context in contexts:
                by_context[context].add(line)
        for context, lines in by_context.items():
            found[context][file] = translate(lines) & {*statements}
    return found


def only(found: Mapping[str, Mapping[str, set[int]]], chosen: set[str]) -> dict[str, int]:
    """Return by base name how many lines these contexts ran and no other."""
    counts = {}
    for file in {file for files in found.values() for file in files}:
        own = set().union(*(found[name].get(file, ()) for name in chosen))
        others = set().union(*(files.get(file, ()) for name, files in found.items() if name not in chosen))
        if own - others:
            counts[file.rpartition("/")[2]] = len(own - others)
    return counts


@pytest.mark.slow
def test_which_lines_served_one_route_alone(browser: Browser, tmp_path: Path) -> None:
    """FastAPI under uvicorn, 200 requests."""
    with create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "uvicorn", "--app-dir", str(HERE), "--port", str(port), "shop:app"]
    with subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.DEVNULL) as server:
        try:
            for _ in range(1000):
                try:
                    create_connection(("127.0.0.1", port)).close()
                    break
                except OSError:
                    assert server.poll() is None
                    sleep(0.05)

            def ask(number: int) -> int:
                connection = http.client.HTTPConnection("127.0.0.1", port)
                connection.request("GET", f"/items/{number}" if number % 2 else "/orders")
                answer = connection.getresponse()
                answer.read()
                connection.close()
                return answer.status

            with ThreadPoolExecutor(8) as pool:
                assert set(pool.map(ask, range(200))) == {200}
            server.send_signal(signal.SIGTERM)
            server.wait(60)
        finally:
            server.kill()
    (data,) = tmp_path.glob("requests.data*")
    run(tmp_path, "explore", str(data))
    found = lines_by_context(data)
    page = Page(browser, tmp_path / "pykcov-page")
    for route in ("GET /items/{number}", "GET /orders"):
        expected = only(found, {route})
        assert expected["shop.py"] >= 3
        assert shown(page, a=route, mode="only") == expected
    assert page.complaints() == []


@pytest.mark.slow
def test_which_lines_one_file_of_tests_runs_alone(browser: Browser, tmp_path: Path) -> None:
    """The test suite of sqlparse, each test a context."""
    suites = pytest.importorskip("pytest_contexts")
    library = suites.LIBRARIES["sqlparse"]
    root = suites.fetch(library, tmp_path)
    data = tmp_path / "tests.data"
    suites.run(library, root, *suites.with_pykcov(library, str(data)))
    run(root, "explore", str(data), "-o", str(tmp_path / "page"))
    found = lines_by_context(data)
    page = Page(browser, tmp_path / "page")
    for pattern in ("tests/test_cli.py", "tests/test_format.py"):
        chosen = {name for name in found if name.startswith(pattern)}
        assert len(chosen) > 5
        expected = only(found, chosen)
        assert len(expected) > 1
        assert shown(page, a=f"{pattern}*", mode="only") == expected
    assert page.complaints() == []


def test_which_inputs_of_a_corpus_reach_a_line(browser: Browser, tmp_path: Path) -> None:
    (tmp_path / "harness.py").write_text(
        "import sys\n"
        "import pykcov.atheris as atheris\n"
        "with atheris.instrument_imports():\n"
        "    import tomllib\n"
        "def TestOneInput(data):\n"
        "    try:\n"
        "        tomllib.loads(data.decode())\n"
        "    except ValueError:\n"
        "        pass\n"
        "atheris.Setup(sys.argv, TestOneInput)\n"
        "atheris.Fuzz()\n"
    )  # fmt: skip
    inputs = {"number": "a = 1", "date": "a = 2020-01-01", "list": "a = [1, 2]", "table": "[a]\nb = 1", "bad": "= ="}
    for name, text in inputs.items():
        (tmp_path / "corpus").mkdir(exist_ok=True)
        (tmp_path / "corpus" / name).write_text(text)
    run(tmp_path, "corpus", "coverage", "harness.py", "corpus", "--data", "reached")
    run(tmp_path, "explore", "reached")
    data = CoverageData(str(tmp_path / "reached"))
    data.read()
    parser = tomllib._parser.__file__  # type: ignore[attr-defined]
    page = Page(browser, tmp_path / "pykcov-page")
    asked = 0
    for line, names in sorted(data.contexts_by_lineno(parser).items()):
        if len(names) == 2:
            page.show(view="source", file=parser, line=line)
            assert page.texts(".who li") == sorted(names)
            asked += 1
        if asked == 3:
            break
    assert asked
    assert page.complaints() == []


def test_python_and_c_are_lines_of_one_page(browser: Browser, tmp_path: Path) -> None:
    pytest.importorskip("elftools")
    (tmp_path / "fast.c").write_text(
        "#include <Python.h>\n"
        "static long twice(long n)\n"
        "{\n"
        "    if (n > 10)\n"
        "        return 0;\n"
        "    return 2 * n;\n"
        "}\n"
        "static PyObject *run(PyObject *self, PyObject *n)\n"
        "{\n"
        "    return PyLong_FromLong(twice(PyLong_AsLong(n)));\n"
        "}\n"
        'static PyMethodDef methods[] = {{"run", run, METH_O, NULL}, {NULL, NULL, 0, NULL}};\n'
        'static PyModuleDef module = {PyModuleDef_HEAD_INIT, "fast", NULL, 0, methods};\n'
        "PyMODINIT_FUNC PyInit_fast(void) { return PyModule_Create(&module); }\n"
    )  # fmt: skip
    (tmp_path / "app.py").write_text(
        "import threading\n"
        "import fast\n"
        "def work(n):\n"
        "    return fast.run(n)\n"
        "for n in (1, 100):\n"
        "    thread = threading.Thread(target=work, args=(n,), name=f'thread {n}')\n"
        "    thread.start()\n"
        "    thread.join()\n"
    )  # fmt: skip
    flags = ["-g", "-O0", "-shared", "-fPIC", f"-I{sysconfig.get_path('include')}"]
    run(tmp_path, "cc", "gcc", *flags, "fast.c", "-o", f"fast{sysconfig.get_config_var('EXT_SUFFIX')}")
    run(tmp_path, "run", "app.py")
    run(tmp_path, "explore")
    trace = TraceFile.load(tmp_path / "pykcov.npz")
    by_thread = dict(zip(trace.thread_names(), (trace.lines(thread) for thread in trace.threads), strict=True))
    source = str(tmp_path / "fast.c")
    assert {5} <= {*by_thread["thread 100"][source]} - {*by_thread["thread 1"][source]}
    page = Page(browser, tmp_path / "pykcov-page")
    name = next(name for name in page_files(page) if name.endswith("fast.c"))
    for line in (5, 6):
        page.show(view="source", file=name, line=line)
        assert page.texts(".who li") == [who for who, files in by_thread.items() if line in files.get(source, ())]
        assert page.texts(".text code")[line - 1] == Path(source).read_text().splitlines()[line - 1]
    assert any(name.endswith("app.py") for name in page_files(page))
    assert page.complaints() == []


def page_files(page: Page) -> list[str]:
    page.show()
    return list(
        page.run(
            """return [...document.querySelectorAll("tr.file a")].map((one) =>
                new URLSearchParams(one.hash.slice(1)).get("file"))"""
        )
    )
