"""What the engine sees: which code of which thread counts for an input, native code, and what is compared."""

import subprocess
import sysconfig
import textwrap
from pathlib import Path

import pytest
from fuzzing import fuzz, fuzz_body, write_harness

from pykcov.native import build

WORK = """
import asyncio
import threading
import time
from concurrent.futures import ThreadPoolExecutor


@atheris.instrument_func
def work(data):
    if data[:1] == b"A":
        if data[1:2] == b"B":
            if data[2:3] == b"C":
                return 1
    return 0

"""


@pytest.mark.parametrize(
    "run",
    [
        """
        def TestOneInput(data):
            found = []
            thread = threading.Thread(target=lambda: found.append(work(data)))
            thread.start()
            thread.join()
            if found[0]:
                raise KeyError
        """,
        """
        pool = ThreadPoolExecutor(1)

        def TestOneInput(data):
            if pool.submit(work, data).result():
                raise KeyError
        """,
        """
        async def inner(data):
            return work(data)

        async def outer(data):
            return await asyncio.create_task(inner(data)) + await asyncio.to_thread(work, data)

        def TestOneInput(data):
            if asyncio.run(outer(data)):
                raise KeyError
        """,
    ],
    ids=["thread", "pool", "asyncio"],
)
def test_threads_and_tasks_of_an_input_count(tmp_path: Path, run: str) -> None:
    ran = fuzz_body(tmp_path, WORK + textwrap.dedent(run), "-runs=100000")
    assert ran.code == 77, ran.output


def test_threads_in_the_background_do_not_count(tmp_path: Path) -> None:
    body = (
        WORK
        + """
def background():
    while True:
        for number in range(256):
            work(b"A" + bytes([number]))
            work(b"AB" + bytes([number]))
        time.sleep(0.0001)


threading.Thread(target=background, daemon=True).start()


def TestOneInput(data):
    work(data[:0])
"""
    )
    ran = fuzz_body(tmp_path, body, "-runs=3000")
    assert ran.code == 0, ran.output
    # The entry of work() and what comes behind its first comparison.
    (line,) = [line for line in ran.output.splitlines() if "DONE" in line]
    assert "cov: 2 " in line


def test_what_an_input_leaves_running_counts_for_no_other_one(tmp_path: Path) -> None:
    body = (
        WORK
        + """
@atheris.instrument_func
def late(data):
    time.sleep(0.2)  # by then the input has ended, and others run
    work(b"AB")


def TestOneInput(data):
    threading.Thread(target=late, args=(data,)).start()
    time.sleep(0.002)
"""
    )
    ran = fuzz_body(tmp_path, body, "-runs=300")
    assert ran.code == 0, ran.output
    (line,) = [line for line in ran.output.splitlines() if "DONE" in line]
    assert "cov: 1 " in line


COMPARED = {
    "float": "len(data) >= 8 and struct.unpack_from('<d', data)[0] == 1234.5678",
    "float of four bytes": "len(data) >= 4 and struct.unpack_from('<f', data)[0] == -0.4375",
    "big-endian": "int.from_bytes(data[:8], 'big') == 0x0102030405060708",
    "long integer": "int.from_bytes(data[:12], 'big') == 0x0102030405060708090a0b0c",
    "integer in text": "data.isdigit() and int(data) == 918273",
    "negative integer in text": "data.removeprefix(b'-').isdigit() and int(data) == -91827",
    "bytes one by one": " and ".join(f"data[{at}:{at + 1}] == {bytes([at * 31 + 9])}" for at in range(8)),
    "numbers of a byte": "len(data) > 5 and " + " and ".join(f"data[{at}] == {at * 43 + 5}" for at in range(6)),
    "text of another length": "data.decode('latin-1').split(',')[0] == 'administrator'",
    "prefix": "data.decode('latin-1').startswith('prefix/')",
    "suffix": "data.decode('latin-1').endswith('/suffix')",
    "search": "data.find(b'needle') > 0",
    "in": "b'needle' in data",
    "two bytes": "int.from_bytes(data[:2], 'big') == 0x1F8B and int.from_bytes(data[2:4], 'little') == 0xC0DE",
    "checksum": "len(data) > 8 and int.from_bytes(data[:4], 'little') == zlib.crc32(data[4:]) and data[4:8] == b'body'",
    "prefix from a place on": "data.decode('latin-1').startswith('<![', 2)",
    "bound method": "(find := data.find) and find(b'\\x93', 1) > 0 and find(b'%', 2) > 0",
    "key of a dict, with a default": "TABLE.get(data.decode('latin-1'), 0) == 2",
    "key behind the end": "data[:2] == b'k=' and TABLE.get(data[2:].decode('latin-1')) == 1",
    "text in Latin-1": "data.decode('latin-1').partition('\xe9')[0] == 'na\xefve'",
    "cases of a match": "CASES[:1] and next((n for n in CASES if data[:2] == n), None) == CASES[-1]",
    "member of a set": "data.decode('latin-1') in {'alpha-one', 'beta-two'}",
    "key of a dict": "TABLE.get(data.decode('latin-1')) == 1",
    "subscript": "data.decode('latin-1') in TABLE and TABLE[data.decode('latin-1')] == 2",
}


@pytest.mark.parametrize("name", COMPARED)
def test_what_is_compared_comes_into_inputs(tmp_path: Path, name: str) -> None:
    ran = fuzz_body(
        tmp_path,
        f"""
        import struct
        import zlib

        CASES = [bytes([number, number ^ 85]) for number in range(250)]
        TABLE = {{"first key": 1, "second key": 2}}

        @atheris.instrument_func
        def TestOneInput(data):
            if {COMPARED[name]}:
                raise KeyError
        """,
        "-runs=400000",
        options=("--minimize=0",),
    )
    assert ran.code == 77, ran.output


def test_a_value_profile_tells_the_places_apart(tmp_path: Path) -> None:
    body = """
        @atheris.instrument_func
        def TestOneInput(data):
            number = int.from_bytes(data[:2], "little")
            return [number < limit for limit in (1, 2)], number < 30000, number < 40000
        """
    features = []
    for flag in "-use_value_profile=0", "-use_value_profile=1":
        ran = fuzz_body(tmp_path, body, "-runs=3000", flag)
        (line,) = [line for line in ran.output.splitlines() if "DONE" in line]
        features.append(int(line.split(" ft: ")[1].split()[0]))
    assert features[1] > features[0] + 40


NATIVE = """
#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

static size_t volatile length = 1u << 29;

static PyObject *
parse(PyObject *module, PyObject *argument)
{
    uint64_t magic;
    char *data;
    Py_ssize_t size;

    if (PyBytes_AsStringAndSize(argument, &data, &size) < 0)
        return NULL;
    if (size >= 9) {
        memcpy(&magic, data, 8);
        if (magic == UINT64_C(0x4b434f5650594b21)) {
            if (data[8] == 'o') {
                char *small = malloc(16);
                memset(small, 'A', length); /* the overflow */
                return PyBytes_FromString(small);
            }
        }
    }
    Py_RETURN_NONE;
}

static PyMethodDef functions[] = {{"parse", parse, METH_O, NULL}, {0}};
static struct PyModuleDef definition = {PyModuleDef_HEAD_INIT, .m_name = "ext", .m_size = -1, .m_methods = functions};

PyMODINIT_FUNC
PyInit_ext(void)
{
    return PyModule_Create(&definition);
}
"""


def test_an_overflow_in_native_code_behind_a_magic_value_is_found_with_the_last_locations(tmp_path: Path) -> None:
    pytest.importorskip("symbolic")
    (tmp_path / "ext.c").write_text(NATIVE)
    both = build.flags(["gcc"])
    include = sysconfig.get_paths()["include"]
    words = ["gcc", "-shared", "-fPIC", "-g", "-O1", f"-I{include}", *both.compile, *both.link, "ext.c", "-o", "ext.so"]
    subprocess.run(words, check=True, cwd=tmp_path)
    ran = fuzz_body(
        tmp_path,
        "import ext\n\n\n@atheris.instrument_func\ndef TestOneInput(data):\n    ext.parse(data)\n",
        "-runs=1000000",
    )
    assert ran.code == 77, ran.output
    (finding,) = ran.findings
    assert finding.name.startswith("SIGSEGV")
    data = (finding / "minimized" if (finding / "minimized").exists() else finding / "input").read_bytes()
    assert data.startswith(b"!KYPVOCKo")
    locations = (finding / "report.txt").read_text().partition("Last locations")[2]
    overflow = next(number for number, line in enumerate(NATIVE.splitlines(), 1) if "malloc(16)" in line)
    assert f"ext.c:{overflow} parse" in locations.splitlines()[-1]


def test_a_comparison_among_thousands_is_seen_though_most_executions_do_not_look(tmp_path: Path) -> None:
    body = """
    @atheris.instrument_func
    def TestOneInput(data):
        for number in range(100):
            for other in range(number):
                if number == other:
                    raise AssertionError
        if data[:11] == b"magic value":
            if data[11:].startswith(b"and another one"):
                raise KeyError
    """
    ran = fuzz_body(tmp_path, body, "-runs=100000")
    assert ran.code == 77, ran.output
    assert "KeyError" in ran.output


def test_a_pattern_of_re_is_matched_with_the_hook(tmp_path: Path) -> None:
    ran = fuzz_body(
        tmp_path,
        """
        import re

        atheris.enabled_hooks.add("RegEx")
        assert "regex" in atheris.enabled_hooks
        PATTERN = re.compile(b"(Sun|Mon)day:[0-9]{3}")

        @atheris.instrument_func
        def TestOneInput(data):
            if PATTERN.search(data):
                raise KeyError
        """,
        "-runs=400000",
    )
    assert ran.code == 77, ran.output


def test_libfuzzer_starts_itself_again_to_merge(tmp_path: Path) -> None:
    write_harness(
        tmp_path, "@atheris.instrument_func\ndef TestOneInput(data):\n    if data[:1] == b'a':\n        pass\n"
    )
    for name, data in (("one", b"a"), ("two", b"ab"), ("three", b"x")):
        folder = tmp_path / "from"
        folder.mkdir(exist_ok=True)
        (folder / name).write_bytes(data)
    (tmp_path / "to").mkdir()
    ran = fuzz(tmp_path, "harness.py", "-merge=1", "to", "from")
    assert ran.code == 0, ran.output
    assert sorted(path.read_bytes() for path in (tmp_path / "to").iterdir()) == [b"a", b"x"]
