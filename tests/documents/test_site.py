"""The site that `make docs` has built: answers are near its start page, and every link leads somewhere."""

from collections.abc import Iterator
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from typing import NamedTuple
from urllib.parse import unquote, urldefrag, urlsplit

import pytest

SITE = Path(__file__).parents[2] / ".docs" / "html"
START = "index.html"

# What the pages link to elsewhere; `make docs-links` asks for each.
EXTERNAL = {
    "https://github.com/bloomberg/memray/issues/723",
    "https://github.com/bloomberg/memray/issues/745",
    "https://distributed.dask.org",
    "https://github.com/leeoniya/uPlot",
    "https://github.com/pykcov/pykcov/blob/main/benchmarks/README.md",
    "https://hypothesis.readthedocs.io/en/latest/reference/integrations.html",
    "https://pyinstaller.org",
    "https://pypi.org/project/atheris/",
}

pytestmark = pytest.mark.slow


class Page(NamedTuple):
    """What is on a page of the site."""

    links: list[tuple[str, str]]
    """Text and target of each link in its own text: neither in the navigation nor in the table of contents."""
    everywhere: list[str]
    """All targets."""
    anchors: set[str]
    text: str


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.page = Page([], [], set(), "")
        self._text: list[str] = []
        self._depth = 0  # of <article>, which holds what the page says
        self._link: str | None = None
        self._words: list[str] = []

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        found = dict(attributes)
        if found.get("id"):
            self.page.anchors.add(str(found["id"]))
        self._depth += tag == "article"
        target = found.get("href" if tag == "a" else "src" if tag == "img" else "")
        if target:
            self.page.everywhere.append(target)
        if tag == "a" and target and self._depth and "headerlink" not in str(found.get("class")):
            self._link, self._words = target, []

    def handle_endtag(self, tag: str) -> None:
        self._depth -= tag == "article"
        if tag == "a" and self._link is not None:
            self.page.links.append((" ".join("".join(self._words).split()), self._link))
            self._link = None

    def handle_data(self, data: str) -> None:
        if self._depth:
            self._text.append(data)
        self._words.append(data)

    def read(self, file: Path) -> Page:
        self.feed(file.read_text())
        return self.page._replace(text=" ".join("".join(self._text).split()))


@cache
def page(name: str) -> Page:
    assert (SITE / START).exists(), "make docs builds the site"
    return _Reader().read(SITE / name)


def follow(origin: str, target: str) -> str:
    """Return the page that a link leads to, relative to the site."""
    path = unquote(urldefrag(target).url)
    return (SITE / origin).parent.joinpath(path).resolve().relative_to(SITE).as_posix() if path else origin


# What a reader wants to know, which links of the pages' own text to click, and what the last page has to say.
ANSWERS = [
    ("which tests ran a line?", ["How do I ...?", "pykcov tests"], "prints the tests that ran"),
    ("what becomes of [run] concurrency?", ["Coming from coverage.py"], "[run] concurrency"),
    ("how is a finding reproduced?", ["Fuzzing"], "reproduce.py"),
    ("what does exit code 77 mean?", ["The command line"], "77"),
    ("how does a job in my own queue stay in the trace?", ["How do I ...?", "queues"], "FollowedQueue"),
    ("which code never ran in production?", ["What ran at all"], "never ran"),
    ("when does Device.enable() raise EBUSY?", ["The device"], "DeviceBusyError"),
    ("which bytes of a str are recorded?", ["What is recorded of a comparison"], "UTF-8"),
    ("what type is the array of entries in a trace file?", ["The trace file"], "entries"),
    ("what does tracing every line cost on 3.13?", ["What tracing costs"], "3.13"),
    ("which arguments has pykcov.trace()?", ["The Python API", "Tracing"], "granularity"),
    ("how is the cache switched off?", ["Configuration"], "PYKCOV_CACHE"),
    ("which routes ran a line?", ["Which lines served which route"], "ASGIMiddleware"),
    ("what does --fail-under of pykcov report do?", ["Every option"], "--fail-under"),
]


@pytest.mark.parametrize(("question", "clicks", "answer"), ANSWERS, ids=[question for question, _, _ in ANSWERS])
def test_an_answer_is_at_most_three_clicks_from_the_start(question: str, clicks: list[str], answer: str) -> None:
    assert len(clicks) <= 3
    here = START
    for click in clicks:
        targets = [target for text, target in page(here).links if text == click]
        assert targets, f"{here} has no link {click!r}, but {[text for text, _ in page(here).links]}"
        here = follow(here, targets[0])
    assert answer in page(here).text


def all_links() -> Iterator[tuple[str, str]]:
    for file in SITE.rglob("*.html"):
        name = file.relative_to(SITE).as_posix()
        for target in page(name).everywhere:
            yield name, target


def test_every_link_within_the_site_leads_to_a_page_and_a_place_on_it() -> None:
    lost = []
    for origin, target in all_links():
        if urlsplit(target).scheme:
            continue
        there = follow(origin, target)
        anchor = unquote(urldefrag(target).fragment)
        is_there = (SITE / there).exists()
        if not is_there or (anchor and there.endswith(".html") and anchor not in page(there).anchors):
            lost.append((origin, target))
    assert lost == []


def test_external_links_are_those_that_are_listed() -> None:
    found = {
        urldefrag(target).url
        for file in SITE.rglob("*.html")
        for _, target in page(file.relative_to(SITE).as_posix()).links
        if urlsplit(target).scheme in ("http", "https") and urlsplit(target).hostname != "127.0.0.1"
    }
    assert found == EXTERNAL


def test_every_page_can_be_reached_by_links_in_the_text() -> None:
    seen, new = set(), {START}
    while new:
        seen |= new
        new = {
            follow(origin, target) for origin in new for _, target in page(origin).links if not urlsplit(target).scheme
        } - seen
        new = {name for name in new if name.endswith(".html")}
    generated = {"genindex.html", "py-modindex.html", "search.html"}
    assert {file.relative_to(SITE).as_posix() for file in SITE.rglob("*.html")} - seen - generated == set()
