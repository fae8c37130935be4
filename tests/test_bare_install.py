"""What `pip install pykcov` alone gives: no module but those of its declared dependencies is there."""

import os
import subprocess
import sys
import tomllib
import venv
from collections.abc import Iterable
from importlib.metadata import distribution
from pathlib import Path

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
PROGRAM = "def double(x):\n    if x:\n        return 2 * x\n    return 0\n\n\nprint(double(4))\n"


def closure(requirements: Iterable[str]) -> set[str]:
    """Return the names of what these need, with what that needs in turn."""
    found: set[str] = set()
    waiting = [Requirement(one) for one in requirements]
    while waiting:
        one = waiting.pop()
        if one.name.lower() not in found and (one.marker is None or one.marker.evaluate({"extra": ""})):
            found.add(one.name.lower())
            waiting += map(Requirement, distribution(one.name).requires or ())
    return found


class Bare:
    """A virtual environment that holds pykcov and some distributions, and a folder with a program."""

    def __init__(self, folder: Path, requirements: Iterable[str]) -> None:
        venv.create(folder / "venv", symlinks=True)
        self.folder = folder
        version = f"python{sys.version_info.major}.{sys.version_info.minor}"
        site = folder / "venv" / "lib" / version / "site-packages"
        for name in sorted(closure(requirements)):
            for file in distribution(name).files or ():
                top = file.parts[0]
                if top not in ("..", "__pycache__") and not (site / top).exists():
                    (site / top).symlink_to(Path(str(distribution(name).locate_file(top))))
        (site / "pykcov.pth").write_text(f"{ROOT / 'src'}\n")
        (folder / "app.py").write_text(PROGRAM)

    def run(self, *arguments: str, status: int = 0) -> str:
        """Run Python there; return its output."""
        environment = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "PYTEST"))}
        done = subprocess.run(
            [self.folder / "venv" / "bin" / "python", *arguments],
            cwd=self.folder,
            env=environment,
            capture_output=True,
            text=True,
            timeout=300,
        )
        assert done.returncode == status, done.stdout + done.stderr
        return done.stdout + done.stderr


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> Bare:
    return Bare(tmp_path_factory.mktemp("bare"), PROJECT["dependencies"])


def test_it_has_no_more_than_the_two_that_everything_needs(bare: Bare) -> None:
    assert closure(PROJECT["dependencies"]) == {"click", "coverage"}
    for name in ("numpy", "rich"):
        bare.run("-c", f"import {name}", status=1)


def test_run_and_report(bare: Bare) -> None:
    assert bare.run("-m", "pykcov", "run", "-o", "trace.npz", "app.py").startswith("8\n")
    assert "app.py" in bare.run("-m", "pykcov", "report", "trace.npz")
    for kind in ("json", "data", "html", "xml", "lcov"):
        bare.run("-m", "pykcov", "report", "trace.npz", "--format", kind, "-o", f"report.{kind}")
        assert (bare.folder / f"report.{kind}").exists()


def test_trace(bare: Bare) -> None:
    program = (
        "import app, pykcov\n"
        "with pykcov.trace(include=['app']) as trace: app.double(0)\n"
        "print([line for lines in trace.lines().values() for line in lines])\n"
    )
    assert "[2, 4]" in bare.run("-c", program)


def test_arrays_and_tables_say_which_extra_they_need(bare: Bare) -> None:
    program = "import app, pykcov\nwith pykcov.trace(include=['app']) as trace: app.double(0)\nprint(trace.pcs)\n"
    assert "arrays and comparisons need numpy: pip install 'pykcov[arrays]'" in bare.run("-c", program, status=1)


def test_fuzzing_finds_an_input_that_fails(bare: Bare) -> None:
    (bare.folder / "harness.py").write_text(
        "def parse(data: bytes) -> None:\n    if data[:1] == b'x': raise ValueError(data)\n"
    )
    said = bare.run("-m", "pykcov", "fuzz", "harness:parse", "--", "-max_total_time=60", status=77)
    assert "ValueError" in said


def test_a_mode_that_needs_numpy_is_refused_before_the_program_runs(bare: Bare) -> None:
    said = bare.run("-m", "pykcov", "run", "--mode", "cmp", "app.py", status=2)
    assert said == "pykcov: arrays and comparisons need numpy: pip install 'pykcov[arrays]'\n"


def test_a_terminal_without_rich_shows_plain_tables(bare: Bare) -> None:
    program = "import sys\nfrom pykcov.tables import print_table\nsys.stdout.isatty = lambda: True\n"
    shown = bare.run("-c", program + "print_table(['A', 'B'], [['x', 1]], sys.stdout)")
    assert shown == "  A  B\n  x  1\n"


def test_the_plugin_of_pytest(tmp_path: Path) -> None:
    bare = Bare(tmp_path, [*PROJECT["dependencies"], "pytest"])
    (tmp_path / "test_app.py").write_text("import app\n\n\ndef test_double():\n    assert app.double(1) == 2\n")
    shown = bare.run("-m", "pytest", "-p", "pytest_pykcov", "--pykcov=app", "--pykcov-report=term", "test_app.py")
    assert "1 passed" in shown
    assert "app.py" in shown
    assert (tmp_path / ".coverage").exists()
