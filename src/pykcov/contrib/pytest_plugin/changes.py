"""What has changed between two states of a source file, by function.

Functions, not lines: an assignment makes a name local in all of its function, a `yield` makes all of it a generator,
and whoever comes to a changed line has come to the function before. What is no code is no change: comments, layout,
docstrings, and where in its file something stands.
"""

import ast
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field


@dataclass
class Function:
    """A function of a file."""

    lines: set[int]
    """Of its body, without those of functions in it: whoever ran one of these has called it."""
    content: str
    """What it does: its arguments and body, without the bodies of functions in it."""
    stores: set[int]
    """The lines of statements in it that may change what outlives a call."""
    caches: bool
    """Whether a decorator's name says that it keeps results: who calls it later does not run it."""


@dataclass
class Source:
    """A file of Python code, taken apart."""

    functions: dict[str, Function] = field(default_factory=dict)
    """By qualified name; of several with one name the second is 'name#2'."""
    statements: list[str] = field(default_factory=list)
    """What runs when it is imported, in order, but for plain functions at module level."""
    plain: set[str] = field(default_factory=set)
    """Names of those: functions without decorators."""
    words: set[str] = field(default_factory=set)
    """Everything that may be a name."""


@dataclass
class Changes:
    """What has changed in a file."""

    functions: set[str]
    """Qualified names in the old state whose functions do something else now."""
    module: bool
    """Whether something else happens when it is imported."""


def parse(text: str) -> Source:
    """Take a file apart. SyntaxError and ValueError: it is no Python."""
    source = Source(words=set(re.findall(r"\w+", text)))
    parts = _Parts(source)
    for statement in ast.parse(text).body:
        if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef) and not statement.decorator_list:
            parts.visit(statement)
            source.plain.add(statement.name)
        elif not _is_docstring(statement):
            source.statements.append(ast.dump(parts.visit(statement)))
    return source


def compare(old: Source, new: Source) -> Changes:
    """Return what has changed."""
    functions = {
        name
        for name, function in old.functions.items()
        if name in new.functions and new.functions[name].content != function.content
    }
    gone = old.functions.keys() - new.functions.keys()
    # A new function does nothing by itself, unless its name meant something else before.
    shadows = (new.plain - old.plain) & old.words
    module = old.statements != new.statements or bool(old.plain - new.plain) or bool(shadows)
    return Changes(functions | gone, module)


class _Parts(ast.NodeTransformer):
    """Takes functions out of the tree, so that each content is without those of others."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._names: list[str] = []
        self._times: Counter[str] = Counter()
        self._inner: list[set[int]] = []

    def visit_ClassDef(self, node: ast.ClassDef) -> ast.AST:
        self._names.append(node.name)
        node.body = [statement for statement in node.body if not _is_docstring(statement)]
        self.generic_visit(node)
        self._names.pop()
        return node

    def visit_FunctionDef(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> ast.AST:
        name = ".".join([*self._names, node.name])
        self._times[name] += 1
        if self._times[name] > 1:
            name = f"{name}#{self._times[name]}"
        body = [statement for statement in node.body if not _is_docstring(statement)]
        first = min((_first_line(statement) for statement in body), default=node.body[0].lineno)
        all_lines = set(range(first, (node.end_lineno or first) + 1))
        self._names += [node.name, "<locals>"]
        self._inner.append(set())
        body = [self.visit(statement) for statement in body]
        lines = all_lines - self._inner.pop()
        del self._names[-2:]
        content = [type(node).__name__, ast.dump(node.args), *map(ast.dump, body)]
        if node.returns is not None:
            content.append(ast.dump(node.returns))
        caches = any("cache" in ast.dump(decorator) for decorator in node.decorator_list)
        self._source.functions[name] = Function(lines, "\n".join(content), _storing_lines(body), caches)
        if self._inner:
            self._inner[-1] |= all_lines
        # What its definition does is what its decorators do.
        stub = ast.Expr(ast.Tuple([ast.Constant(f"def {node.name}"), *node.decorator_list]))
        return ast.copy_location(stub, node)

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> ast.AST:
        return self.visit_FunctionDef(node)


def _storing_lines(body: Sequence[ast.AST]) -> set[int]:
    """Return the lines of simple statements that store elsewhere than in a local name, or call for the effect alone."""
    nodes = [node for statement in body for node in ast.walk(statement)]
    shared = {name for node in nodes if isinstance(node, ast.Global | ast.Nonlocal) for name in node.names}
    lines: set[int] = set()
    for node in nodes:
        if isinstance(node, ast.Assign | ast.AugAssign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            stores = any(
                isinstance(part, ast.Attribute | ast.Subscript) or (isinstance(part, ast.Name) and part.id in shared)
                for target in targets
                for part in ast.walk(target)
            )
        else:
            stores = isinstance(node, ast.Expr) and isinstance(node.value, ast.Call | ast.Await)
        if stores and isinstance(node, ast.stmt):
            lines.update(range(node.lineno, (node.end_lineno or node.lineno) + 1))
    return lines


def _first_line(statement: ast.stmt) -> int:
    decorators: list[ast.expr] = getattr(statement, "decorator_list", [])
    return min([statement.lineno, *(decorator.lineno for decorator in decorators)])


def _is_docstring(statement: ast.stmt) -> bool:
    return (
        isinstance(statement, ast.Expr)
        and isinstance(statement.value, ast.Constant)
        and isinstance(statement.value.value, str)
    )
