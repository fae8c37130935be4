"""A page that is served, and a browser that looks at it."""

import shutil
from collections.abc import Iterator
from importlib.util import find_spec
from typing import TYPE_CHECKING

import pytest
from served_store import Served, fill, serving

if TYPE_CHECKING:
    from selenium.webdriver.chrome.webdriver import WebDriver


@pytest.fixture(scope="session")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    if find_spec("distributed") is None:
        pytest.skip("distributed is not installed")
    path = tmp_path_factory.mktemp("page") / "store.db"
    fill(path)
    with serving(path) as started:
        yield started


@pytest.fixture(scope="session")
def driver(tmp_path_factory: pytest.TempPathFactory) -> "Iterator[WebDriver]":
    for program in ("chromium", "chromedriver"):
        if shutil.which(program) is None:
            pytest.skip(f"no {program} (Debian: apt-get install chromium chromium-driver)")
    webdriver = pytest.importorskip("selenium.webdriver")
    from selenium.webdriver.chrome.service import Service

    options = webdriver.ChromeOptions()
    options.binary_location = str(shutil.which("chromium"))
    for option in ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--window-size=1240,1000"):
        options.add_argument(option)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    opened = webdriver.Chrome(options, Service(shutil.which("chromedriver")))
    try:
        yield opened
    finally:
        opened.quit()
