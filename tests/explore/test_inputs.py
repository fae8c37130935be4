"""What else than traces of `pykcov run` the page is made of, and where else it can be made and looked at."""

import http.client
import json
import re
import signal
import socket
import subprocess
import sys
import zlib
from base64 import b64decode
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from exploring import run

from pykcov.explore.gather import gather
from pykcov.traces.location_table import LocationTable
from pykcov.traces.locations import Location
from pykcov.traces.threads import Thread
from pykcov.traces.tracefile import TraceFile

HARNESS = """\
import sys
import pykcov.atheris as atheris

with atheris.instrument_imports():
    import parsing

def TestOneInput(data):
    parsing.parse(data)

atheris.Setup(sys.argv, TestOneInput)
atheris.Fuzz()
"""
PARSING = """\
def parse(data):
    if data[:1] == b"{":
        return "object"
    if data[:1] == b"[":
        return "array"
    return None
"""


def data_of(folder: Path, name: str) -> Any:
    """What a script of the page hands over."""
    found = re.search(r'"([A-Za-z0-9+/=]*)"\)', (folder / "data" / f"{name}.js").read_text())
    assert found is not None
    return json.loads(zlib.decompress(b64decode(found[1]), -zlib.MAX_WBITS))


def test_report_writes_the_same_page(tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text("def f(n):\n    return n\nf(1)\n")
    run(tmp_path, "run", "app.py")
    run(tmp_path, "explore", "-o", "explored")
    run(tmp_path, "report", "--format", "explore", "-o", "reported")
    for name in ("index", "file-0"):
        assert data_of(tmp_path / "reported", name) == data_of(tmp_path / "explored", name)
    said = run(tmp_path, "report", "--format", "explore", "--show-missing", status=2)
    assert "without --show-missing" in said


def test_each_input_of_a_corpus_is_a_context(tmp_path: Path) -> None:
    (tmp_path / "harness.py").write_text(HARNESS)
    (tmp_path / "parsing.py").write_text(PARSING)
    (tmp_path / "corpus").mkdir()
    for name, content in (("object", b"{}"), ("array", b"[]"), ("none", b"x")):
        (tmp_path / "corpus" / name).write_bytes(content)
    run(tmp_path, "corpus", "coverage", "harness.py", "corpus", "--data", "reached")
    found = gather([str(tmp_path / "reached")])
    assert sorted(found.contexts) == ["array", "none", "object"]
    source = next(source for name, source in found.sources.items() if name.endswith("parsing.py"))
    lines = {found.contexts[number]: lines for number, lines in source.contexts.items()}
    assert lines == {"object": 0b1100, "array": 0b110100, "none": 0b1010100}


def test_files_of_a_kernel_are_shown_with_who_ran_them(tmp_path: Path) -> None:
    """As `pykcov kernel -o` writes them: a context is a system call."""
    file = tmp_path / "read_write.c"
    file.write_text("ssize_t vfs_read(void)\n{\n    return 0;\n}\n")
    pc = 0xFFFFFFFF81234567
    places = [Location(pc + line, str(file), line, line, -1, -1, "vfs_read", "vmlinux", (line,)) for line in (1, 3)]
    threads = [
        Thread(name, 0, 0, 0, memoryview(b"".join(one.to_bytes(8, "little") for one in pcs)).cast("Q"))
        for name, pcs in (("read", [places[0].pc, places[1].pc]), ("write", [places[0].pc]))
    ]
    table = LocationTable.from_locations(places)
    TraceFile(mode="unique", granularity="block", threads=threads, locations=table).save(tmp_path / "kernel.npz")
    found = gather([str(tmp_path / "kernel.npz")])
    (source,) = found.sources.values()
    assert found.contexts == ["read", "write"]
    assert source.contexts == {0: 0b1010, 1: 0b10}
    assert source.known == 0b1010
    assert source.text.startswith("ssize_t vfs_read")
    assert list(source.remarks) == []


@contextmanager
def served(folder: Path, *words: str) -> Iterator[tuple[int, str]]:
    """Give the port, and what the address has behind it."""
    (folder / "app.py").write_text("print(1)\n")
    run(folder, "run", "app.py")
    command = [sys.executable, "-m", "pykcov", "explore", "--serve", *words]
    with subprocess.Popen(command, cwd=folder, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        try:
            for line in process.stderr:
                found = re.search(r"Serving http://\S+:(\d+)(/\S*) until", line)
                if found:
                    yield int(found[1]), found[2]
                    break
            process.send_signal(signal.SIGINT)
            assert process.wait(60) == 0
        finally:
            process.kill()


def get(port: int, path: str, **headers: str) -> http.client.HTTPResponse:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    connection.request("GET", path, headers=headers)
    answer = connection.getresponse()
    answer.read()
    connection.close()
    return answer


def test_the_page_is_served_to_this_machine_alone(tmp_path: Path) -> None:
    with served(tmp_path) as (port, path):
        assert path == "/"
        assert get(port, "/").status == 200
        assert get(port, "/data/index.js").status == 200
        assert get(port, "/", Host=f"localhost:{port}").status == 200
        assert get(port, "/", Host="evil.example").status == 421
        for name in ("/data/", "/../pykcov.npz", "/%2e%2e/pykcov.npz", "/nosuch"):
            assert get(port, name).status == 404, name


def test_elsewhere_a_token_is_wanted(tmp_path: Path) -> None:
    with served(tmp_path, "--host", "0.0.0.0") as (port, path):
        assert re.fullmatch(r"/\?token=\S{20,}", path)
        assert get(port, "/").status == 401
        assert get(port, "/data/index.js", Cookie="pykcov_token=wrong").status == 401
        assert get(port, "/?token=wrong").status == 401
        entered = get(port, path)
        assert (entered.status, entered.headers["Location"]) == (303, "/")
        cookie = entered.headers["Set-Cookie"].partition(";")[0]
        assert "HttpOnly" in entered.headers["Set-Cookie"]
        assert get(port, "/data/index.js", Cookie=cookie).status == 200


def test_a_port_that_is_taken_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text("print(1)\n")
    run(tmp_path, "run", "app.py")
    with socket.create_server(("127.0.0.1", 0)) as other:
        said = run(tmp_path, "explore", "--serve", "--port", str(other.getsockname()[1]), status=2)
    assert said.splitlines()[-1].startswith("pykcov: 127.0.0.1, port ")
    assert "Traceback" not in said
