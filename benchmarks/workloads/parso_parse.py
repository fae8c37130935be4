"""parso: its tokenizer and parser, in pure Python, read sources."""

from collections.abc import Callable

import parso
import parso.parser
import parso.python.parser
import parso.python.prefix
import parso.python.tokenize
import parso.python.tree
import parso.tree

from workloads.sources import parts

INSTRUMENTED = [
    parso.parser,
    parso.tree,
    parso.python.parser,
    parso.python.prefix,
    parso.python.tokenize,
    parso.python.tree,
]
ITERATIONS = 120


def prepare() -> Callable[[int], int]:
    # Longer ones compare more than fits into a buffer.
    sources = [part for part in parts() if part.count("\n") < 19]
    grammar = parso.load_grammar(version="3.11")

    def run(iteration: int) -> int:
        module = grammar.parse(sources[iteration % len(sources)], cache=False)
        leaf = module.get_first_leaf()
        leaves = 0
        while leaf is not None:
            leaves += len(leaf.value)
            leaf = leaf.get_next_leaf()
        return leaves + sum(
            len(function.get_params()) for scope in module.iter_classdefs() for function in scope.iter_funcdefs()
        )

    return run
