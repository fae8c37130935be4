"""lark, Earley with its dynamic lexer: an ambiguous grammar of sentences."""

import random
from collections.abc import Callable

import lark
import lark.parse_tree_builder
import lark.parsers.earley
import lark.parsers.earley_common
import lark.parsers.earley_forest
import lark.parsers.xearley
import lark.tree

INSTRUMENTED = [
    lark.parse_tree_builder,
    lark.parsers.earley,
    lark.parsers.earley_common,
    lark.parsers.earley_forest,
    lark.parsers.xearley,
    lark.tree,
]
ITERATIONS = 26

GRAMMAR = r"""
start: sentence ("." sentence)*
sentence: noun_phrase verb_phrase | sentence "and" sentence
noun_phrase: DETERMINER? ADJECTIVE* NOUN | noun_phrase prepositional
verb_phrase: VERB | VERB noun_phrase | verb_phrase prepositional
prepositional: PREPOSITION noun_phrase
DETERMINER: "the" | "a"
ADJECTIVE: "big" | "small" | "old" | "fruit"
NOUN: "fly" | "flies" | "fruit" | "banana" | "man" | "park" | "telescope"
VERB: "flies" | "like" | "saw" | "eats"
PREPOSITION: "like" | "in" | "with"
%import common.WS
%ignore WS
"""


def prepare() -> Callable[[int], int]:
    rng = random.Random(4)

    def noun() -> str:
        determiner, adjective = rng.choice(["the ", "a ", ""]), rng.choice(["big ", "old ", ""])
        return determiner + adjective + rng.choice(["man", "banana", "park", "fly"])

    def sentence() -> str:
        return f"{noun()} {rng.choice(['saw', 'like', 'eats'])} {noun()} {rng.choice(['in', 'with', 'like'])} {noun()}"

    texts = [
        ".".join([f"{sentence()} and {sentence()}" for _ in range(2)] + ["fruit flies like a banana"]) for _ in range(4)
    ]
    parser = lark.Lark(GRAMMAR, parser="earley", ambiguity="resolve")

    def run(iteration: int) -> int:
        tree = parser.parse(texts[iteration % len(texts)])
        return sum(len(subtree.children) * len(str(subtree.data)) for subtree in tree.iter_subtrees())

    return run
