"""The oracle itself: what it calls a line that ran, and that the program under it is as it would be without."""

import ast
import json
import os
import subprocess
import sys
from pathlib import Path

import coverage
import pytest
from comparing import ORACLE

PROGRAMS = Path(__file__).parent / "programs"
DRIVERS = Path(__file__).parent / "drivers"


def ask(folder: Path, *words: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, str(ORACLE), *words]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=100)


def lines(folder: Path, *words: str) -> dict[str, list[int]]:
    """The answer of an oracle that was asked well."""
    done = ask(folder, "-o", "out.json", *words)
    assert done.returncode == 0, done.stderr
    return dict(json.loads((folder / "out.json").read_text())["lines"])


def test_it_imports_nothing_of_pykcov_and_before_the_program_nothing_that_python_has_not() -> None:
    nodes = list(ast.walk(ast.parse(ORACLE.read_text())))
    assert "pykcov" not in {name.name for node in nodes if isinstance(node, ast.Import) for name in node.names}
    at_once = {
        name.name for node in ast.parse(ORACLE.read_text()).body if isinstance(node, ast.Import) for name in node.names
    }
    assert at_once == {"_thread", "atexit", "gc", "os", "sys"}


@pytest.mark.parametrize("program", sorted(PROGRAMS.glob("*.py")), ids=lambda program: program.stem)
def test_lines_marked_as_running_run_and_no_others(program: Path, tmp_path: Path) -> None:
    marks = ("# runs", "# runs before 3.14") if sys.version_info < (3, 14) else ("# runs",)
    marked = [number for number, line in enumerate(program.read_text().splitlines(), 1) if line.endswith(marks)]
    assert lines(tmp_path, "--source", str(PROGRAMS), str(program)) == {str(program): marked}


@pytest.mark.parametrize("driver", ["configparser", "html", "textwrap"])
def test_coverage_agrees(driver: str, tmp_path: Path) -> None:
    path = str(DRIVERS / f"drive_{driver}.py")
    command = [sys.executable, "-m", "coverage", "run", "--data-file=data", f"--include={path}", path]
    # Of several engines of coverage.py the one that is told of lines as the oracle is.
    environment = os.environ | {"COVERAGE_CORE": "ctrace"}
    subprocess.run(command, cwd=tmp_path, env=environment, check=True, capture_output=True, timeout=100)
    data = coverage.CoverageData(str(tmp_path / "data"))
    data.read()
    assert lines(tmp_path, "--source", str(DRIVERS), path)[path] == sorted(data.lines(path) or ())


@pytest.mark.parametrize(
    ("program", "status", "error"),
    [
        ("import sys; sys.exit()", 0, ""),
        ("import sys; sys.exit(3)", 3, ""),
        ("import sys; sys.exit('bad luck')", 1, "bad luck"),
        ("1 / 0", 1, "ZeroDivisionError"),
        ("nonsense nonsense", 1, "SyntaxError"),
    ],
)
def test_the_exit_status_is_the_programs(program: str, status: int, error: str, tmp_path: Path) -> None:
    (tmp_path / "program.py").write_text(program)
    done = ask(tmp_path, "-o", "out.json", "program.py")
    assert done.returncode == status
    assert error in done.stderr
    assert (tmp_path / "out.json").exists()


def test_a_program_sees_what_it_would_see_without(tmp_path: Path) -> None:
    (tmp_path / "package").mkdir()
    (tmp_path / "package" / "__init__.py").write_text("")
    show = "import sys\nprint(__name__, __package__, __file__, sys.argv, sys.path[0], 'json' in sys.modules)\n"
    show += "print(sys.modules['__main__'].__dict__ is globals(), __spec__ and __spec__.name)\n"
    for path in ("program.py", "package/__main__.py", "package/module.py"):
        (tmp_path / path).write_text(show)
    for words in (("program.py", "a", "-b"), ("-m", "package", "x"), ("-m", "package.module")):
        bare = subprocess.run([sys.executable, *words], cwd=tmp_path, capture_output=True, text=True, timeout=100)
        assert ask(tmp_path, "-o", "out.json", *words).stdout == bare.stdout


@pytest.mark.parametrize(
    ("pattern", "module", "selected"),
    [
        ("json", "json", True),
        ("json", "json.decoder", True),
        ("json.*", "json", True),
        ("json.*", "json.decoder", True),
        ("json.*", "jsonx", False),
        ("js*", "json.decoder", True),
        ("*.decoder", "json.decoder", True),
        ("*.decoder", "json", False),
        ("j?on", "json", True),
        ("j?on", "jon", False),
        ("", "json", False),
    ],
)
def test_patterns_of_modules(pattern: str, module: str, selected: bool) -> None:
    program = f"import sys; sys.path.insert(0, {str(ORACLE.parent)!r}); import oracle\n"
    program += f"print(oracle.selects({pattern!r}, {module!r}))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=100)
    assert done.stdout.strip() == str(selected)


def test_bad_words_are_refused(tmp_path: Path) -> None:
    for words in ((), ("-m",), ("--nonsense", "x"), ("-o",)):
        done = ask(tmp_path, *words)
        assert (done.returncode, done.stderr[:6]) == (2, "usage:")
    done = ask(tmp_path, "nowhere.py")
    assert (done.returncode, "FileNotFoundError" in done.stderr) == (1, True)
    done = ask(tmp_path, "-m", "no_such_module")
    assert (done.returncode, "no_such_module" in done.stderr) == (1, True)
