"""tools/pytest_contexts.py says why coverage.py and pykcov differ only where that is proved."""

from pathlib import Path

import pytest
import pytest_contexts
from context_differences import (
    CHANCE,
    INVENTED,
    MISSED,
    MOVED,
    NO_CODE,
    OWN_CONTEXT,
    Difference,
    Recorded,
    Rules,
    Trial,
    by_witness,
    differences,
)
from pytest_libraries import PLUGINS, Library, Run, run, with_witness

TEST = "test_it.py::test_it"


def recorded(*runs: set[int], context: str = TEST, file: str = "a.py") -> Recorded:
    return Recorded([Run({}, {context: {file: frozenset(lines)}}) for lines in runs])


def test_what_each_run_of_one_has_and_none_of_the_other_is_a_difference() -> None:
    theirs, ours = recorded({1, 2, 3}, {1, 2, 4}), recorded({2, 5, 6, 3}, {2, 5})
    assert set(differences(theirs, ours)) == {
        Difference("coverage.py", TEST, "a.py", 1),
        Difference("pykcov", TEST, "a.py", 5),
    }


HAS, HAS_NOT, SOMETIMES = ({1}, {1}), (set[int](), set[int]()), ({1}, set[int]())


@pytest.mark.parametrize(
    ("holder", "other", "judge", "reasons"),
    [
        (HAS, HAS_NOT, HAS, {"pykcov": MISSED, "coverage.py": None}),
        (HAS, HAS_NOT, SOMETIMES, {"pykcov": MISSED, "coverage.py": None}),
        (HAS, HAS_NOT, HAS_NOT, {"pykcov": None, "coverage.py": INVENTED}),
        (HAS_NOT, HAS_NOT, HAS_NOT, {"pykcov": None, "coverage.py": None}),
        (HAS_NOT, HAS_NOT, HAS, {"pykcov": None, "coverage.py": None}),
        (HAS_NOT, HAS_NOT, SOMETIMES, {"pykcov": CHANCE, "coverage.py": CHANCE}),
        (SOMETIMES, HAS_NOT, HAS, {"pykcov": CHANCE, "coverage.py": CHANCE}),
        (HAS, SOMETIMES, HAS, {"pykcov": CHANCE, "coverage.py": CHANCE}),
        (HAS, HAS, HAS, {"pykcov": CHANCE, "coverage.py": CHANCE}),
    ],
)
def test_the_judge_says_whose_error_it_is_and_other_runs_whether_it_is_chance(
    holder: tuple[set[int], ...], other: tuple[set[int], ...], judge: tuple[set[int], ...], reasons: dict[str, str]
) -> None:
    for who, reason in reasons.items():
        one, two = recorded(*holder), recorded(*other)
        trial = Trial(*((one, two) if who == "coverage.py" else (two, one)), recorded(*judge))
        assert trial.explain(Difference(who, TEST, "a.py", 1)) == reason


def test_a_planted_statement_that_has_run_is_a_reason_for_what_pykcov_has() -> None:
    for who, lines, reason in (("pykcov", {1}, MOVED), ("pykcov", set[int](), None), ("coverage.py", set[int](), None)):
        assert by_witness(Difference(who, TEST, "a.py", 1), recorded(lines)) == reason


def test_what_shows_its_reason_by_itself(tmp_path: Path) -> None:
    file = tmp_path / "a.py"
    file.write_text("x = 1\n# nothing\ny = 2\n")
    library = Library("a", "1", "a", workers=("worker.py",))
    rules = Rules(library, recorded({3}, context="(signal)", file=str(file)))

    def why(who: str, line: int, context: str = TEST, name: str = str(file)) -> str | None:
        return rules.explain(Difference(who, context, name, line))

    assert [why("coverage.py", line) for line in (1, 2, 3)] == [None, NO_CODE, OWN_CONTEXT]
    assert [why("pykcov", line) for line in (1, 2, 3)] == [None, None, None]
    assert why("pykcov", 1, "(collector)") == why("pykcov", 1, "test_it.py::f[0]|module") == OWN_CONTEXT
    assert (why("pykcov", 1, "", "worker.py"), why("pykcov", 1, "", "other.py")) == (OWN_CONTEXT, None)


def test_planted_statements_say_which_tests_run_a_line(tmp_path: Path) -> None:
    (tmp_path / "package").mkdir()
    file = tmp_path / "package" / "__init__.py"
    file.write_text("def f(x):\n    if x:\n        return 1\n    elif x is None:\n        return 2\n    return 3\n")
    (tmp_path / "test_it.py").write_text(
        "import package\n"
        "def test_true(): assert package.f(True) == 1\n"
        "def test_none(): assert package.f(None) == 2\n"
        "def test_zero(): assert package.f(0) == 3\n"
    )
    library = Library("planted", "1", "package", tests="test_it.py")
    arguments, variables = with_witness({str(file): [3, 4, 5]}, str(tmp_path / "data"))
    found = run(library, tmp_path, arguments, variables | {"PYTHONPATH": f"{tmp_path}:{PLUGINS}"}).contexts
    assert {test: sorted(files[str(file)]) for test, files in found.items()} == {
        "test_it.py::test_true": [3],
        "test_it.py::test_none": [4, 5],
        "test_it.py::test_zero": [4],
    }


PACKAGE = """
import os, pathlib, sys

def forks():
    child = os.fork()
    if child == 0:
        os._exit(0)
    os.waitpid(child, 0)

def unseen():
    exec(compile("\\n" * 24 + "found = 1", __file__, "exec"))  # for the last line of this file

def at_times():
    if any("::" in word for word in sys.argv):  # by itself
        runs = pathlib.Path("runs")
        number = int(runs.read_text()) if runs.exists() else 0
        runs.write_text(str(number + 1))
    else:
        number = "pytest_cov" in sys.modules
    if number % 2:
        return 1
    return 2

def never():
    return 3
"""


@pytest.mark.slow
def test_tests_with_differences_run_by_themselves(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("pytest_cov")
    root = tmp_path / "planted-1"
    for folder in ("tests", "package"):
        (root / folder).mkdir(parents=True)
    (root / "package" / "__init__.py").write_text(PACKAGE)
    (root / "tests" / "test_it.py").write_text(
        "import package\n"
        "def test_unseen(): package.unseen()\n"
        "def test_at_times(): package.at_times()\n"
        "def test_forks(): package.forks()\n"
    )
    assert not pytest_contexts.compare(Library("planted", "1", "package"), tmp_path)
    told = capsys.readouterr().out
    assert "  4 differences and 0 other outcomes to be judged: 3 tests by themselves, 5 times\n" in told
    assert "only coverage.py: tests/test_it.py::test_unseen package/__init__.py:25\n" in told
    assert f"  2 differences: {CHANCE}\n" in told
    assert f"  1 difference: {MISSED}\n" in told
    assert "  0 other outcomes, 1 line missing from the totals, 1 difference without a reason" in told
