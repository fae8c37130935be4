"""`pykcov run`: what its options do, what it says, and what it refuses."""

import os
import re
import resource
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from running import Run

from pykcov.traces.tracefile import TraceFile

Write = Callable[[str, str], Path]
Load = Callable[[], TraceFile]


@pytest.fixture
def main(write: Write) -> Path:
    write("helper.py", "def helped():\n    return 1\n")
    return write("main.py", "import helper\nimport json\n\njson.dumps([helper.helped()])\n")


def files(trace: TraceFile) -> set[str]:
    return {Path(file).name for file in trace.known_lines()}


def test_by_default_the_programs_own_lines_are_traced_once_each(pykcov: Run, main: Path, trace: Load) -> None:
    done = pykcov("run", "main.py", "-o", "not for us")
    assert done.returncode == 0, done.stderr
    result = trace()
    assert result.lines() == {str(main): [1, 2, 4], str(main.with_name("helper.py")): [1, 2]}
    assert (result.mode, result.granularity, result.exit_status) == ("unique", "line", 0)
    assert result.command == "main.py -o 'not for us'"
    assert result.folder == str(main.parent)
    assert result.python == sys.version


def test_stdlib_adds_the_standard_library(pykcov: Run, main: Path, trace: Load) -> None:
    assert pykcov("run", "--stdlib", "main.py").returncode == 0
    assert {"main.py", "helper.py", "encoder.py", "decoder.py"} <= files(trace())


def test_modules_that_pykcov_itself_imports_are_traced_from_their_first_line(
    pykcov: Run, write: Write, trace: Load
) -> None:
    write("main.py", "import collections, typing, re\nclass A(typing.NamedTuple):\n    x: int\n")
    done = pykcov("run", "--stdlib", "main.py")
    assert done.returncode == 0, done.stderr
    lines = {Path(file).parent.name + "/" + Path(file).name: numbers for file, numbers in trace().lines().items()}
    assert len(lines["collections/__init__.py"]) > 200
    assert any(name.endswith("/typing.py") and len(numbers) > 500 for name, numbers in lines.items())


def test_include_takes_modules_wherever_they_are(pykcov: Run, main: Path, trace: Load) -> None:
    assert pykcov("run", "--include", "json.*", "main.py").returncode == 0
    assert files(trace()) == {"__init__.py", "decoder.py", "encoder.py", "scanner.py"}


def test_exclude_wins(pykcov: Run, main: Path, trace: Load) -> None:
    assert pykcov("run", "--exclude", "help*", "main.py").returncode == 0
    assert files(trace()) == {"main.py"}


def test_source_takes_the_place_of_the_current_folder(pykcov: Run, main: Path, write: Write, trace: Load) -> None:
    write("lib/inner.py", "x = 1\n")
    write("main.py", "import sys\nsys.path.append('lib')\nimport inner\n")
    assert pykcov("run", "--source", "lib", "main.py").returncode == 0
    assert files(trace()) == {"inner.py"}


def test_mode_pc_keeps_every_event_in_order(pykcov: Run, write: Write, trace: Load) -> None:
    write("main.py", "def f():\n    pass\nf()\nf()\n")
    assert pykcov("run", "--mode", "pc", "main.py").returncode == 0
    result = trace()
    table = result.locations
    rows = table.rows_of(result.threads[0].pcs)
    assert [table.location(row).line for row in rows] == [1, 3, 2, 4, 2]


def test_granularity_block_tells_the_same_lines(pykcov: Run, main: Path, trace: Load) -> None:
    assert pykcov("run", "main.py").returncode == 0
    by_line = trace()
    assert pykcov("run", "--granularity", "block", "main.py").returncode == 0
    by_block = trace()
    assert by_block.lines() == by_line.lines()
    assert len(by_block.locations) < len(by_line.locations)


def test_a_full_buffer_is_counted_and_told(pykcov: Run, write: Write, trace: Load) -> None:
    write("main.py", "for n in range(100):\n    pass\n")
    done = pykcov("run", "--mode", "pc", "--nmemb", "50", "main.py")
    assert done.returncode == 0
    [thread] = trace().threads
    assert len(thread.entries) == 49
    assert thread.dropped > 0
    assert f"pykcov: {thread.dropped} entries did not fit into the buffers of 1 thread: use --mode" in done.stderr


def test_the_smallest_buffer_drops_all_and_says_so(pykcov: Run, main: Path) -> None:
    done = pykcov("run", "--nmemb", "1", "main.py")
    assert done.returncode == 3
    assert "nothing was recorded" in done.stderr
    assert "entries did not fit" in done.stderr


def test_the_summary_has_threads_files_and_the_next_step(pykcov: Run, main: Path) -> None:
    done = pykcov("run", "-o", "own.npz", "main.py")
    assert done.stdout == ""
    assert re.sub(r"\d+ locations", "N locations", done.stderr) == (
        "pykcov: 1 thread ran 5 of 5 lines in 2 files; 5 entries, N locations\n"
        "  File       Ran  Lines\n"
        "  main.py      3      3\n"
        "  helper.py    2      2\n"
        "  Thread      Lines  Only here  Entries  Dropped\n"
        "  MainThread      5          5        5        0\n"
        "pykcov: wrote own.npz; `pykcov report own.npz` shows it\n"
    )


def test_a_summary_that_nobody_can_read_changes_no_exit_status(main: Path) -> None:
    closing = "import os, sys; os.close(2); os.execv(sys.executable, [sys.executable, *sys.argv[1:]])"
    process = subprocess.run([sys.executable, "-c", closing, "-m", "pykcov", "run", "main.py"], cwd=main.parent)
    assert process.returncode == 0
    with open("/dev/full", "w") as full:
        process = subprocess.run([sys.executable, "-m", "pykcov", "run", "main.py"], cwd=main.parent, stderr=full)
    assert process.returncode == 0


def test_nothing_traced_is_told_and_fails(pykcov: Run) -> None:
    done = pykcov("run", "-m", "json.tool", "--help")
    assert done.returncode == 3
    assert done.stdout.startswith("usage:")
    assert "pykcov: nothing was traced: the program ran no code that was selected" in done.stderr
    assert "--stdlib" in done.stderr


def test_an_include_that_matches_nothing_is_told_and_fails(pykcov: Run, main: Path) -> None:
    done = pykcov("run", "-q", "--include", "helper", "--include", "nosuch.*", "main.py")
    assert done.returncode == 3
    assert done.stderr == "pykcov: --include 'nosuch.*' matched no module that the program imported\n"


def test_an_extension_module_that_was_asked_for_is_listed_as_skipped(pykcov: Run, write: Write) -> None:
    write("main.py", "import cmath\n")
    done = pykcov("run", "--include", "cmath", "--include", "__main__", "main.py")
    assert done.returncode == 0, done.stderr
    assert "1 module or function could not be instrumented" in done.stderr
    assert pykcov("dump", "--skipped").stdout == "cmath\tan extension module: it has no Python code\n"


def test_the_programs_own_failure_is_what_is_passed_on(pykcov: Run, write: Write) -> None:
    write("main.py", "import sys; sys.exit(7)\n")
    done = pykcov("run", "--include", "nosuch", "main.py")
    assert done.returncode == 7
    assert "nosuch" in done.stderr


BAD_COMMAND_LINES = {
    "no program": ("run",),
    "no such script": ("run", "nosuch.py"),
    "a buffer of 0 words": ("run", "--nmemb", "0", "main.py"),
    "a buffer of 262145 words": ("run", "--nmemb", "262145", "main.py"),
    "a buffer of x words": ("run", "--nmemb", "x", "main.py"),
    "an unknown mode": ("run", "--mode", "calls", "main.py"),
    "an unknown granularity": ("run", "--granularity", "branch", "main.py"),
    "an unknown option": ("run", "--nosuch", "main.py"),
    "a source that does not exist": ("run", "--source", "no/such", "main.py"),
    "a source that is a file": ("run", "--source", "main.py", "main.py"),
    "an output that is a folder": ("run", "-o", ".", "main.py"),
    "an output that is a device": ("run", "-o", "/dev/full", "main.py"),
    "an output in no folder": ("run", "-o", "nosuch/x.npz", "main.py"),
    "an output below a file": ("run", "-o", "main.py/x.npz", "main.py"),
    "an output that is standard output": ("run", "-o", "-", "main.py"),
    "an output that is a pipe": ("run", "-o", "/dev/stdout", "main.py"),
    "an output that is another pipe": ("run", "-o", "/proc/self/fd/2", "main.py"),
    "an output without a name": ("run", "-o", "", "main.py"),
    "an output with too long a name": ("run", "-o", "x" * 300, "main.py"),
    "an output that leaves no room for another name": ("run", "-o", "x" * 250, "main.py"),
    "an output where no file can be": ("run", "-o", "/proc/x.npz", "main.py"),
    "no code": ("run", "-c"),
    "an unknown command": ("nosuch",),
}


@pytest.mark.parametrize("words", BAD_COMMAND_LINES.values(), ids=BAD_COMMAND_LINES)
def test_a_bad_command_line_is_refused_before_the_program_runs(
    pykcov: Run, write: Write, words: tuple[str, ...], tmp_path: Path
) -> None:
    write("main.py", "open('it ran', 'w')\n")
    done = pykcov(*words)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    assert done.stderr.strip()
    assert not (tmp_path / "it ran").exists()
    assert not (tmp_path / "pykcov.npz").exists()
    assert os.path.exists("/dev/full")


def test_an_output_that_the_program_writes_is_refused(pykcov: Run, main: Path, tmp_path: Path) -> None:
    """Its own output would be lost: the trace takes the place of the file."""
    for descriptor in (1, 2):
        with (tmp_path / "out.npz").open("w") as output:
            names = {1: "stdout", 2: "stderr"}
            command = [sys.executable, "-m", "pykcov", "run", "-o", "out.npz", "main.py"]
            streams = {"stdout": subprocess.DEVNULL, "stderr": subprocess.PIPE, names[descriptor]: output}
            assert subprocess.run(command, cwd=tmp_path, **streams).returncode == 2  # type: ignore[call-overload]


def test_links_and_pipes_that_cannot_be_written_are_refused(pykcov: Run, main: Path, tmp_path: Path) -> None:
    (tmp_path / "loop").symlink_to("loop")
    os.mkfifo(tmp_path / "fifo")
    for name in ("loop", "loop/x", "fifo"):
        done = pykcov("run", "-o", name, "main.py")
        assert (done.returncode, done.stderr.count("\n")) == (2, 1), done.stderr
        assert done.stderr.startswith(f"pykcov: {name}: cannot be written: ")


def test_a_link_to_what_is_not_there_yet_is_followed(pykcov: Run, main: Path, tmp_path: Path) -> None:
    (tmp_path / "link.npz").symlink_to("real.npz")
    assert pykcov("run", "-o", "link.npz", "main.py").returncode == 0
    assert TraceFile.load(tmp_path / "real.npz").threads


@pytest.mark.parametrize(
    "words",
    [
        ("-m", "json.tool", "--help"),
        ("--nmemb", "1", "main.py"),
        ("broken.py",),
        ("-c", "def ("),
        ("--source", "empty", "main.py"),
        ("--mode", "cmp", "-c", "pass"),
    ],
    ids=" ".join,
)
def test_what_an_earlier_run_has_recorded_is_not_replaced_by_nothing(
    pykcov: Run, main: Path, tmp_path: Path, words: tuple[str, ...], trace: Load
) -> None:
    assert pykcov("run", "main.py").returncode == 0
    earlier = trace().lines()
    (tmp_path / "broken.py").write_text("def (\n")
    (tmp_path / "empty").mkdir()
    done = pykcov("run", "-q", *words)
    assert done.returncode in (1, 3)
    assert done.stderr.endswith("pykcov: pykcov.npz is left as it was\n")
    assert trace().lines() == earlier


def test_nothing_recorded_beside_other_processes_names_these_as_a_cause(pykcov: Run, write: Write) -> None:
    write("work/job.py", "x = 1\n")
    write("main.py", "import subprocess, sys\nsubprocess.run([sys.executable, '-c', 'import work.job'])\n")
    done = pykcov("run", "-q", "--no-children", "--include", "work", "main.py")
    assert done.returncode == 3
    assert "such as workers or the child of a reloader: these were not traced" in done.stderr
    write("main.py", "import work.job\n")
    assert "workers" not in pykcov("run", "-q", "--include", "nosuch", "main.py").stderr


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_an_output_without_permission_is_refused_before_the_program_runs(
    pykcov: Run, main: Path, tmp_path: Path
) -> None:
    (tmp_path / "sealed").mkdir(mode=0o500)
    done = pykcov("run", "-o", "sealed/x.npz", "main.py")
    assert (done.returncode, "Permission denied" in done.stderr) == (2, True)


def test_on_a_full_disk_the_trace_goes_elsewhere(pykcov: Run, main: Path, tmp_path: Path) -> None:
    """The folder disappears while the program runs: as for a full disk, writing fails at the very end."""
    main.write_text("import shutil\nshutil.rmtree('there')\n")
    (tmp_path / "there").mkdir()
    (tmp_path / "tmp").mkdir()
    done = pykcov("run", "-o", "there/x.npz", "main.py", env={"TMPDIR": str(tmp_path / "tmp")})
    assert done.returncode == 4
    assert f"pykcov: {tmp_path}/there/x.npz: could not be written: No such file or directory" in done.stderr
    assert "pykcov: wrote tmp/x.npz" in done.stderr
    assert TraceFile.load(tmp_path / "tmp" / "x.npz").lines() == {str(main): [1, 2]}


def test_a_disk_full_everywhere_is_told_and_fails(bare: Run, main: Path, tmp_path: Path) -> None:
    (tmp_path / "pykcov.npz").write_bytes(b"old")
    script = (
        "import sys\nfrom pykcov.traces import npz\n"
        "def save(file, arrays):\n    file.write(b'half')\n    raise OSError(28, 'No space left on device')\n"
        "npz.save = save\n"
        "from pykcov.cli import main\nmain(sys.argv[1:])\n"
    )
    done = bare("-c", script, "run", "main.py")
    assert done.returncode == 4, done.stderr
    assert f"{tmp_path}/pykcov.npz: could not be written: No space left on device" in done.stderr
    assert "pykcov: the trace is lost" in done.stderr
    assert (tmp_path / "pykcov.npz").read_bytes() == b"old"
    assert sorted(path.name for path in tmp_path.iterdir() if path.name.startswith(".")) == []


def test_limits_are_those_of_the_program(pykcov: Run, main: Path, trace: Load) -> None:
    """What is limited for the program is not for what writes its trace."""

    def limit() -> None:
        # Room for a buffer, not for two; and time enough for the program.
        resource.setrlimit(resource.RLIMIT_CPU, (60, resource.RLIM_INFINITY))
        resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 22, resource.RLIM_INFINITY))

    main.write_text("import resource\nprint(resource.getrlimit(resource.RLIMIT_FSIZE), flush=True)\n")
    done = pykcov("run", "--mode", "pc", "main.py", preexec_fn=limit)
    assert (done.returncode, done.stdout) == (0, f"({1 << 22}, -1)\n"), done.stderr
    assert trace().lines() == {str(main): [1, 2]}


def test_an_unsupported_python_is_refused_before_the_program_runs(pykcov: Run, bare: Run, main: Path) -> None:
    main.write_text("open('it ran', 'w')\n")
    script = (
        "import sys\n"
        "from pykcov.instrument import versions\n"
        "versions.VERSION = None\n"
        "from pykcov.cli import main\nmain(sys.argv[1:])\n"
    )
    done = bare("-c", script, "run", "main.py")
    assert done.returncode == 2
    assert done.stderr.startswith("pykcov: no probes can be put into the bytecode of cpython 3.")
    assert not main.with_name("it ran").exists()


def test_the_parent_loads_nothing_of_the_program(pykcov: Run, write: Write) -> None:
    """Modules that lie beside the script must not get into the parent, whatever they are called."""
    write("main.py", "print('fine')\n")
    for name in ("numpy", "click", "json", "socket", "zipfile", "coverage"):
        write(f"{name}.py", f"print('{name} of the program')\n")
    done = pykcov("run", "main.py", env={"PYTHONSAFEPATH": "1"})
    assert (done.returncode, done.stdout) == (0, "fine\n"), done.stderr


def test_the_parent_starts_no_threads_before_it_waits_for_signals() -> None:
    """Threads of numpy would take signals that sigwaitinfo() waits for."""
    script = "import sys, pykcov.program.supervisor; sys.exit('numpy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", script]).returncode == 0


def test_the_traced_process_has_imported_only_what_is_needed(pykcov: Run, write: Write) -> None:
    write("main.py", "import sys\nprint(*sys.modules)\n")
    modules = set(pykcov("run", "main.py").stdout.split())
    unwanted = {"numpy", "click", "rich", "coverage", "json", "socket", "threading", "asyncio", "pathlib", "inspect"}
    assert not modules & unwanted
    assert {name.partition(".")[0] for name in modules} - set(sys.stdlib_module_names) <= {
        "__main__",
        "pykcov",
        "_distutils_hack",
        "sitecustomize",
    }


def test_a_real_test_suite_passes_as_it_does_without(bare: Run, pykcov: Run, write: Write, trace: Load) -> None:
    write("src/shop.py", "def price(n):\n    if n < 0:\n        raise ValueError(n)\n    return n * 2\n")
    write(
        "tests/test_shop.py",
        "import pytest\nimport shop\ndef test_price():\n    assert shop.price(2) == 4\n"
        "def test_negative():\n    with pytest.raises(ValueError):\n        shop.price(-1)\n"
        "def test_that_fails():\n    assert shop.price(1) == [shop.price(2), 'x']\n",
    )
    words = ("-m", "pytest", "-p", "no:cacheprovider", "-q", "tests", "--no-header", "--tb=long")
    environment = {"PYTHONPATH": "src", "PYTHONDONTWRITEBYTECODE": "1"}
    expected = bare(*words, env=environment)
    done = pykcov("run", "--source", "src", *words, env=environment)
    assert done.returncode == expected.returncode == 1

    def outcome(text: str) -> list[str]:
        return [re.sub("0x[0-9a-f]+", "0x", line) for line in text.splitlines() if not re.search(r"\d\.\d\ds", line)]

    assert outcome(done.stdout) == outcome(expected.stdout)
    assert [sorted(lines) for lines in trace().lines().values()] == [[1, 2, 3, 4]]
