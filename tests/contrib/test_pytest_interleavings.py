"""`pytest --pykcov-interleavings` on a small project."""

from pathlib import Path

import pytest
from pytest_project import Done, Project

LIBRARY = """
class Counter:
    def __init__(self):
        self.value = 0
        self.turn = lambda: None

    def add(self):
        value = self.value
        self.turn()
        self.value = value + 1
"""
TESTS = """
import threading

from library import Counter


def add_in_threads(counter):
    threads = [threading.Thread(target=counter.add) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def test_one_after_the_other():
    counter = Counter()
    for _ in range(2):
        thread = threading.Thread(target=counter.add)
        thread.start()
        thread.join()
    assert counter.value == 2


def test_together():
    counter = Counter()
    counter.turn = threading.Barrier(2).wait
    add_in_threads(counter)
    assert counter.value == 2


def test_alone():
    counter = Counter()
    counter.add()
    assert counter.value == 1
"""


@pytest.fixture
def project(tmp_path: Path) -> Project:
    project = Project(tmp_path)
    project.write(library=LIBRARY, test_counter=TESTS)
    return project


def run(project: Project, *arguments: str) -> Done:
    return project.run("--pykcov-interleavings", "--pykcov-source=.", *arguments, pykcov=False)


def test_a_failing_test_names_the_pairs_that_no_passing_test_had(project: Project) -> None:
    done = run(project)
    assert done.status == 1
    assert "Captured interleavings (pykcov) call" in done.output
    suspects = done.output.partition("of accesses that no run which passed has had:")[2].partition("=====")[0]
    assert (
        "library.py:8 Counter.add reads self.value\n"
        "    then in another thread library.py:8 Counter.add reads self.value" in suspects
    )
    assert "library.py:10 Counter.add writes self.value\n    then in another thread library.py:8" not in suspects
    assert "test_counter.py::test_together" in done.output.partition("interleavings (pykcov) ==")[2]
    assert "test_alone" not in done.output.partition("interleavings (pykcov) ==")[2].partition("short test")[0]


def test_a_second_run_finds_nothing_new(project: Project) -> None:
    assert "0 of them new" not in run(project, "-k", "after").output
    done = run(project, "-k", "after")
    assert done.status == 0
    assert ", 0 new  test_counter.py::test_one_after_the_other" in done.output
    assert "0 of them new" in done.output


def test_workers_add_to_one_file(project: Project) -> None:
    done = run(project, "-p", "xdist", "-n", "2", "--pykcov-interleavings-file", "seen.json")
    assert done.status == 1
    assert "test_counter.py::test_together" in done.output.partition("interleavings (pykcov) ==")[2]
    assert (project.folder / "seen.json").exists()


def test_threads_that_share_nothing_are_said_to_have_no_pairs(project: Project) -> None:
    assert "in no test two threads accessed the same thing" in run(project, "-k", "alone").output


def test_a_file_of_something_else_is_refused(project: Project) -> None:
    (project.folder / ".pykcov-interleavings").write_text("{}")
    done = run(project)
    assert done.status == 4
    assert "is no file of interleavings" in done.output
    assert "Traceback" not in done.output


def test_both_kinds_of_recording_are_refused(project: Project) -> None:
    done = run(project, "--pykcov")
    assert done.status == 4
    assert "run them in turn" in done.output
