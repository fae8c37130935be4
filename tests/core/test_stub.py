"""_core.pyi says what _core is."""

import ast
import inspect
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import pykcov
from pykcov import _core

STUB = Path(pykcov.__file__).with_name("_core.pyi")
NOT_AT_RUNTIME = "pykcov._core.Buffer.__buffer__\npykcov._core.Counters.__buffer__\n"  # before Python 3.12


def documented() -> Iterator[tuple[str, str]]:
    """Each function, method and property of the stub that has a docstring: its name and that."""
    for node in ast.parse(STUB.read_text()).body:
        members = node.body if isinstance(node, ast.ClassDef) else [node]
        prefix = f"{node.name}." if isinstance(node, ast.ClassDef) else ""
        for member in members:
            if isinstance(member, ast.FunctionDef) and (text := ast.get_docstring(member)) and member.name[:2] != "__":
                yield prefix + member.name, text


@pytest.mark.parametrize(("name", "text"), list(documented()), ids=lambda value: value if value.isidentifier() else "")
def test_help_says_what_the_stub_says(name: str, text: str) -> None:
    found = _core
    for part in name.split("."):
        found = getattr(found, part)
    assert inspect.getdoc(found) == text


def test_the_stub_has_everything_and_each_signature(tmp_path: Path) -> None:
    """In a package of its own: the rest of pykcov, and what it imports, need not be checked for it."""
    package = tmp_path / "pykcov"
    package.mkdir()
    (package / "__init__.py").touch()
    for file in (STUB, Path(_core.__file__)):
        (package / file.name).symlink_to(file)
    allowed = tmp_path / "allowed"
    allowed.write_text(NOT_AT_RUNTIME if sys.version_info < (3, 12) else "")
    stubtest = subprocess.run(
        [sys.executable, "-m", "mypy.stubtest", "--allowlist", allowed, "--ignore-disjoint-bases", "pykcov._core"],
        env={"MYPYPATH": str(tmp_path), "PYTHONPATH": str(tmp_path)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert stubtest.returncode == 0, stubtest.stdout
