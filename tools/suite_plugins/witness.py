"""A plugin for pytest that says in which tests given lines run, by statements planted in front of them.

Nothing is traced, so that all lives and dies when it does bare: a tracer keeps frames alive, and moves what their end
brings about into other tests. $WITNESSED has the lines, by file, as JSON. What ran goes into the data file of
coverage.py that $COVERAGE_FILE names.
"""

import ast
import gc
import json
import os
import sys
from collections.abc import Sequence
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from pathlib import Path
from types import CodeType, FunctionType, ModuleType
from typing import Any

from coverage import CoverageData

_WANTED: dict[str, set[int]] = {file: set(lines) for file, lines in json.loads(os.environ["WITNESSED"]).items()}
_NOTE = "__witness__"
_seen = os.memfd_create("witness")  # which forked children write to, too


def _note(file: str, line: int) -> None:
    test = os.environ.get("PYTEST_CURRENT_TEST", "").rpartition(" (")[0]
    os.write(_seen, f"{json.dumps([test, file, line])}\n".encode())


class _Planting(ast.NodeTransformer):
    """Puts a call of _note() before each statement that begins at a line that is wanted."""

    def __init__(self, file: str) -> None:
        self._file = file

    def generic_visit(self, node: ast.AST) -> ast.AST:
        super().generic_visit(node)
        for block in ("body", "orelse", "finalbody"):
            statements = getattr(node, block, None)
            if isinstance(statements, list):
                setattr(node, block, [each for statement in statements for each in self._planted(statement)])
        return node

    def _planted(self, statement: ast.stmt) -> list[ast.stmt]:
        if statement.lineno not in _WANTED[self._file]:
            return [statement]
        (call,) = ast.parse(f"{_NOTE}({self._file!r}, {statement.lineno})").body
        for each in ast.walk(call):
            if "lineno" in each._attributes:
                ast.copy_location(each, statement)
        return [call, statement]


def _planted(file: str) -> CodeType:
    tree = _Planting(file).visit(ast.parse(Path(file).read_bytes()))
    code: CodeType = compile(tree, file, "exec", dont_inherit=True)
    return code


class _Loader(SourceFileLoader):
    def get_code(self, fullname: str) -> CodeType:
        return _planted(self.path)

    def exec_module(self, module: ModuleType) -> None:
        setattr(module, _NOTE, _note)
        super().exec_module(module)


class _Finder:
    @staticmethod
    def find_spec(name: str, path: Sequence[str] | None = None, target: Any = None) -> ModuleSpec | None:
        spec = PathFinder.find_spec(name, path, target)
        if spec is None or spec.origin not in _WANTED:
            return None
        spec.loader = _Loader(name, spec.origin)
        return spec


def _plant_into_what_is_imported() -> None:
    """The options of a suite may have imported the library already."""
    codes: dict[tuple[str, str, int], CodeType] = {}
    for module in list(sys.modules.values()):
        if (file := getattr(module, "__file__", None)) in _WANTED:
            setattr(module, _NOTE, _note)
            pending = [_planted(file)]
            for code in pending:
                codes[_name(code)] = code
                pending += [each for each in code.co_consts if isinstance(each, CodeType)]
    for function in gc.get_objects():
        if isinstance(function, FunctionType) and (code := codes.get(_name(function.__code__))):
            function.__code__ = code


def _name(code: CodeType) -> tuple[str, str, int]:
    return code.co_filename, code.co_qualname, code.co_firstlineno


sys.meta_path.insert(0, _Finder)  # type: ignore[arg-type]
_plant_into_what_is_imported()


def pytest_sessionfinish() -> None:
    """Write the lines of the tests."""
    data = CoverageData(os.environ["COVERAGE_FILE"])
    with os.fdopen(os.dup(_seen), "r") as file:
        file.seek(0)
        for test, name, line in {tuple(json.loads(each)) for each in file}:
            data.set_context(test)
            data.add_lines({name: [line]})
    data.write()
