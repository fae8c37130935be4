"""mistune: Markdown with lists, tables, code and links to HTML."""

import importlib
import random
import zlib
from collections.abc import Callable

import mistune
import mistune.block_parser
import mistune.core
import mistune.helpers
import mistune.inline_parser
import mistune.list_parser
import mistune.plugins.table
import mistune.renderers.html
import mistune.util

INSTRUMENTED = [
    mistune.block_parser,
    mistune.core,
    mistune.helpers,
    mistune.inline_parser,
    mistune.list_parser,
    importlib.import_module("mistune.markdown"),  # mistune.markdown is a function
    mistune.plugins.table,
    mistune.renderers.html,
    mistune.util,
]
ITERATIONS = 63


def prepare() -> Callable[[int], int]:
    rng = random.Random(10)

    def text() -> str:
        parts = [
            "plain words here",
            "*emphasis*",
            "**strong**",
            "`code`",
            "[link](http://example.org 'title')",
            "![i](a.png)",
            "a \\* b",
            "<b>x</b>",
        ]
        return " ".join(rng.choice(parts) for _ in range(rng.randrange(3, 9)))

    def block() -> str:
        match rng.randrange(7):
            case 0:
                return "#" * rng.randrange(1, 5) + f" {text()}\n\n"
            case 1:
                return "".join(f"- {text()}\n  - {text()}\n" for _ in range(3)) + "\n"
            case 2:
                return "".join(f"{i}. {text()}\n" for i in range(1, 4)) + "\n"
            case 3:
                return f"```python\n{text()}\n```\n\n"
            case 4:
                return f"> {text()}\n> {text()}\n\n"
            case 5:
                return f"| a | b |\n|---|:-:|\n| {text()} | x |\n| y | z |\n\n"
            case _:
                return f"{text()}\n{text()}\n\n"

    documents = ["".join(block() for _ in range(10)) for _ in range(4)]
    markdown = mistune.create_markdown(plugins=["table", "strikethrough"])

    def run(iteration: int) -> int:
        return zlib.crc32(str(markdown(documents[iteration % len(documents)])).encode())

    return run
