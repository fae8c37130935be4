"""`pykcov run --mode cmp` and `cmp-bytes`: from real programs to the trace file and dump."""

import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from compared_programs import COUNTER, MAIN, PROGRAM, dumped
from running import Run

from pykcov.native import build
from pykcov.traces.threads import Thread
from pykcov.traces.tracefile import TraceFile

Write = Callable[[str, str], Path]
Load = Callable[[], TraceFile]


@pytest.fixture
def main(write: Write) -> Path:
    return write("main.py", PROGRAM)


def test_each_thread_has_its_own_comparisons(pykcov: Run, main: Path, trace: Load) -> None:
    done = pykcov("run", "--mode", "cmp-bytes", "main.py")
    assert (done.returncode, done.stdout) == (0, "")
    assert done.stderr == (
        "pykcov: 2 threads made 8 comparisons at 5 of 6 places\n"
        "  Thread      Comparisons  Places  Dropped\n"
        "  MainThread            4       3        0\n"
        "  counter               4       2        0\n"
        "pykcov: wrote pykcov.npz; `pykcov report pykcov.npz` shows it\n"
    )
    shown = pykcov("dump")
    assert (shown.returncode, shown.stderr) == (0, "")
    assert dumped(shown.stdout, 0) == MAIN
    assert dumped(shown.stdout, 1) == COUNTER
    heads = [line for line in shown.stdout.splitlines() if line.startswith("#")]
    assert [head.partition(",")[0] for head in heads] == ["# thread 0: MainThread", "# thread 1: counter"]
    assert f"\t{main}:3\t__main__:parse\t==\t3,4\t" in shown.stdout
    result = trace()
    assert (result.mode, result.granularity) == ("cmp-bytes", "block")
    assert [one.operand2 for _, one in result.comparisons(result.threads[0])] == ["POST", "POST", 4, "GET"]


def test_mode_cmp_records_integers_with_the_operation_of_the_place(pykcov: Run, main: Path) -> None:
    assert pykcov("run", "-q", "--mode", "cmp", "main.py").returncode == 0
    shown = pykcov("dump").stdout
    assert dumped(shown, 0) == [(5, "==", "1", "const", "4", "4")]
    assert dumped(shown, 1) == [(8, "<", "1", "const", "-1", "0"), (8, "<", "1", "const", "-1", "1")]


def test_a_comparison_that_code_begins_with_has_its_operation(pykcov: Run, write: Write) -> None:
    write("main.py", "def f(a, b):\n    return 300 == (a or b)\nf(0, 5)\nf(-1, 5)\n")
    assert pykcov("run", "-q", "--mode", "cmp", "main.py").returncode == 0
    assert dumped(pykcov("dump").stdout, 0) == [(2, "==", "2", "-", "300", "5"), (2, "==", "2", "-", "300", "-1")]


def test_granularity_changes_nothing(pykcov: Run, main: Path, trace: Load) -> None:
    entries = []
    for granularity in ("block", "line"):
        assert pykcov("run", "-q", "--mode", "cmp-bytes", "--granularity", granularity, "main.py").returncode == 0
        assert trace().granularity == granularity
        entries.append(trace().threads[0].entries.tolist())
    assert entries[0] == entries[1]


def test_the_program_does_not_notice(bare: Run, pykcov: Run, write: Write) -> None:
    write("main.py", "import sys\nprint(sys.argv[1] in ('a', 'b'), 'x'.find(sys.argv[1]))\nsys.exit(int('3') == 3)\n")
    expected = bare("main.py", "b")
    done = pykcov("run", "-q", "--mode", "cmp-bytes", "main.py", "b")
    assert (done.returncode, done.stdout, done.stderr) == (1, expected.stdout, "")


def test_the_table_of_locations_has_the_places_of_comparisons_and_no_lines(
    pykcov: Run, main: Path, trace: Load
) -> None:
    assert pykcov("run", "-q", "--mode", "cmp-bytes", "main.py").returncode == 0
    result = trace()
    places = [result.locations.location(row) for row in range(len(result.locations))]
    assert sorted((place.line, place.comparison) for place in places) == [
        (3, "=="), (5, "=="), (5, "startswith"), (8, "<"), (8, ">"), (11, "==")
    ]  # fmt: skip
    assert all(place.lines == () for place in places)
    assert not any(result.lines().values())
    assert not any(result.known_lines().values())
    assert all(row >= 0 for thread in result.threads for row, _ in result.comparisons(thread))


def test_numpy_alone_reads_comparisons_as_documented(pykcov: Run, main: Path) -> None:
    assert pykcov("run", "-q", "--mode", "cmp-bytes", "main.py").returncode == 0
    document = Path(__file__).parents[2] / "docs" / "tracefile.md"
    _, example = [part.split("```")[0] for part in document.read_text().split("```python\n")[1:]]
    script = "import sys\nsys.modules['pykcov'] = None\n" + example
    done = subprocess.run([sys.executable, "-I", "-c", script], cwd=main.parent, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines()[:5] == [
        "MainThread line 3 operation 1 b'GET' b'POST'",
        "MainThread line 5 operation 9 b'PO' b'POST'",
        "MainThread line 5 operation 1 4 4",
        "MainThread line 3 operation 1 b'GET' b'GET'",
        "counter line 8 operation 3 255 0",
    ]


def test_long_operands_are_cut_and_their_lengths_kept(pykcov: Run, write: Write) -> None:
    write("main.py", "def f(a, b):\n    return a == b\nf('é' * 100, 'x' * 40)\nf(1 << 100, -1)\nf(b'', b'\\t\\xff')\n")
    assert pykcov("run", "-q", "--mode", "cmp-bytes", "main.py").returncode == 0
    assert dumped(pykcov("dump").stdout, 0) == [
        (2, "==", "100,40", "-", repr("é" * 32), repr("x" * 40)),
        (2, "==", "13,1", "-", str(1 << 100), "-1"),
        (2, "==", "0,2", "-", "b''", r"b'\t\xff'"),
    ]


@pytest.mark.parametrize("mode", ["cmp", "cmp-bytes"])
def test_a_full_buffer_keeps_whole_records_and_is_told(pykcov: Run, write: Write, trace: Load, mode: str) -> None:
    write("main.py", "for n in range(100):\n    if n == 70 or str(n) == 'seventy':\n        pass\n")
    done = pykcov("run", "--mode", mode, "--nmemb", "50", "main.py")
    assert done.returncode == 0
    [thread] = trace().threads
    assert len(thread.entries) == 12
    assert len(list(thread.comparisons())) == len(thread.pcs) == (12 if mode == "cmp" else 6)
    assert thread.damage == ""
    assert thread.dropped == (100 + 3 * 99 * (mode == "cmp-bytes")) - 12
    assert f"pykcov: {thread.dropped} entries did not fit into the buffers of 1 thread: trace less code" in done.stderr


@pytest.mark.parametrize(
    ("words", "source", "reason"),
    [
        (("cmp",), "int('3') == 3.5 or str(1) == 'a'", "no thread compared integers in code with probes; --mode cmp-b"),
        (("cmp-bytes",), "print", "no thread compared numbers, str or bytes in code with probes"),
        (("cmp-bytes", "--nmemb", "4"), "int('3') == 3", "nothing fits into the buffers"),
    ],
)
def test_nothing_recorded_is_told_and_fails(
    pykcov: Run, write: Write, words: tuple[str, ...], source: str, reason: str
) -> None:
    write("main.py", source + "\n")
    done = pykcov("run", "--mode", *words, "main.py")
    assert done.returncode == 3
    assert f"pykcov: nothing was recorded: {reason}" in done.stderr
    assert pykcov("dump").returncode == pykcov("report").returncode == 0


def test_an_included_module_that_compares_nothing_was_found(pykcov: Run, main: Path, write: Write) -> None:
    write("plain.py", "x = 1\n")
    main.write_text("import plain\n" + PROGRAM)
    done = pykcov(
        "run", "-q", "--mode", "cmp-bytes", "--include", "plain", "--include", "__main__", "--include", "no", "main.py"
    )
    assert (done.returncode, done.stderr) == (
        3,
        "pykcov: --include 'no' matched no module that the program imported\n",
    )


def test_what_a_killed_program_compared_is_kept(pykcov: Run, main: Path) -> None:
    main.write_text(PROGRAM + "import os\nos.kill(os.getpid(), 9)\n")
    assert pykcov("run", "-q", "--mode", "cmp-bytes", "main.py").returncode == -9
    assert dumped(pykcov("dump").stdout, 0) == MAIN


def test_dump_of_one_thread_and_some_comparisons(pykcov: Run, main: Path) -> None:
    assert pykcov("run", "-q", "--mode", "cmp-bytes", "main.py").returncode == 0
    shown = pykcov("dump", "--thread", "1", "--limit", "3").stdout
    assert (dumped(shown, 0), dumped(shown, 1)) == ([], COUNTER[:3])


def test_every_operand_can_be_shown_in_every_encoding(pykcov: Run, write: Write) -> None:
    write("main.py", "x = str(1) == '\\u20ac\\ud800'\n")
    assert pykcov("run", "-q", "--mode", "cmp-bytes", "main.py").returncode == 0
    for command in ("dump", "report"):
        done = pykcov(command, env={"PYTHONIOENCODING": "ascii"})
        assert (done.returncode, done.stderr) == (0, "")
        assert r"'\u20ac\ud800'" in done.stdout


def cut_off(rows: Any) -> Any:
    return rows[:5]


def with_a_huge_count(rows: Any) -> Any:
    rows[3, 0] |= 0xFFFF << 16
    return rows


def with_a_huge_length(rows: Any) -> Any:
    rows[3, 1] = 2**64 - 1
    return rows


def with_no_length(rows: Any) -> Any:
    rows[3, 1:3] = 0
    return rows


@pytest.mark.parametrize("damage", [cut_off, with_a_huge_count, with_a_huge_length, with_no_length])
def test_a_damaged_record_ends_what_is_shown_and_is_told(pykcov: Run, main: Path, damage: Callable[[Any], Any]) -> None:
    """The second of the main thread is damaged; those of the other thread are not."""
    assert pykcov("run", "-q", "--mode", "cmp-bytes", "main.py").returncode == 0
    path = main.parent / "pykcov.npz"
    trace = TraceFile.load(path)
    trace.threads[0] = replace(
        trace.threads[0], words=memoryview(damage(trace.threads[0].entries.copy()).tobytes()).cast("Q")
    )
    trace.save(path)
    for command in ("dump", "report"):
        done = pykcov(command)
        assert done.returncode == 2
        assert done.stderr.startswith("pykcov: thread MainThread: entry 3, of type ")
        assert "is not followed by its" in done.stderr
        assert done.stderr.count("\n") == 1
        if command == "dump":
            assert (dumped(done.stdout, 0), dumped(done.stdout, 1)) == (MAIN[:1], COUNTER)
        else:
            assert done.stdout.startswith("5 comparisons at 3 of 6 places\n")


def test_a_program_that_writes_into_the_buffer_is_told_of(pykcov: Run, write: Write, trace: Load) -> None:
    write(
        "helper.py",
        "lines = [line for line in open('/proc/self/maps') if '/memfd:kcov ' in line]\n"
        "address = int(lines[0].split('-')[0], 16)\n",
    )
    write(
        "main.py",
        "import ctypes, helper\nx = int('3')\ny = x == 3\n"
        "words = (ctypes.c_uint64 * 13).from_address(helper.address)\n"
        "words[5:9] = [0xFFFF0008, 1, 1, 0]\nwords[0] = 2**64 - 1\n",
    )
    done = pykcov("run", "--mode", "cmp-bytes", "--exclude", "helper", "main.py")
    assert done.returncode == 0, done.stderr
    assert "1 comparison at 1 of " in done.stderr
    assert "pykcov: thread MainThread: entry 1, of type 0xffff0008, is not followed by its 65535 ent" in done.stderr
    assert len(trace().threads[0].entries) == 65535
    assert dumped(pykcov("dump").stdout, 0) == [(3, "==", "1", "const,swapped", "3", "3")]


def test_any_words_at_all_are_shown_or_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from pykcov import cli

    generator = np.random.default_rng(1)
    for bits in (3, 8, 18, 24, 63):
        words = generator.integers(0, 2**bits, (200, 4), "u8")
        TraceFile(mode="cmp-bytes", threads=[Thread("T", 1, 1, 0, words)]).save(tmp_path / "t.npz")
        for command in (["dump"], ["report"], ["report", "--format", "json", "-o", "-"]):
            assert cli.exit_code_of([*command, str(tmp_path / "t.npz")]) in (0, 2)
    assert all(line.startswith("pykcov: thread T: ") for line in capsys.readouterr().err.splitlines())


@pytest.mark.skipif(shutil.which("gcc") is None, reason="needs a C compiler")
def test_native_code_compares_among_python(pykcov: Run, write: Write, tmp_path: Path) -> None:
    pytest.importorskip("symbolic")
    source = write(
        "made.c",
        "int check(long value, double real)\n{\n    if (value == 1234567)\n        return 1;\n"
        "    return real < 2.5;\n}\n",
    )
    flags = build.flags(["gcc"])
    options = [*flags.compile, *flags.link, "-O0", "-o", str(tmp_path / "made.so")]
    subprocess.run(["gcc", "-shared", "-fPIC", *options, str(source)], check=True)
    write(
        "main.py",
        "import ctypes\nmade = ctypes.CDLL('./made.so')\n"
        "made.check.argtypes = [ctypes.c_long, ctypes.c_double]\n"
        "def call(n):\n    return n == 5 and made.check(n, 1.0) == 3\ncall(5)\n",
    )
    done = pykcov("run", "--mode", "cmp-bytes", "main.py")
    assert (done.returncode, "4 comparisons at 4 of 4 places" in done.stderr) == (0, True), done.stderr
    shown = pykcov("dump").stdout
    assert dumped(shown, 0) == [
        (5, "==", "1", "const,swapped", "5", "5"),
        (3, "?", "8", "const", "1234567", "5"),
        (5, "?", "8", "-", "1.0", "2.5"),
        (5, "==", "1", "const,swapped", "3", "1"),
    ]
    assert f"\t{source}:3\tmade:check\t?" in shown
    assert "made.c:3" in pykcov("report").stdout
