"""A project with a configuration of coverage.py, under `pytest --pykcov`, `pykcov run` and `pykcov report`."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from coverage import CoverageData

CONFIGURATION = """\
[tool.coverage.run]
source = ["pk"]
omit = ["*/omitted.py"]
branch = true

[tool.coverage.report]
fail_under = 99
show_missing = true
"""
FILES = {
    "pyproject.toml": CONFIGURATION,
    "main.py": "from pk import m, omitted\nm.f(1)\nomitted.g()\n",
    "test_pk.py": "from pk import m, omitted\n\ndef test_true():\n    assert m.f(1) == 1\n\n"
    "def test_omitted():\n    assert omitted.g() == 1\n",
    "pk/__init__.py": "",
    "pk/m.py": "def f(x):\n    if x:\n        return 1\n    return 2\n\n\n"
    "def h(x):  # pragma: no cover\n    return x\n",
    "pk/never.py": "def g():\n    return 1\n",
    "pk/omitted.py": "def g():\n    return 1\n",
}


class Project:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for name, text in FILES.items():
            self.write(name, text)

    def write(self, name: str, text: str) -> None:
        path = self.folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)

    def run(self, *command: str) -> subprocess.CompletedProcess[str]:
        environment = {name: value for name, value in os.environ.items() if not name.startswith("COV")}
        return subprocess.run(
            [sys.executable, "-m", *command],
            cwd=self.folder,
            env=environment | {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTEST_ADDOPTS": ""},
            capture_output=True,
            text=True,
            timeout=120,
        )

    def pytest(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return self.run("pytest", "-p", "no:cacheprovider", "-p", "pytest_pykcov", *arguments)

    def numbers(self) -> tuple[Any, Any]:
        """What `coverage json` says of the data file that is there."""
        assert self.run("coverage", "json", "--fail-under=0", "-q").returncode == 0
        found = json.loads((self.folder / "coverage.json").read_text())
        return found["totals"], {name: (of["summary"], of["missing_lines"]) for name, of in found["files"].items()}


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(tmp_path)


def table(output: str) -> str:
    """Return the table of files and what follows it, as pytest-cov and pykcov write it."""
    found = re.search(r"^_+ coverage: .*?^TOTAL.*?\n.*?$", output, re.DOTALL | re.MULTILINE)
    assert found, output
    return found[0]


def test_pytest_says_what_pytest_cov_says(project: Project) -> None:
    theirs = project.run("pytest", "-p", "no:cacheprovider", "-p", "pytest_cov", "--cov")
    expected = project.numbers()
    ours = project.pytest("--pykcov")
    assert table(ours.stdout) == table(theirs.stdout)
    assert "FAIL Required test coverage of 99.0% not reached. Total coverage: 50.00%" in ours.stdout
    assert (ours.returncode, theirs.returncode) == (1, 1)
    assert project.numbers() == expected
    assert "never.py" in ours.stdout
    assert "omitted.py" not in ours.stdout


def test_run_and_report_say_what_coverage_says(project: Project) -> None:
    assert project.run("coverage", "run", "main.py").returncode == 0
    theirs = project.run("coverage", "report")
    expected = project.numbers()
    (project.folder / ".coverage").unlink()
    ran = project.run("pykcov", "run", "main.py")
    assert ran.returncode == 0, ran.stderr
    ours = project.run("pykcov", "report")
    assert (ours.returncode, theirs.returncode) == (2, 2)
    assert "50.00% of the lines ran, less than 99%" in ours.stderr
    assert ours.stdout.startswith(theirs.stdout.partition("\nCoverage failure")[0])
    project.run("pykcov", "report", "--format", "data")
    assert project.numbers() == expected
    # And what coverage.py combined is reported, too.
    project.run("pykcov", "report", "--format", "data", "-o", ".coverage.other")
    assert project.run("coverage", "combine").returncode == 0
    combined = project.run("pykcov", "report", ".coverage")
    assert combined.stdout.partition("\nCoverage failure")[0] in ours.stdout


def test_options_win(project: Project) -> None:
    done = project.pytest("--pykcov=pk.omitted", "--pykcov-fail-under=10", "--pykcov-report=term-missing:skip-covered")
    assert "FAIL Required test coverage of 10% not reached. Total coverage: 0.00%" in done.stdout  # as it is omitted
    done = project.pytest("--pykcov=pk.m", "--pykcov-fail-under=10", "--pykcov-report=term-missing:skip-covered")
    assert "Required test coverage of 10% reached. Total coverage: 66.67%" in done.stdout
    assert "never.py" not in done.stdout
    done = project.pytest("--pykcov=pk", "--pykcov-config=", "--pykcov-report=json:out.json", "--pykcov-report=lcov")
    assert done.returncode == 0, done.stdout
    assert "Coverage JSON written to file out.json" in done.stdout
    assert "omitted.py" in (project.folder / "coverage.lcov").read_text()
    assert {Path(name).name for name in json.loads((project.folder / "out.json").read_text())["files"]} == {
        *("__init__.py", "m.py", "never.py", "omitted.py"),
    }
    assert project.pytest("--pykcov=", "--pykcov-fail-under=0").stdout.count("test_pk.py") > 1


def test_without_it_nothing_is_traced(project: Project) -> None:
    done = project.pytest("--pykcov", "--no-pykcov")
    assert (done.returncode, "coverage" in done.stdout) == (0, False)
    assert not (project.folder / ".coverage").exists()


def test_no_report_is_made_where_none_is_wanted(project: Project) -> None:
    done = project.pytest("--pykcov", "--pykcov-report=", "--pykcov-fail-under=0")
    assert (done.returncode, "TOTAL" in done.stdout) == (0, False)
    project.write("test_pk.py", "from pk import m\n\ndef test_it():\n    m.f(0)\n    assert False\n")
    assert "TOTAL" not in project.pytest("--pykcov", "--no-pykcov-on-fail").stdout


def test_a_bound_fails_also_where_nothing_ran(project: Project) -> None:
    project.write("test_pk.py", "def test_it():\n    pass\n")
    (project.folder / ".coverage").write_text("of a better run")
    done = project.pytest("--pykcov")
    assert done.returncode == 1
    assert "Total coverage: 0.00%" in done.stdout
    assert (project.folder / ".coverage").read_text() == "of a better run"


def test_appending_keeps_what_was_there(project: Project) -> None:
    one = project.pytest("--pykcov", "--pykcov-fail-under=0", "-k", "true")
    assert one.returncode == 0, one.stdout
    project.write("test_more.py", "from pk import m\n\ndef test_more():\n    assert m.f(0) == 2\n")
    assert project.pytest("--pykcov", "--pykcov-append", "--pykcov-fail-under=0", "test_more.py").returncode == 0
    data = CoverageData(str(project.folder / ".coverage"))
    data.read()
    assert {"test_pk.py::test_true", "test_more.py::test_more"} <= data.measured_contexts()
    assert sorted(data.lines(str((project.folder / "pk/m.py").resolve())) or ()) == [1, 2, 3, 4, 7]


def test_runs_that_append_at_once_lose_nothing(project: Project) -> None:
    for number in range(3):
        project.write(f"test_{number}.py", f"from pk import m\n\ndef test_{number}():\n    m.f(0)\n")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "pytest_pykcov", "--pykcov"]
    command += ["--pykcov-append", "--pykcov-fail-under=0", "--pykcov-report="]
    environment = os.environ | {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    runs = [
        subprocess.Popen([*command, f"test_{number}.py"], cwd=project.folder, env=environment, stdout=subprocess.PIPE)
        for number in range(3)
    ]
    for run in runs:
        run.communicate()
        assert run.returncode == 0
    data = CoverageData(str(project.folder / ".coverage"))
    data.read()
    assert {f"test_{number}.py::test_{number}" for number in range(3)} <= data.measured_contexts()


def test_lines_are_not_added_to_branches(project: Project) -> None:
    assert project.run("coverage", "run", "--branch", "main.py").returncode == 0
    before = (project.folder / ".coverage").read_bytes()
    done = project.pytest("--pykcov", "--pykcov-append", "--pykcov-config=")
    assert done.returncode == pytest.ExitCode.USAGE_ERROR
    assert "holds branches, to which lines cannot be added; remove it, or name another" in done.stderr
    assert (project.folder / ".coverage").read_bytes() == before
    (project.folder / ".coverage").unlink()
    assert project.run("coverage", "run", "--rcfile=/dev/null", "main.py").returncode == 0
    done = project.pytest("--pykcov", "--pykcov-append")
    assert "holds lines, to which branches cannot be added" in done.stderr


def test_files_may_be_named_relative_to_the_folder(project: Project) -> None:
    project.write("pyproject.toml", CONFIGURATION.replace("branch = true", "relative_files = true"))
    assert "Total coverage: 50.00%" in project.pytest("--pykcov").stdout
    data = CoverageData(str(project.folder / ".coverage"))
    data.read()
    assert data.measured_files() == {"pk/__init__.py", "pk/m.py", "pk/never.py"}
    done = project.run("pykcov", "tests", "pk/m.py:3")
    assert (done.returncode, done.stdout) == (0, "test_pk.py::test_true\n")


REFUSED = {
    "TOML that is none": ("pyproject.toml", "[tool.coverage\n", "Couldn't read config file pyproject.toml"),
    "a list that is none": (".coveragerc", "[run]\nbranch = maybe\n", "maybe"),
    "a bound above 100": (".coveragerc", "[report]\nfail_under = 101\n", "expected a number from 0 to 100"),
    "a negative precision": (".coveragerc", "[report]\nprecision = -1\n", "expected a number of digits"),
    "a bad pattern": (".coveragerc", "[report]\nexclude_also = (\n", "exclude_also value '('"),
    "greenlets of two kinds": (".coveragerc", "[run]\nconcurrency = gevent, eventlet\n", "Conflicting concurrency"),
    "concurrency of no kind": (".coveragerc", "[run]\nconcurrency = many\n", "Unknown concurrency choices: many"),
    "a plugin that is not there": (".coveragerc", "[run]\nplugins = no_such_plugin\n", "no_such_plugin"),
    "a folder that is none": (".coveragerc", "[run]\nsource_dirs = nowhere\n", "'nowhere' is no folder"),
    "the root": (".coveragerc", "[run]\nsource = /\n", "the root of all files cannot be the source"),
}


@pytest.mark.parametrize(("file", "text", "words"), REFUSED.values(), ids=REFUSED)
def test_a_configuration_that_cannot_be_followed_ends_it_before_anything_runs(
    project: Project, file: str, text: str, words: str
) -> None:
    project.write(file, text)
    project.write("main.py", "open('it ran', 'w')\n")
    done = project.run("pykcov", "run", "main.py")
    assert done.returncode == 2
    [line] = done.stderr.splitlines()
    assert line.startswith("pykcov: ")
    assert words in line
    assert not (project.folder / "it ran").exists()


def test_pytest_says_so_too(project: Project) -> None:
    project.write(".coveragerc", "[report]\nfail_under = 101\n")
    done = project.pytest("--pykcov")
    assert done.returncode == pytest.ExitCode.USAGE_ERROR
    assert "ERROR: --pykcov: [report] fail_under = 101.0: expected a number from 0 to 100" in done.stderr
    done = project.pytest("--pykcov", "--pykcov-config=nowhere")
    assert (done.returncode, "Couldn't read 'nowhere' as a config file" in done.stderr) == (4, True)


PLUGIN = """\
import coverage

class Templates(coverage.CoveragePlugin):
    def file_tracer(self, filename):
        return None

def coverage_init(registry, options):
    registry.add_file_tracer(Templates())
"""


def test_what_is_not_followed_is_named_once(project: Project) -> None:
    project.write("templates.py", PLUGIN)
    project.write(
        ".coveragerc",
        "[run]\nsource = pk\ninclude = x\nno_such_option = 1\ntimid = true\nsigterm = true\ndynamic_context = "
        "test_function\npatch = subprocess\nplugins = templates\nconcurrency = multiprocessing\n",
    )
    expected = [
        "[run] timid = True is not followed: probes record what runs",
        "[run] sigterm = True is not followed",
        "[run] dynamic_context = test_function is not followed",
        "[run] patch = subprocess is not followed",
        "plugin templates.Templates: it traces files that are no Python (a file tracer), which pykcov does not",
        "[run] include is ignored, as source is set",
        "Unrecognized option '[run] no_such_option='",
    ]
    run = project.run("pykcov", "run", "main.py")
    assert run.returncode == 0, run.stderr
    tests = project.pytest("--pykcov")
    for words in expected:
        assert run.stderr.count(words) == 1, words
        assert tests.stdout.count(words) == 1, words
    # `pykcov run` traces all of them.
    assert "multiprocessing" not in run.stderr
    assert "multiprocessing" not in tests.stdout
    whole = project.pytest("--pykcov", "--pykcov-context=none")
    assert whole.stdout.count("[run] concurrency = multiprocessing: with --pykcov-context=none") == 1
    assert "is not followed" not in project.run("pykcov", "report").stderr


def test_a_program_of_another_folder_is_traced_as_configured(project: Project) -> None:
    """With a configuration but no source, all counts that is not installed; without one, what lies below."""
    project.write("elsewhere/other.py", "x = 1\n")
    project.write("inside/main.py", "import sys\nsys.path.append('../elsewhere')\nimport other\n")
    project.write("inside/.coveragerc", "[report]\nprecision = 1\n")
    inside = Project.__new__(Project)
    inside.folder = project.folder / "inside"
    assert "other.py" in inside.run("pykcov", "run", "main.py").stderr
    (inside.folder / ".coveragerc").unlink()
    assert "other.py" not in inside.run("pykcov", "run", "main.py").stderr
