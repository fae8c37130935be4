"""`pykcov report`, `pykcov dump`, `pykcov doctor` and the command line as a whole, as a user types them."""

import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import click
import pytest
from running import Run

from pykcov import cli

Write = Callable[[str, str], Path]


@pytest.fixture
def traced(pykcov: Run, write: Write) -> Path:
    main = write("main.py", "def f(n):\n    if n:\n        return 1\n    return 2\nf(1)\nf(1)\n")
    assert pykcov("run", "-q", "--mode", "pc", "main.py").returncode == 0
    return main


def test_report_needs_no_argument(pykcov: Run, traced: Path) -> None:
    done = pykcov("report")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("Name      Stmts   Miss  Cover\n")
    assert "MainThread" in done.stdout


@pytest.mark.parametrize(
    ("format", "written"), [("html", "htmlcov"), ("xml", "coverage.xml"), ("lcov", "coverage.lcov"), ("json", "x.json")]
)
def test_report_says_what_it_wrote(pykcov: Run, traced: Path, format: str, written: str, tmp_path: Path) -> None:
    done = pykcov("report", "pykcov.npz", "--format", format, *(("-o", "x.json") if format == "json" else ()))
    assert (done.returncode, done.stdout) == (0, "")
    assert done.stderr == f"83% of the lines ran. Written: {written}\n"
    assert (tmp_path / written).exists()


def test_fail_under_ends_with_2_below_the_bound(pykcov: Run, traced: Path) -> None:
    assert pykcov("report", "--fail-under", "83").returncode == 0
    done = pykcov("report", "--fail-under", "84")
    assert (done.returncode, done.stderr) == (2, "pykcov: 83.33% of the lines ran, less than 84%\n")


@pytest.mark.parametrize("bound", ["nan", "inf", "-inf", "-1", "100.001", "101", "1e400", "much", ""])
def test_a_bound_that_is_no_percentage_is_refused(pykcov: Run, traced: Path, bound: str) -> None:
    done = pykcov("report", f"--fail-under={bound}")
    assert (done.returncode, done.stdout) == (2, "")
    assert "Invalid value for '--fail-under'" in done.stderr.splitlines()[-1]


@pytest.mark.parametrize("command", ["report", "dump"])
def test_a_program_in_place_of_a_trace_is_told_apart(pykcov: Run, traced: Path, command: str) -> None:
    done = pykcov(command, "main.py")
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert "`pykcov run main.py` runs a program and makes a trace of it" in done.stderr


def test_a_data_file_in_place_of_a_trace_is_told_apart(pykcov: Run, traced: Path) -> None:
    assert pykcov("report", "--format", "data", "-o", "x.data").returncode == 0
    assert pykcov("report", "x.data").returncode == 0
    done = pykcov("dump", "x.data")
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert "it is a data file of coverage.py: `pykcov report` and `pykcov tests` read it" in done.stderr


def test_another_database_is_told_apart(pykcov: Run, traced: Path, tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "other.sqlite")) as database:
        database.execute("create table other (x)")
    done = pykcov("report", "other.sqlite")
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert "other.sqlite: no data file of coverage.py, or damaged" in done.stderr


def test_dump_prints_every_entry_in_order(pykcov: Run, traced: Path) -> None:
    done = pykcov("dump")
    assert (done.returncode, done.stderr) == (0, "")
    first, *lines = done.stdout.splitlines()
    assert first.startswith("# thread 0: MainThread, native id ")
    assert first.endswith(f", {len(lines)} entries, 0 dropped")
    columns = [line.split("\t") for line in lines]
    assert [column[1] for column in columns] == [str(n) for n in range(len(lines))]
    assert [column[3] for column in columns] == [f"{traced}:{line}" for line in (1, 5, 2, 3, 6, 2, 3)]
    assert {column[4] for column in columns} == {"__main__:<module>", "__main__:f"}
    assert all(int(column[2], 16) >> 63 for column in columns)


def test_names_that_are_not_printable_are_shown_with_backslashes(pykcov: Run, write: Write, tmp_path: Path) -> None:
    write(
        "main.py",
        "import os, sys, threading\nopen(b'n\\xe9\\n.py', 'w').write('x = 1\\n')\ndef f(): pass\n"
        "for name in ('tab\\there', 'not UTF-8 \\udcff'):\n"
        "    t = threading.Thread(target=f, name=name)\n    t.start()\n    t.join()\n"
        "__import__('n\\udce9\\n')\n",
    )
    done = pykcov("run", "main.py")
    assert done.returncode == 0, done.stderr
    assert "  tab\\there" in done.stderr
    assert "  not UTF-8 \\udcff" in done.stderr
    assert "  n\\udce9\\n.py" in done.stderr
    done = pykcov("dump")
    assert (done.returncode, done.stderr) == (0, "")
    assert "/n\\udce9\\n.py:1\tn\\udce9\\n:<module>" in done.stdout
    for format in ("text", "html", "json", "xml", "lcov"):
        done = pykcov("report", "--format", format)
        assert done.returncode == 0, done.stderr
        assert "n\\udce9\\n.py" in done.stderr


def test_dump_of_one_thread_and_some_entries(pykcov: Run, traced: Path) -> None:
    assert len(pykcov("dump", "--thread", "0", "--limit", "2").stdout.splitlines()) == 3
    done = pykcov("dump", "--thread", "1")
    assert (done.returncode, done.stderr) == (2, "pykcov: pykcov.npz: there is no thread 1; it has 1, from 0\n")


def test_dump_into_a_pipe_that_is_closed_ends_quietly(pykcov: Run, write: Write, tmp_path: Path) -> None:
    write("main.py", "for n in range(20000):\n    if n:\n        pass\n")
    assert pykcov("run", "-q", "--mode", "pc", "main.py").returncode == 0
    script = f"set -o pipefail; {sys.executable} -m pykcov dump | head -n 1"
    done = subprocess.run(["bash", "-c", script], cwd=tmp_path, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (141, "")
    assert done.stdout.startswith("# thread 0")


def test_a_full_disk_while_printing_is_told(pykcov: Run, traced: Path) -> None:
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "pykcov", "dump"], cwd=traced.parent, stdout=full, stderr=subprocess.PIPE, text=True
        )
    assert (done.returncode, done.stderr) == (2, "pykcov: No space left on device\n")


@pytest.mark.parametrize("command", ["report", "dump"])
def test_bad_trace_files_are_told_in_one_line(pykcov: Run, command: str, tmp_path: Path) -> None:
    (tmp_path / "foreign").write_text("hello")
    for words, expected in {
        (): "pykcov: pykcov.npz: No such file or directory; `pykcov run` makes one\n",
        ("foreign",): "pykcov: foreign: not a trace file",
        (".",): "pykcov: .: Is a directory",
    }.items():
        done = pykcov(command, *words)
        assert (done.returncode, done.stdout) == (2, "")
        assert done.stderr.startswith(expected)
        assert done.stderr.count("\n") == 1


def test_an_output_that_cannot_be_written_is_told_in_one_line(pykcov: Run, traced: Path) -> None:
    for format in ("text", "html", "xml", "lcov", "json"):
        done = pykcov("report", "--format", format, "-o", "main.py/out")
        assert done.returncode == 2, format
        assert done.stderr.startswith("pykcov: "), done.stderr
        assert done.stderr.count("\n") == 1


def test_doctor_finds_this_machine_well(pykcov: Run) -> None:
    done = pykcov("doctor")
    assert done.returncode == 0, done.stdout
    assert done.stdout.endswith("All is well.\n")
    assert f"CPython {sys.version.split()[0]}" in done.stdout


def test_doctor_finds_what_is_wrong(bare: Run) -> None:
    script = (
        "import sys\nfrom pykcov import instrument_code\n"
        "def check(granularity): raise RuntimeError('no such Python')\n"
        "sys.modules['pykcov.instrument.code'].check = check\n"
        "from pykcov.cli import main\nmain(['doctor'])\n"
    )
    done = bare("-c", script)
    assert done.returncode == 1
    assert "Python       FAILED  RuntimeError: no such Python" in done.stdout
    assert "checks failed." in done.stdout


def test_every_module_of_the_folder_is_a_command_and_each_has_examples() -> None:
    context = click.Context(cli.pykcov)
    names = cli.pykcov.list_commands(context)
    assert {"run", "report", "dump", "doctor"} <= set(names)
    for name in names:
        command = cli.pykcov.get_command(context, name)
        assert command is not None
        assert "Examples:" in (command.epilog or ""), name
        assert command.help, name
    assert cli.pykcov.get_command(context, "_errors") is None


def test_help_and_version_need_no_command(pykcov: Run) -> None:
    done = pykcov("--help")
    assert done.returncode == 0
    assert "pykcov run app.py input.txt" in done.stdout
    done = pykcov("--version")
    assert (done.returncode, done.stdout.split()[0]) == (0, "pykcov")


def test_an_error_of_ours_is_shown_whole(bare: Run) -> None:
    """Only what a user can cause becomes one line."""
    script = (
        "from pykcov.traces import tracefile\n"
        "def load(path): raise ZeroDivisionError\n"
        "tracefile.TraceFile.load = load\n"
        "from pykcov.cli import main\nmain(['dump'])\n"
    )
    done = bare("-c", script)
    assert done.returncode == 1
    assert done.stderr.startswith("Traceback")


@pytest.mark.parametrize("command", ["", "run", "fuzz", "corpus", "corpus minimize", "cache"])
def test_help_is_there_with_docstrings_dropped(bare: Run, command: str) -> None:
    words = ("-m", "pykcov", *command.split(), "--help")
    assert bare("-OO", *words).stdout == bare(*words).stdout
