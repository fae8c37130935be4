"""Generators: recursive `yield from`, pipelines of generators, and send()."""

import random
from collections.abc import Callable, Generator, Iterable, Iterator
from typing import Any

INSTRUMENTED: list[Any] = []
ITERATIONS = 70

Tree = tuple[Any, int, Any] | None


def insert(tree: Tree, value: int) -> Tree:
    if tree is None:
        return (None, value, None)
    left, here, right = tree
    return (insert(left, value), here, right) if value < here else (left, here, insert(right, value))


def in_order(tree: Tree) -> Iterator[int]:
    if tree is not None:
        yield from in_order(tree[0])
        yield tree[1]
        yield from in_order(tree[2])


def permutations(items: list[int]) -> Iterator[list[int]]:
    if len(items) <= 1:
        yield items
        return
    for index, item in enumerate(items):
        for rest in permutations(items[:index] + items[index + 1 :]):
            yield [item, *rest]


def numbered(lines: Iterable[str]) -> Iterator[tuple[int, str]]:
    for number, line in enumerate(lines, 1):
        if line and not line.startswith("#"):
            yield number, line


def fields(lines: Iterable[tuple[int, str]]) -> Iterator[tuple[int, list[str]]]:
    for number, line in lines:
        yield number, [field.strip() for field in line.split(",")]


def totals(rows: Iterable[tuple[int, list[str]]]) -> Iterator[int]:
    for number, row in rows:
        try:
            yield number * sum(int(field) for field in row)
        except ValueError:
            yield -number


def running_mean() -> Generator[float, float, None]:
    total, count, mean = 0.0, 0, 0.0
    while True:
        total += yield mean
        count += 1
        mean = total / count


def prepare() -> Callable[[int], int]:
    rng = random.Random(11)
    tree: Tree = None
    for _ in range(150):
        tree = insert(tree, rng.randrange(10**6))
    kinds = ["# comment", "", "1, 2, 3", "4,5", "x, 1", "7"]
    lines = [rng.choice(kinds) for _ in range(800)]

    def run(iteration: int) -> int:
        checksum = sum(in_order(tree))
        for permutation in permutations([1, 2, 3, 4, 5, iteration % 5]):
            checksum = checksum * 3 + permutation[2] & 0xFFFFFFFF
        mean = running_mean()
        next(mean)
        for total in totals(fields(numbered(lines))):
            checksum += int(mean.send(total))
        return checksum

    return run
