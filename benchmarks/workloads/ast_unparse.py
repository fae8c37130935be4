"""ast: syntax trees are walked, changed by a transformer and written as source."""

import ast
import zlib
from collections.abc import Callable

from workloads.sources import parts

INSTRUMENTED = [ast]
ITERATIONS = 270


class Rename(ast.NodeTransformer):
    def visit_Name(self, node: ast.Name) -> ast.Name:
        return ast.copy_location(ast.Name(node.id + "_", node.ctx), node)

    def visit_Constant(self, node: ast.Constant) -> ast.Constant:
        if isinstance(node.value, int) and not isinstance(node.value, bool):
            return ast.copy_location(ast.Constant(node.value + 1), node)
        return node


def prepare() -> Callable[[int], int]:
    sources = parts()

    def run(iteration: int) -> int:
        tree = Rename().visit(ast.parse(sources[iteration % len(sources)]))
        names = sum(isinstance(node, ast.Name) for node in ast.walk(tree))
        return zlib.crc32(ast.unparse(tree).encode()) ^ names

    return run
