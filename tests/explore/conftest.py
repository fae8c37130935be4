"""A browser, and a page of a real program's traces, each made once."""

from collections.abc import Iterator

import pytest
from browsing import Browser, Page, chromium, what_is_missing
from exploring import HIGHLIGHTED, PROJECT, Traced, run


@pytest.fixture(scope="session")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    missing = what_is_missing()
    if missing:
        pytest.skip(missing)
    with chromium(tmp_path_factory.mktemp("downloads")) as found:
        yield found


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Traced:
    """Of examples/highlight.py, which highlights each file in a thread of its own."""
    folder = tmp_path_factory.mktemp("demo")
    program = ["--include", "pygments", "--include", "__main__", "examples/highlight.py", *HIGHLIGHTED]
    lines, comparisons, order = (str(folder / f"{name}.npz") for name in ("lines", "comparisons", "order"))
    # In the project, so that names of files are short.
    run(PROJECT, "run", "--branch", "-o", lines, *program)
    run(PROJECT, "run", "--mode", "cmp-bytes", "-o", comparisons, *program)
    run(PROJECT, "run", "--mode", "pc", "-o", order, *program)
    run(PROJECT, "explore", lines, comparisons, "-o", str(folder / "page"))
    run(PROJECT, "explore", order, "-o", str(folder / "order"))
    return Traced(folder)


@pytest.fixture
def page(browser: Browser, demo: Traced) -> Page:
    return Page(browser, demo.page)


@pytest.fixture
def ordered(browser: Browser, demo: Traced) -> Page:
    """The page of the same program's calls."""
    return Page(browser, demo.folder / "order")
