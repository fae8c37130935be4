"""What a data file tells of tests: of the plugin's, or any of coverage.py's with contexts by pytest-cov."""

import os

from pykcov.coverage.checked import DamagedDataError, read_own
from pykcov.coverage.contexts import OF_NO_TEST, PARTS, SCOPES
from pykcov.coverage.masks import real_file


class TestDataError(Exception):
    """A data file that is missing, damaged, or without contexts."""


class TestData:
    """A data file, read."""

    def __init__(self, path: str) -> None:
        """Read what it tells of tests. Raises TestDataError."""
        # Not before: it takes time, and the plugin is imported where nothing is read.
        from coverage import CoverageData
        from coverage.exceptions import CoverageException

        if not os.path.isfile(path):
            raise TestDataError(f"{path}: there is no such data file; `pytest --pykcov` writes one")
        self.path = path
        try:
            run = read_own(path)
        except DamagedDataError as error:
            raise TestDataError(str(error)) from error
        self._data = CoverageData(path)
        try:
            self._data.read()
            self.contexts = set(self._data.measured_contexts())
        except CoverageException as error:
            raise TestDataError(str(error)) from error
        # Under `relative_files` they are relative to the folder that the data file is mostly in.
        folder = os.path.dirname(os.path.abspath(path))
        self._names = {real_file(os.path.join(folder, name)): name for name in self._data.measured_files()}
        self.is_ours = bool(run)
        self.root: str = run.get("root", os.getcwd())
        """What node ids are relative to."""
        self.python_files: list[str] = run.get("python_files", ["test_*.py", "*_test.py"])
        """Patterns for the names of files with tests."""
        self.sources: dict[str, str] = run.get("sources", {})
        """The text of files as they were when they ran."""
        self.not_run: list[str] = run.get("not_run", [])
        """Node ids of tests that were found and did not run: nothing is known of them."""
        self.first: dict[str, list[list[tuple[str, int]]]] = {
            file: [[(name, int(lines, 16)) for name, lines in one] for one in runs]
            for file, runs in run.get("first", {}).items()
        }
        """By file, for each process: the tests that ran lines of it before any other did, in order, and which lines."""
        self.again: dict[str, int] = {file: int(lines, 16) for file, lines in run.get("again", {}).items()}
        """The lines that more than one test of a process ran."""
        self._users: dict[str, list[str]] = run.get("users", {})
        if self.contexts <= OF_NO_TEST:
            raise TestDataError(f"{path}: it does not tell tests apart; `pytest --pykcov` makes one that does")
        self.tests = set(run.get("silent", ()))
        """Node ids of all tests that ran."""
        self.tests.update(*map(self.tests_of, self.contexts))

    def tests_of(self, context: str) -> list[str]:
        """Return the tests that a context is of: its own, or those that used a fixture; none for what is outside."""
        if context in OF_NO_TEST:
            return []
        name, _, kind = context.rpartition("|")
        if kind in PARTS:
            return [name]
        return self._users.get(context, []) if kind in SCOPES else [context]

    def file(self, name: str) -> str | None:
        """Return the absolute name of a file, without links; None if the data knows none of this name."""
        real = real_file(name)
        return real if real in self._names else None

    def files(self) -> set[str]:
        """Return all files."""
        return set(self._names)

    def contexts_by_line(self, file: str) -> dict[int, list[str]]:
        """Return the contexts that ran each line of a file."""
        return self._data.contexts_by_lineno(self._names[file])
