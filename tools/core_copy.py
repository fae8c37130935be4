"""A copy of the package whose C core can be changed and built without touching the installed one."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

ROOT = Path(__file__).parents[1]


class Copy:
    """A copy of the package whose core can be changed, and built in other ways."""

    def __init__(self, folder: Path) -> None:
        """Copy the package into `folder`."""
        self.package = folder / "pykcov"
        self.core = self.package / "core"
        self._path = folder
        ignored = shutil.ignore_patterns("_core.*.so", "__pycache__")
        shutil.copytree(ROOT / "src" / "pykcov", self.package, ignore=ignored)

    def mend(self) -> None:
        """Take the core as it is again."""
        shutil.copytree(ROOT / "src" / "pykcov" / "core", self.core, dirs_exist_ok=True)

    def build(self, *options: str) -> None:
        """Compile the extension module."""
        compiler = [*shlex.split(os.environ.get("CC", "cc")), "-std=gnu11", "-O1", "-fPIC", "-shared", "-w", *options]
        includes = [f"-I{sysconfig.get_path('include')}", f"-I{self.core}", f"-I{self.core / 'python'}"]
        target = self.package / f"_core{sysconfig.get_config_var('EXT_SUFFIX')}"
        subprocess.run([*compiler, *includes, *sorted(self.core.rglob("*.c")), "-o", target, "-ldl"], check=True)

    def run(self, *arguments: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run Python with this copy instead of the installed package; all that it says is in `stdout`."""
        environment = os.environ | {"PYTHONPATH": str(self._path)} | environment
        command = [sys.executable, *arguments]
        return subprocess.run(
            command, env=environment, cwd=ROOT, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False
        )
