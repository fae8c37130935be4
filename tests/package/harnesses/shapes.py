"""A parser with a bug."""

import re


def area(text, strict):
    kind, _, sizes = text.partition(":")
    numbers = [int(size) for size in re.findall(r"[0-9]{1,6}", sizes)]
    if kind == "circle" and strict:
        return sum(numbers) / len(numbers)
    if kind == "square":
        return 4
    return 0
