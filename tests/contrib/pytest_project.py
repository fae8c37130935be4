"""Runs pytest with the plugin on small projects."""

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from coverage import CoverageData


@dataclass
class Done:
    """A run of pytest."""

    folder: Path
    status: int
    output: str

    def contexts(self, file: str = "library.py", data_file: str = ".coverage") -> dict[str, list[int]]:
        """Return the lines of a file that each context ran."""
        data = CoverageData(str(self.folder / data_file))
        data.read()
        found: dict[str, list[int]] = {}
        for line, names in data.contexts_by_lineno(str((self.folder / file).resolve())).items():
            for name in names:
                found.setdefault(name, []).append(line)
        return {name: sorted(lines) for name, lines in found.items()}


class Project:
    """A folder with code and tests."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def write(self, **files: str) -> None:
        """Write files of Python, 'folder__name' into folders."""
        for name, text in files.items():
            path = self.folder / (name.replace("__", "/") + ".py")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)

    def run(self, *arguments: str, pykcov: bool = True, **environment: str) -> Done:
        """Run pytest on it, with the plugins that are named by -p only."""
        command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-p", "pytest_pykcov"]
        done = subprocess.run(
            [*command, *(["--pykcov", "--pykcov-source=."] if pykcov else []), *arguments],
            cwd=self.folder,
            env=os.environ | {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTEST_ADDOPTS": ""} | environment,
            capture_output=True,
            text=True,
            timeout=300,
        )
        return Done(self.folder, done.returncode, done.stdout + done.stderr)

    def pykcov(self, *arguments: str) -> tuple[int, list[str], str]:
        """Run the command line: exit code, lines of output, what stderr says."""
        done = subprocess.run(
            [sys.executable, "-m", "pykcov", *arguments], cwd=self.folder, capture_output=True, text=True, timeout=300
        )
        return done.returncode, done.stdout.splitlines(), done.stderr

    def git(self, *arguments: str) -> None:
        """Run git in it."""
        subprocess.run(
            ["git", "-c", "user.name=a", "-c", "user.email=a@b", *arguments],
            cwd=self.folder,
            check=True,
            capture_output=True,
        )
