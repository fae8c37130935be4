"""Runs the tests on each supported CPython that this machine has: `nox`, or `nox -s tests-3.13`.

`nox -s oldest` runs those that concern them with the oldest versions of the libraries that pyproject.toml allows.
"""

import shutil
import subprocess
import tomllib
from pathlib import Path

import nox

VERSIONS = ["3.11", "3.12", "3.13", "3.14", "3.15"]

nox.options.sessions = ["tests"]
nox.options.error_on_missing_interpreters = False
nox.options.default_venv_backend = "venv"


def interpreter(version: str) -> str | None:
    """Return a python of this version: from PATH if it runs, else the newest that pyenv keeps."""
    found = shutil.which(f"python{version}")
    # pyenv puts a shim for every version on PATH that only works for the selected one.
    if found and subprocess.run([found, "--version"], capture_output=True, check=False).returncode == 0:
        return found
    kept = sorted((Path.home() / ".pyenv" / "versions").glob(f"{version}.*/bin/python"))
    return str(kept[-1]) if kept else None


FOUND = [path for path in map(interpreter, VERSIONS) if path]


@nox.session(python=FOUND)
def tests(session: nox.Session) -> None:
    """Install the package with its test dependencies and run the tests."""
    session.install(".[test]")
    session.run("pytest", "-n", "auto", *session.posargs)


# There are no wheels of the oldest versions for newer ones.
@nox.session(python=FOUND[:1])
def oldest(session: nox.Session) -> None:
    """Install the oldest versions of what pykcov depends on, and run the tests of what uses it."""
    project = tomllib.loads(Path("pyproject.toml").read_text(encoding="utf-8"))["project"]
    session.install(".[test]")
    session.install(*(dependency.replace(">=", "==") for dependency in project["dependencies"]))
    using = ("tests/reports", "tests/coverage", "tests/cli", "tests/traces/test_tracefile.py")
    session.run("pytest", "-n", "auto", *(session.posargs or using))
