"""The lines that libraries' own test suites run, those of the tests too, are exactly the oracle's.

`make oracle` runs this; it takes minutes, and the sdists from the package index.
"""

import subprocess
import sys
import tarfile
from dataclasses import dataclass
from pathlib import Path

import pytest
from comparing import Compare

pytestmark = [pytest.mark.slow, pytest.mark.timeout(7200)]


@dataclass
class Library:
    """A library with its tests."""

    name: str
    version: str
    source: str
    """The folder that has to be on sys.path, within the sdist."""
    requirements: tuple[str, ...] = ()
    arguments: tuple[str, ...] = ()
    passed: int = 0
    """How many of its tests pass at least."""


LIBRARIES = [
    # The interpreter takes a trace function away that runs into the recursion limit, so the oracle is blind after tests
    # which do that on purpose.
    Library("sqlparse", "0.5.3", ".", arguments=("-k", "not recursion"), passed=400),
    Library("mistune", "3.1.3", "src", passed=900),
    # Without the two files that have 25,000 of its 27,000 tests.
    Library(
        "packaging",
        "25.0",
        "src",
        ("pretend",),
        ("--ignore=tests/test_version.py", "--ignore=tests/test_specifiers.py"),
        passed=1500,
    ),
]


def fetch(library: Library, folder: Path) -> Path:
    """Unpack the sdist into `folder`; what its tests need comes beside it."""
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
    wanted = f"{library.name}=={library.version}"
    subprocess.run([*pip, "download", "--no-deps", "--no-binary", ":all:", "-d", str(folder), wanted], check=True)
    if library.requirements:
        subprocess.run([*pip, "install", "--target", str(folder / "requirements"), *library.requirements], check=True)
    with tarfile.open(folder / f"{library.name}-{library.version}.tar.gz") as archive:
        archive.extractall(folder, filter="data")
    return folder / f"{library.name}-{library.version}"


@pytest.mark.parametrize("library", LIBRARIES, ids=lambda library: library.name)
def test_lines_are_the_oracles(library: Library, compare: Compare, tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp(library.name)
    root = fetch(library, folder)
    code = root / library.source / library.name
    both = compare(
        *("-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:randomly", *library.arguments, "tests"),
        source=[str(code), str(root / "tests")],
        cwd=root,
        env={
            "PYTHONPATH": f"{root / library.source}:{folder / 'requirements'}",
            # pytest keeps its rewritten tests beside them: each run is to begin alike.
            "PYTHONDONTWRITEBYTECODE": "1",
            "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
        },
        timeout=3600,
    )
    assert both.differences() == []
    assert both.pykcov.status == both.oracle.status == 0, both.pykcov.output
    summary = both.pykcov.output.splitlines()[-1].partition(" in ")[0]
    assert summary == both.oracle.output.splitlines()[-1].partition(" in ")[0]
    assert int(summary.split()[0]) >= library.passed
    assert len([file for file in both.pykcov.lines if Path(file).is_relative_to(code)]) >= 5
