"""Files that nobody imported are found as coverage.py finds them."""

from pathlib import Path

import pytest
from coverage.files import find_python_files, globs_to_regex, prep_patterns

from pykcov.coverage.unexecuted import files_nobody_imported

NAMES = [
    *("a.py", "b.pyw", "c.pyc", "d.txt", ".hidden.py", "#e.py#", "f~.py", "g.h.py", "with space.py", "a-b.py"),
    *("package/__init__.py", "package/m.py", "package/sub/__init__.py", "package/sub/n.py", "package/data/x.py"),
    *("spaces/y.py", "spaces/inner/__init__.py", "spaces/inner/z.py", "émoji.py", "=.py", "(1).py"),
]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in NAMES:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    return tmp_path


@pytest.mark.parametrize("namespaces", [False, True])
def test_a_folder_has_the_files_that_coverage_finds(folder: Path, namespaces: bool) -> None:
    found = files_nobody_imported([str(folder)], [], {}, namespace_packages=namespaces)
    assert sorted(found) == sorted(find_python_files(str(folder), namespaces))
    assert len(found) > 5


@pytest.mark.parametrize("pattern", ["*/sub/*", "a.py", "package/**", "*.pyw"])
def test_omitted_files_are_left_out(folder: Path, pattern: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    omitted = globs_to_regex(prep_patterns([pattern]))
    expected = [file for file in find_python_files(str(folder), False) if not omitted.match(file)]
    assert sorted(files_nobody_imported([str(folder)], [], {}, [omitted.pattern])) == sorted(expected)


def test_of_a_package_only_what_was_imported_has_a_place(folder: Path) -> None:
    file = str(folder / "package" / "__init__.py")
    found = files_nobody_imported([], ["package", "other"], {"package": file})
    assert {Path(name).name for name in found} == {"__init__.py", "m.py", "n.py"}
    assert files_nobody_imported([], ["package"], {}) == []
    assert files_nobody_imported([], ["a"], {"a": str(folder / "a.py")}) == []
