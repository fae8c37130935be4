"""Which targets a campaign finds."""

from pathlib import Path

import pytest

from pykcov.campaign.targets import TargetsError, find

HARNESS = "import atheris\natheris.Setup([], print)\natheris.Fuzz()\n"
TESTS = """
import pykcov
from hypothesis import given, strategies

@pykcov.fuzz_test
def test_bytes(data): ...

@given(strategies.text())
def test_text(text): ...

def test_plain(): ...

class TestClass:
    @pykcov.fuzz_test
    def test_inner(self, data): ...

def helper():
    @pykcov.fuzz_test
    def test_local(data): ...
"""


def harnesses(named: list[str], folder: Path) -> list[str]:
    return [each.harness for each in find(named, str(folder))]


@pytest.fixture
def project(tmp_path: Path) -> Path:
    for name, text in {
        "fuzz/fuzz_a.py": HARNESS,
        "fuzz/fuzz_b.py": "def FuzzerRunOne(data): ...\n",
        "fuzz/helper.py": "# calls Fuzz() nowhere\n",
        "fuzz/broken.py": "def FuzzerRunOne(:\n",
        "tests/test_x.py": TESTS,
        ".venv/lib/fuzz_other.py": HARNESS,
        "env/pyvenv.cfg": "",
        "env/fuzz_other.py": HARNESS,
        "fuzz/fuzz_a.fuzz/findings/x/reproduce.py": HARNESS,
    }.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return tmp_path


def test_without_names_all_that_a_project_has_is_found(project: Path) -> None:
    assert harnesses([], project) == [
        "fuzz/fuzz_a.py",
        "fuzz/fuzz_b.py",
        "tests/test_x.py::test_bytes",
        "tests/test_x.py::test_text",
        "tests/test_x.py::TestClass::test_inner",
    ]


def test_a_folder_a_file_of_tests_and_a_target_named_twice(project: Path) -> None:
    assert harnesses(["fuzz"], project) == ["fuzz/fuzz_a.py", "fuzz/fuzz_b.py"]
    assert len(harnesses(["tests/test_x.py"], project)) == 3
    assert harnesses(["fuzz/fuzz_a.py", "fuzz", "package.module:parse"], project) == [
        "fuzz/fuzz_a.py",
        "fuzz/fuzz_b.py",
        "package.module:parse",
    ]


def test_what_the_project_declares_is_taken(project: Path) -> None:
    (project / "pyproject.toml").write_text(
        '[tool.pykcov.campaign]\ntargets = ["fuzz/fuzz_b.py"]\ninclude = ["package"]\nflags = ["-timeout=5"]\n'
    )
    (target,) = find([], str(project))
    assert (target.harness, target.include, target.flags) == ("fuzz/fuzz_b.py", ("package",), ("-timeout=5",))
    assert find(["fuzz/fuzz_a.py"], str(project))[0].include == ("package",)


@pytest.mark.parametrize(
    ("declared", "words"),
    [
        ("[tool.pykcov.campaign]\ntargets = 1\n", "targets of .* is no list of strings"),
        ("[tool.pykcov.campaign]\ntarget = []\n", "has no 'target'"),
        ("[tool.pykcov]\ncampaign = 1\n", "is no table"),
        ("[[[", "cannot be read"),
    ],
)
def test_what_is_declared_wrongly_is_said(project: Path, declared: str, words: str) -> None:
    (project / "pyproject.toml").write_text(declared)
    with pytest.raises(TargetsError, match=words):
        find([], str(project))


@pytest.mark.parametrize("name", ["nothing.py", "nothing.py::test_x", "empty"])
def test_a_target_that_is_not_there_is_named(project: Path, name: str) -> None:
    (project / "empty").mkdir()
    with pytest.raises(TargetsError, match=name):
        find([name], str(project))
