"""tomlkit: TOML is read, changed and written with its comments."""

import zlib
from collections.abc import Callable

import tomlkit
import tomlkit.api
import tomlkit.container
import tomlkit.items
import tomlkit.parser
import tomlkit.source

INSTRUMENTED = [
    tomlkit.api,
    tomlkit.container,
    tomlkit.items,
    tomlkit.parser,
    tomlkit.source,
]
ITERATIONS = 300

TEXT = """# a file
title = "example"  # with a comment
[owner]
name = 'n'
born = 1979-05-27T07:32:00Z
[[points]]
x = 1.5
tags = ["a", "b", { c = 3 }]
[[points]]
x = -2
"""


def prepare() -> Callable[[int], int]:
    def run(iteration: int) -> int:
        document = tomlkit.parse(TEXT)
        document["owner"]["name"] = f"n{iteration % 9}"
        document["points"].append({"x": iteration % 7})
        return zlib.crc32(tomlkit.dumps(document).encode())

    return run
