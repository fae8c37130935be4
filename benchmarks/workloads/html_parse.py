"""html.parser: a page is fed to a parser that collects links, text and the outline."""

import _markupbase
import html
import html.parser
import random
import zlib
from collections.abc import Callable

INSTRUMENTED = [html, html.parser, _markupbase]
ITERATIONS = 54


class Outline(html.parser.HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.links: list[str] = []
        self.text: list[str] = []
        self.depth = 0
        self.deepest = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.depth += 1
        self.deepest = max(self.deepest, self.depth)
        for name, value in attrs:
            if name in ("href", "src") and value:
                self.links.append(value)

    def handle_endtag(self, tag: str) -> None:
        self.depth -= 1

    def handle_data(self, data: str) -> None:
        if not data.isspace():
            self.text.append(data.strip())


def prepare() -> Callable[[int], int]:
    rng = random.Random(2)

    def words(count: int) -> str:
        return " ".join(
            rng.choice(["alpha", "beta", "&amp;", "&eacute;t&eacute;", "&#x20ac;", "delta"]) for _ in range(count)
        )

    def block(depth: int) -> str:
        if depth == 0:
            return words(rng.randrange(1, 12))
        tag = rng.choice(["div", "p", "ul", "section", "span"])
        inner = "".join(block(depth - 1) for _ in range(rng.randrange(1, 4)))
        extra = rng.choice(
            ["", "<br/>", "<!-- note -->", '<img src="a.png" alt=x>', "<a href='/p?a=1&amp;b=2'>link</a>"]
        )
        return (
            f'<{tag} class="c{rng.randrange(9)}" id=i{rng.randrange(99)} data-x="{words(2)}">{inner}{extra}</{tag}>\n'
        )

    head = "<!DOCTYPE html><html><head><title>T</title><script>if (a < b) x('</p>');</script></head><body>"
    pages = [head + "".join(block(5) for _ in range(3)) + "</body></html>" for _ in range(5)]

    def run(iteration: int) -> int:
        parser = Outline()
        parser.feed(pages[iteration % len(pages)])
        parser.close()
        return zlib.crc32("|".join([*parser.links, *parser.text, str(parser.deepest)]).encode())

    return run
