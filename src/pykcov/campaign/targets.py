"""Which targets a campaign has: those that are named, those of a folder, or those that the project declares or has."""

import ast
import os
import re
import tomllib
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from pykcov.campaign.slices import Target

_HARNESS = re.compile(r"\bFuzz\(\)|\bdef FuzzerRunOne\(")
_SKIPPED = {"node_modules", "build", "dist", "site-packages"}


class TargetsError(ValueError):
    """Targets that cannot be: says which, and what to do."""


def find(named: Sequence[str], folder: str) -> list[Target]:
    """Return the targets of a campaign, each once: as named, or all of a project in `folder`. Raises TargetsError."""
    project = Path(folder)
    declared = _declared(project)
    common = {name: tuple(declared[name]) for name in ("include", "exclude", "source", "flags") if name in declared}
    harnesses: list[str] = []
    for name in named or declared.get("targets", ()) or [str(project)]:
        path = project / name
        if path.is_dir():
            found = list(_in_folder(path, project))
            if not found:
                raise TargetsError(
                    f"{name}: no target in this folder: neither a harness that calls Fuzz(), nor a test with "
                    "@pykcov.fuzz_test or of Hypothesis"
                )
            harnesses += found
        elif ":" not in name and not path.is_file():
            raise TargetsError(f"{name}: no such target: neither a file nor MODULE:FUNCTION nor FILE::TEST")
        elif "::" in name and not (project / name.partition("::")[0]).is_file():
            raise TargetsError(f"{name}: there is no file {name.partition('::')[0]}")
        elif path.is_file() and _is_test_file(path) and not _is_harness(path.read_text("utf-8", "replace")):
            harnesses += _tests(path, project)
        else:
            harnesses.append(name)
    if not harnesses:
        raise TargetsError("there is no target: name some, or list them in [tool.pykcov.campaign] of pyproject.toml")
    for harness in harnesses:
        if not harness.isprintable():
            raise TargetsError(f"{harness!r}: a target whose name is not printable has no place in a store; rename it")
    return [Target(harness, str(project), **common) for harness in dict.fromkeys(harnesses)]


def _declared(project: Path) -> dict[str, Any]:
    """Return [tool.pykcov.campaign] of pyproject.toml."""
    file = project / "pyproject.toml"
    if not file.is_file():
        return {}
    try:
        declared = tomllib.loads(file.read_text("utf-8")).get("tool", {}).get("pykcov", {}).get("campaign", {})
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise TargetsError(f"pyproject.toml cannot be read: {error}") from error
    if not isinstance(declared, dict):
        raise TargetsError("pyproject.toml: [tool.pykcov.campaign] is no table")
    for name, value in declared.items():
        if name not in ("targets", "include", "exclude", "source", "flags"):
            raise TargetsError(f"pyproject.toml: [tool.pykcov.campaign] has no {name!r}")
        if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
            raise TargetsError(f"pyproject.toml: {name} of [tool.pykcov.campaign] is no list of strings")
    return declared


def _in_folder(folder: Path, project: Path) -> Iterator[str]:
    for path in _python_files(folder):
        text = path.read_text("utf-8", "replace")
        if _is_test_file(path):
            yield from _tests(path, project)
        if _is_harness(text):
            yield _relative(path, project)


def _python_files(folder: Path) -> Iterator[Path]:
    for where, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if not _is_skipped(Path(where) / name))
        yield from (Path(where) / name for name in sorted(files) if name.endswith(".py"))


def _is_skipped(folder: Path) -> bool:
    name = folder.name
    return name[0] == "." or name in _SKIPPED or name.endswith(".fuzz") or (folder / "pyvenv.cfg").exists()


def _is_test_file(path: Path) -> bool:
    return path.name.startswith("test_") or path.name.endswith("_test.py")


def _is_harness(text: str) -> bool:
    if not _HARNESS.search(text):
        return False
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError):
        return False
    for node in tree.body:
        if isinstance(node, ast.FunctionDef) and node.name == "FuzzerRunOne":
            return True
    calls = (node.func for node in ast.walk(tree) if isinstance(node, ast.Call) and not node.args)
    return any(_last_name(each) == "Fuzz" for each in calls)


def _tests(path: Path, project: Path) -> Iterator[str]:
    """Return the tests of a file that can be fuzzed, without running it: decorated by @fuzz_test or @given."""
    try:
        tree = ast.parse(path.read_text("utf-8", "replace"))
    except (SyntaxError, ValueError):
        return
    for qualified, function in _functions(tree.body, ""):
        decorators = {_last_name(each.func if isinstance(each, ast.Call) else each) for each in function.decorator_list}
        if decorators & {"fuzz_test", "given"}:
            yield f"{_relative(path, project)}::{qualified}"


def _functions(body: Iterable[ast.stmt], before: str) -> Iterator[tuple[str, ast.FunctionDef]]:
    for node in body:
        if isinstance(node, ast.ClassDef) and node.name.startswith("Test"):
            yield from _functions(node.body, f"{before}{node.name}::")
        elif isinstance(node, ast.FunctionDef) and node.name.startswith("test"):
            yield before + node.name, node


def _last_name(node: ast.AST) -> str:
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""


def _relative(path: Path, project: Path) -> str:
    absolute = path.absolute()
    return str(absolute.relative_to(project) if absolute.is_relative_to(project) else absolute)
