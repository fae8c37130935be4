"""Imports of pykcov's modules run down only, and one inside a function says what it saves (CONTRIBUTING.md)."""

import ast
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

SOURCE = Path(__file__).parent.parent / "src"

# The rooms of the house from the ground up. A module may import those of its own floor and of floors below.
FLOORS: list[set[str]] = [
    {
        "_core",
        "_exec",
        "_first_folder",
        "_implied",
        "_load",
        "_outermost",
        "_records",
        "_vanish",
        "_view",
        "counted",
        "exiting",
        "inherited",
        "warnings",
    },
    {"htmltables", "modes", "tables", "visitors"},
    {"device", "instrument", "native", "traces"},
    {"complaints", "once", "interleavings", "remote", "results"},
    {"coverage", "kernel", "tracer"},
    {"opening", "program", "reports", "session"},
    {"atheris", "contrib", "explore", "fuzz", "live", "package"},
    {"campaign"},
    {"", "__main__", "_public", "cli", "pytest_pykcov"},
]


class Import(NamedTuple):
    module: str
    imported: str
    line: int
    in_function: bool
    for_types: bool


def module_files() -> dict[str, Path]:
    """Return all modules, those written in C by their stubs or sources."""
    files = {}
    for pattern in ("*.c", "*.pyi", "*.py"):
        for path in SOURCE.rglob(pattern):
            if path.suffix != ".c" or path.stem.startswith("_"):
                files[".".join(path.relative_to(SOURCE).with_suffix("").parts).removesuffix(".__init__")] = path
    for name in (
        "_exec",
        "_first_folder",
        "_implied",
        "_load",
        "_outermost",
        "_records",
        "_vanish",
        "_view",
    ):  # whose sources are elsewhere than they are
        files[f"pykcov.{name}"] = SOURCE / "pykcov" / f"{name}.pyi"
    for name in ("_memory", "_mutator", "_crossover", "_stacks"):
        files[f"pykcov.fuzz.{name}"] = SOURCE
    return files


FILES = module_files()


def imports_of(module: str) -> Iterator[Import]:
    tree = ast.parse(FILES[module].read_text())

    def walk(node: ast.AST, in_function: bool, for_types: bool) -> Iterator[Import]:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.Import):
                for alias in child.names:
                    yield Import(module, alias.name, child.lineno, in_function, for_types)
            elif isinstance(child, ast.ImportFrom):
                assert child.level == 0, f"{module} line {child.lineno}: a relative import"
                for alias in child.names:
                    part = f"{child.module}.{alias.name}"
                    name = part if part in FILES else str(child.module)
                    yield Import(module, name, child.lineno, in_function, for_types)
            else:
                inside = in_function or isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef)
                types = for_types or (isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test))
                yield from walk(child, inside, types)

    yield from walk(tree, False, False)


IMPORTS = [found for module, path in FILES.items() if path.suffix == ".py" for found in imports_of(module)]
OURS = [found for found in IMPORTS if found.imported in FILES]


def floor_of(module: str) -> int:
    room = module.removeprefix("pykcov").lstrip(".").partition(".")[0] if module != "pytest_pykcov" else module
    found = [floor for floor, rooms in enumerate(FLOORS) if room in rooms]
    assert found, f"{module} has no floor: give {room!r} one in this file"
    return found[0]


def circles(graph: dict[str, set[str]]) -> list[list[str]]:
    """Return the strongly connected parts of a graph that have more than one member: Tarjan's algorithm."""
    found: list[list[str]] = []
    numbers: dict[str, int] = {}
    lowest: dict[str, int] = {}
    stack: list[str] = []

    def visit(node: str) -> None:
        numbers[node] = lowest[node] = len(numbers)
        stack.append(node)
        for other in graph.get(node, ()):
            if other not in numbers:
                visit(other)
                lowest[node] = min(lowest[node], lowest[other])
            elif other in stack:
                lowest[node] = min(lowest[node], numbers[other])
        if lowest[node] == numbers[node]:
            part = stack[stack.index(node) :]
            del stack[stack.index(node) :]
            if len(part) > 1:
                found.append(sorted(part))

    for node in list(graph):
        if node not in numbers:
            visit(node)
    return found


def graph_of(imports: list[Import]) -> dict[str, set[str]]:
    graph: dict[str, set[str]] = defaultdict(set)
    for found in imports:
        graph[found.module].add(found.imported)
    return graph


def test_circles_are_found() -> None:
    assert circles({"a": {"b"}, "b": {"c", "d"}, "c": {"a"}, "d": {"e"}, "e": set()}) == [["a", "b", "c"]]
    assert circles({"a": {"b", "c"}, "b": {"c"}, "c": set()}) == []


def test_the_graph_has_imports_of_every_kind() -> None:
    assert Import("pykcov.device", "pykcov._core", 13, False, False)._replace(line=0) in {
        found._replace(line=0) for found in OURS
    }
    assert any(found.in_function for found in OURS)
    assert any(found.for_types for found in OURS)


def test_no_modules_import_each_other_in_a_circle() -> None:
    """Those inside functions count; those for checkers of types are never run."""
    assert circles(graph_of([found for found in OURS if not found.for_types])) == []


def test_no_module_imports_one_of_a_floor_above() -> None:
    assert [found for found in OURS if floor_of(found.module) < floor_of(found.imported) and not found.for_types] == []


def test_no_part_of_a_package_imports_what_its_package_imports() -> None:
    """A name that a package has from its parts, imported by a part, works or not by the order of imports."""
    packages = {found.module for found in OURS if FILES[found.module].name == "__init__.py"} - {"pykcov"}
    assert [found for found in OURS if found.imported in packages and found.module.startswith(found.imported)] == []


@pytest.mark.parametrize("module", sorted({found.module for found in IMPORTS if found.in_function}))
def test_an_import_inside_a_function_says_why(module: str) -> None:
    """By a comment in or above the lines of imports; cli/__init__.py says it for all subcommands."""
    if module.startswith("pykcov.cli."):
        return
    lines = FILES[module].read_text().splitlines()
    inside = {found.line for found in IMPORTS if found.module == module and found.in_function}
    silent = []
    for line in sorted(inside):
        first = line
        while first - 1 in inside:
            first -= 1
        if not any("#" in lines[number - 1] for number in range(first - 1, line + 1)):
            silent.append(f"{FILES[module]}:{line}: {lines[line - 1].strip()}")
    assert silent == []
