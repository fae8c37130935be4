"""`pykcov tests` and `pykcov affected` name the tests that a line, or a change, concerns."""

from pathlib import Path

import pytest
from coverage import CoverageData
from pytest_project import Project

from pykcov.contrib.pytest_plugin.changes import compare, parse

LIBRARY = '''"""A library."""

import functools

FACTOR = 2


def double(value):
    """Return it twice."""
    if value < 0:
        raise ValueError(
            f"{value} is too small"
        )
    return value * FACTOR


def triple(value):
    def inner():
        return value * 3

    return inner()


class Store:
    def __init__(self):
        self.items = {}
        self.fill()

    def fill(self):
        self.items["one"] = entry(1)

    def get(self, name):
        return self.items[name]


def entry(number):
    return [number]


_store = None


def store():
    global _store
    if _store is None:
        _store = Store()
    return _store


def unused():
    return 0


@functools.lru_cache
def kept():
    return 7


def while_imported():
    return 1


ONE = while_imported()
'''

TESTS = """
import pytest
from library import *

@pytest.fixture(scope="session")
def wide():
    return triple(2)

def test_double():
    assert double(2) == 4

def test_negative():
    with pytest.raises(ValueError):
        double(-1)

def test_wide(wide):
    assert wide == 6

@pytest.mark.parametrize("name", ["one", "o n", "*"])
def test_store(name):
    assert name != "one" or store().get(name) == [1]

def test_store_again():
    assert store().get("one") == [1]

def test_kept():
    assert kept() == 7
"""
OTHER = "from library import entry\n\ndef test_entry():\n    assert entry(5) == [5]\n"

EVERY = ["test_library.py", "tests/test_other.py"]


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """A project in git, with data."""
    project = Project(tmp_path)
    project.write(library=LIBRARY, test_library=TESTS, tests__test_other=OTHER)
    (tmp_path / ".gitignore").write_text("__pycache__\n.coverage\n")
    (tmp_path / "pytest.ini").write_text("[pytest]\npythonpath = .\n")
    project.git("init", "-q")
    project.git("add", ".")
    project.git("commit", "-qm", "first")
    done = project.run("--pykcov", "--pykcov-source=library", pykcov=False)
    assert done.status == 0, done.output
    return project


def line_of(words: str) -> int:
    return next(number for number, line in enumerate(LIBRARY.splitlines(), 1) if words in line)


def change(project: Project, old: str, new: str, file: str = "library.py") -> None:
    text = (project.folder / file).read_text()
    assert old in text
    (project.folder / file).write_text(text.replace(old, new))


def test_the_tests_of_a_line(project: Project) -> None:
    place = f"library.py:{line_of('return value * FACTOR')}"
    assert project.pykcov("tests", place) == (0, ["test_library.py::test_double"], "")


def test_the_tests_of_several_lines_and_of_a_file(project: Project) -> None:
    first, last = line_of("if value < 0"), line_of("return value * FACTOR")
    expected = ["test_library.py::test_double", "test_library.py::test_negative"]
    assert project.pykcov("tests", f"library.py:{first}-{last}")[1] == expected
    assert len(project.pykcov("tests", "library.py")[1]) == 7


def test_any_line_of_a_statement_will_do(project: Project) -> None:
    place = f"library.py:{line_of('        )')}"
    assert project.pykcov("tests", place)[1] == ["test_library.py::test_negative"]


def test_lines_are_those_of_the_file_as_it_is_now(project: Project) -> None:
    change(project, '"""A library."""\n', '"""A library."""\n# new\n# new\n')
    place = f"library.py:{line_of('return value * FACTOR') + 2}"
    assert project.pykcov("tests", place) == (0, ["test_library.py::test_double"], "")
    status, tests, errors = project.pykcov("tests", "library.py:2")
    assert (status, tests) == (1, [])
    assert "has changed since the data was recorded" in errors


def test_a_line_that_no_test_ran(project: Project) -> None:
    assert project.pykcov("tests", f"library.py:{line_of('return 0')}")[:2] == (1, [])


def test_who_used_a_fixture_ran_what_it_ran(project: Project) -> None:
    assert project.pykcov("tests", f"library.py:{line_of('value * 3')}")[1] == ["test_library.py::test_wide"]


@pytest.mark.parametrize(
    ("place", "words"),
    [
        ("nowhere.py:1", "nowhere.py: .coverage knows no such file (but library.py"),
        ("library.py:x", "'x' is no line"),
        ("library.py:3-", "'3-' is no line"),
    ],
)
def test_a_place_that_is_none(project: Project, place: str, words: str) -> None:
    status, tests, errors = project.pykcov("tests", place)
    assert (status, tests) == (2, [])
    assert words in errors


def test_data_that_is_missing_or_none(project: Project, tmp_path: Path) -> None:
    for name, words in (
        (".missing", "there is no such data file"),
        ("library.py", "or damaged: file is not a database"),
    ):
        status, tests, errors = project.pykcov("tests", "library.py:1", "--data", name)
        assert (status, tests) == (2, [])
        assert words in errors
        assert "Traceback" not in errors
    data = CoverageData(str(tmp_path / "plain"))
    data.add_lines({str(tmp_path / "library.py"): [1]})
    data.write()
    assert "it does not tell tests apart" in project.pykcov("affected", "--data", "plain")[2]


def test_data_of_pytest_cov_will_do(project: Project, tmp_path: Path) -> None:
    data = CoverageData(str(tmp_path / "theirs"))
    data.set_context("test_library.py::test_double|run")
    data.add_lines({str(tmp_path / "library.py"): [line_of("return value * FACTOR")]})
    data.write()
    change(project, "return value * FACTOR", "return FACTOR * value")
    assert project.pykcov("affected", "-q", "--data", "theirs")[1] == ["test_library.py", "tests/test_other.py"]


def test_nothing_has_changed(project: Project) -> None:
    assert project.pykcov("affected") == (1, [], "")


@pytest.mark.parametrize(
    ("old", "new"),
    [("    if value < 0:", "    # words\n    if (value < 0):"), ("Return it twice", "Return the double")],
)
def test_what_is_no_code_is_no_change(project: Project, old: str, new: str) -> None:
    change(project, old, new)
    assert project.pykcov("affected")[:2] == (1, [])


CHANGES = {
    "a function": (
        "return value * FACTOR",
        "return value + value",
        ["test_library.py::test_double", "test_library.py::test_negative"],
        "",
    ),
    "a function in a function": ("return value * 3", "return 3 * value", ["test_library.py::test_wide"], ""),
    "what only the first test set up": (
        'self.items["one"] = entry(1)',
        'self.items["two"] = entry(2)',
        None,
        "may have set up what others use: all tests that ran library.py",
    ),
    "what is called there": ("return [number]", "return (number,)", None, "may have set up what others use"),
    "what keeps results": ("return 7", "return 8", EVERY, "keeps results"),
    "a constant": ("FACTOR = 2", "FACTOR = 3", EVERY, "what runs when it is imported has changed: every test"),
    "what ran on import": ("    return 1\n", "    return 2\n", EVERY, "ran outside of tests"),
    "a method more": (
        "    def get(self",
        "    def __len__(self):\n        return 0\n\n    def get(self",
        EVERY,
        "imported has changed",
    ),
    "a new function": ("ONE = while", "def new():\n    return 3\n\n\nONE = while", [], ""),
    "no test ran it": ("return 0", "return 5", [], "library.py: unused(): no test ran it"),
}


@pytest.mark.parametrize("name", CHANGES)
def test_what_has_changed_and_whom_it_concerns(project: Project, name: str) -> None:
    old, new, expected, words = CHANGES[name]
    change(project, old, new)
    status, tests, errors = project.pykcov("affected")
    if expected is not None:
        assert tests == expected, errors
    else:
        assert {"test_library.py", "tests/test_other.py"} >= {test.partition("::")[0] for test in tests}
        assert any(test in tests for test in ("test_library.py", "test_library.py::test_store_again"))
    assert status == (0 if tests else 1)
    assert words in errors


SET_UP_ONCE = """\
class Words:
    def __init__(self):
        self.known = []

    def defaults(self):
        self.add("one")

    def add(self, word):
        self.known.append(word)


words = None


def default_words():
    global words
    if words is None:
        words = Words()
        words.defaults()
    return words
"""

USERS = """\
import pytest
from library import Words, default_words

@pytest.mark.parametrize("number", range(30))
def test_known(number):
    assert default_words().known == ["one"]

def test_defaults():
    default_words().known.clear()
    default_words().defaults()

def test_own():
    Words().add("two")

def test_other():
    assert Words().known == []
"""


def test_what_was_set_up_once_and_a_few_tests_do_for_themselves_concerns_all(tmp_path: Path) -> None:
    project = Project(tmp_path)
    project.write(library=SET_UP_ONCE, test_library=USERS)
    (tmp_path / ".gitignore").write_text("__pycache__\n.coverage\n")
    project.git("init", "-q")
    project.git("add", ".")
    project.git("commit", "-qm", "first")
    assert project.run("--pykcov", "--pykcov-source=library", pykcov=False).status == 0
    change(project, "append(word)", "append(word.upper())")
    assert project.pykcov("affected")[1] == ["test_library.py"]


def test_a_revision(project: Project) -> None:
    change(project, "return value * FACTOR", "return value + value")
    project.git("commit", "-qam", "second")
    status, tests, errors = project.pykcov("affected")
    assert (status, tests) == (1, [])
    assert "1 file has changed between the data and the revision" in errors
    assert project.pykcov("affected", "--since", "HEAD~1")[1] == [
        "test_library.py::test_double",
        "test_library.py::test_negative",
    ]
    status, _, errors = project.pykcov("affected", "--since", "no-such")
    assert (status, "'no-such' is no revision" in errors) == (2, True)


def test_data_of_the_changed_sources(project: Project) -> None:
    change(project, "return value * FACTOR", "\n    return value + value")
    project.run("--pykcov", "--pykcov-source=library", pykcov=False)
    assert project.pykcov("affected") == (
        0,
        ["test_library.py::test_double", "test_library.py::test_negative"],
        "",
    )


def test_new_changed_and_unknown_tests(project: Project) -> None:
    change(project, "[5]", "[6]", "tests/test_other.py")
    project.write(test_new="def test_new():\n    pass\n")
    assert project.pykcov("affected")[1] == ["test_new.py", "tests/test_other.py"]


def test_tests_that_were_not_run_are_unknown(project: Project) -> None:
    project.run("--pykcov", "--pykcov-source=library", "-k", "not store_again", pykcov=False)
    status, tests, errors = project.pykcov("affected")
    assert (status, tests) == (0, ["test_library.py::test_store_again"])
    assert "1 test did not run when the data was recorded" in errors


def test_a_test_file_that_was_not_collected_is_unknown(project: Project) -> None:
    project.run("--pykcov", "--pykcov-source=library", "test_library.py", pykcov=False)
    assert project.pykcov("affected")[1] == ["tests/test_other.py"]


def test_what_tests_share_and_what_is_no_python(project: Project) -> None:
    project.write(tests__conftest="import pytest\n")
    (project.folder / "notes.txt").write_text("words")
    status, tests, errors = project.pykcov("affected")
    assert (status, tests) == (0, ["tests/test_other.py"])
    assert "tests/conftest.py: was not traced: every test below its folder (1)" in errors
    assert "not Python, whom they concern is not known: notes.txt" in errors


def test_a_file_that_is_gone_or_broken(project: Project) -> None:
    (project.folder / "library.py").write_text("def (")
    _, tests, errors = project.pykcov("affected")
    assert tests == EVERY
    assert "cannot be parsed" in errors
    (project.folder / "library.py").unlink()
    assert project.pykcov("affected")[1] == EVERY


def test_pytest_takes_what_is_printed(project: Project) -> None:
    change(project, "return self.items[name]", "return self.items.get(name)")
    names = project.pykcov("affected")[1]
    assert names == ["test_library.py::test_store[one]", "test_library.py::test_store_again"]
    done = project.run(*names, pykcov=False)
    assert done.status == 0, done.output
    assert project.pykcov("affected", "-o", "names.txt")[0] == 0
    exact = project.run("@names.txt", pykcov=False)
    assert exact.status == 0, exact.output
    null = project.pykcov("affected", "--null")[1]
    assert "".join(null).split("\0")[:-1] == (project.folder / "names.txt").read_text().splitlines()


def test_ids_that_a_shell_takes_apart_are_named_by_their_function(project: Project) -> None:
    change(project, 'assert name != "one" or ', 'double(1) if name != "one" else ', "test_library.py")
    project.git("commit", "-qam", "second")
    project.run("--pykcov", "--pykcov-source=library", pykcov=False)
    change(project, "return value * FACTOR", "return value + value")
    assert "test_library.py::test_store" in project.pykcov("affected")[1]
    project.pykcov("affected", "-o", "names.txt")
    names = (project.folder / "names.txt").read_text().splitlines()
    assert "test_library.py::test_store[o n]" in names
    assert "test_library.py::test_store[*]" in names
    assert "test_library.py::test_store[one]" not in names


def test_from_another_folder(project: Project) -> None:
    change(project, "return value * 3", "return 3 * value")
    (project.folder / "elsewhere").mkdir()
    inner = Project(project.folder / "elsewhere")
    assert inner.pykcov("affected", "--data", "../.coverage")[1] == ["../test_library.py::test_wide"]


def test_outside_of_a_repository(tmp_path: Path) -> None:
    project = Project(tmp_path)
    project.write(test_it="def test_it():\n    pass\n")
    project.run()
    status, _, errors = project.pykcov("affected")
    assert (status, "not a git repository" in errors) == (2, True)


FUNCTIONS = [
    ("def f():\n    return 1\n", "def f():\n    yield 1\n", {"f"}, False),
    ("def f(a): pass\n", "def f(a, b=2): pass\n", {"f"}, False),
    ("def f(a):\n    pass\n", "async def f(a):\n    pass\n", {"f"}, False),
    ("@a\ndef f(): pass\n", "@b\ndef f(): pass\n", set(), True),
    ("def f(): pass\n", "", {"f"}, True),
    ("", "def f(): pass\n", set(), False),
    ("from x import f\n", "from x import f\ndef f(): pass\n", set(), True),
    ("def f(): pass\ndef g(): pass\n", "def g(): pass\n\ndef f(): pass\n", set(), False),
    ("class A:\n    def f(self): pass\n", "class A:\n    def f(self): return 1\n", {"A.f"}, False),
    ("class A:\n    def f(self): pass\n", "class A(B):\n    def f(self): pass\n", set(), True),
    ("class A:\n    x = 1\n", "class A:\n    x = 2\n", set(), True),
    ("if x:\n    def f(): return 1\n", "if x:\n    def f(): return 2\n", {"f"}, False),
    ("def f():\n    def g(): return 1\n    return g\n", "def f():\n    def g(): return 2\n    return g\n", None, False),
    ("def f():\n    class A:\n        x = 1\n", "def f():\n    class A:\n        x = 2\n", {"f"}, False),
    (
        "class A:\n    @property\n    def f(self): return 1\n    @f.setter\n    def f(self, v): pass\n",
        "class A:\n    @property\n    def f(self): return 1\n    @f.setter\n    def f(self, v): return 2\n",
        {"A.f#2"},
        False,
    ),
]


@pytest.mark.parametrize(("old", "new", "functions", "module"), FUNCTIONS)
def test_changes_by_function(old: str, new: str, functions: set[str] | None, module: bool) -> None:
    changes = compare(parse(old), parse(new))
    assert changes.functions == ({"f.<locals>.g"} if functions is None else functions)
    assert changes.module == module


def test_lines_of_a_function_are_without_those_of_functions_in_it() -> None:
    source = parse(
        "def f():\n    x = 1\n    def g():\n        def h():\n            return 2\n        return h\n    return g\n"
    )
    assert source.functions["f"].lines == {2, 3, 7}
    assert source.functions["f.<locals>.g"].lines == {4, 6}
    assert source.functions["f.<locals>.g.<locals>.h"].lines == {5}
