"""Makes shared objects of C source in tests, built for pykcov or not."""

import shutil
import subprocess
import sysconfig
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

import pytest

from pykcov.native import build

needs_symbols = pytest.mark.skipif(find_spec("symbolic") is None, reason="symbolic is not installed")

INCLUDE = sysconfig.get_paths()["include"]
CORE = Path(build.__file__).parents[1] / "core"


def compilers() -> list[str]:
    """The C compilers of this machine."""
    names = ["gcc", "clang", *(f"clang-{version}" for version in range(14, 30))]
    found = {Path(path).resolve(): name for name in reversed(names) if (path := shutil.which(name))}
    return sorted(found.values(), key=names.index)


def compile_shared(
    folder: Path,
    source: str,
    *,
    compiler: str = "gcc",
    name: str = "ext",
    options: Sequence[str] = ("-O2",),
    flags: Sequence[str] | None = None,
    language: str = "c",
) -> Path:
    """Write and compile a source; `flags` instead of pykcov's. -Werror: what pykcov adds must give no warning."""
    folder.mkdir(exist_ok=True)
    path = folder / f"{name}.{language}"
    path.write_text(source)
    if flags is None:
        both = build.flags([compiler])
        flags = [*both.compile, *both.link]
    target = folder / f"{name}.so"
    command = [compiler, "-shared", "-fPIC", "-Wall", "-Werror", f"-I{INCLUDE}", f"-I{CORE}", *flags, *options]
    subprocess.run([*command, str(path), "-o", str(target), "-lpthread"], check=True)
    return target
