"""A real Chromium that looks at a page on disk."""

import json
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urlencode

if TYPE_CHECKING:
    from selenium.webdriver.chrome.webdriver import WebDriver

SECONDS = 30
"""Until something is missing, not slow."""


def what_is_missing() -> str:
    """Return which part of a browser is not there, '' if all are."""
    for program in ("chromium", "chromedriver"):
        if shutil.which(program) is None:
            return f"no {program} (Debian: apt-get install chromium chromium-driver)"
    try:
        import selenium  # noqa: F401
    except ImportError:
        return "no selenium"
    return ""


class Browser(NamedTuple):
    driver: "WebDriver"
    downloads: Path
    """Where files are saved."""


@contextmanager
def chromium(downloads: Path, *options: str) -> Iterator[Browser]:
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service

    chosen = webdriver.ChromeOptions()
    chosen.binary_location = str(shutil.which("chromium"))
    for option in ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--window-size=1280,800", *options):
        chosen.add_argument(option)
    chosen.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    chosen.add_experimental_option("prefs", {"download.default_directory": str(downloads)})
    driver = webdriver.Chrome(chosen, Service(shutil.which("chromedriver")))
    try:
        yield Browser(driver, downloads)
    finally:
        driver.quit()


class Page:
    """A page that was written by `pykcov explore`, in a browser."""

    def __init__(self, browser: Browser, folder: Path) -> None:
        self.driver, self.downloads = browser
        self.address = (folder / "index.html").as_uri()

    def show(self, **route: Any) -> None:
        """Open the page as a link to that part of it does."""
        self.driver.get("about:blank")
        self.driver.get(f"{self.address}#{urlencode(route)}")
        self.wait(lambda: self.all("header h1"))
        self.wait(lambda: "Loading" not in self.text("main"))

    def wait(self, is_so: Callable[[], Any]) -> Any:
        from selenium.common.exceptions import StaleElementReferenceException
        from selenium.webdriver.support.ui import WebDriverWait

        waiting = WebDriverWait(self.driver, SECONDS, 0.05, (StaleElementReferenceException,))
        return waiting.until(lambda _: is_so())

    def all(self, selector: str) -> Sequence[Any]:
        from selenium.webdriver.common.by import By

        return self.driver.find_elements(By.CSS_SELECTOR, selector)

    def one(self, selector: str) -> Any:
        found = self.all(selector)
        assert len(found) == 1, f"{len(found)} of {selector}"
        return found[0]

    def text(self, selector: str) -> str:
        return str(self.run("return document.querySelector(arguments[0])?.innerText ?? ''", selector))

    def texts(self, selector: str) -> list[str]:
        script = "return [...document.querySelectorAll(arguments[0])].map((one) => one.textContent)"
        return list(self.run(script, selector))

    def run(self, script: str, *arguments: Any) -> Any:
        return self.driver.execute_script(script, *arguments)

    def saved(self, words: str, name: str) -> Any:
        """Press the button of these words; return what is in the JSON that the browser then saves under this name."""
        path = self.downloads / name
        path.unlink(missing_ok=True)
        (button,) = [one for one in self.all("button") if one.text == words]
        button.click()
        self.wait(path.exists)
        return json.loads(path.read_text())

    def complaints(self) -> list[str]:
        """Return what the browser has complained of, as of a script that a page must not have."""
        return [entry["message"] for entry in self.driver.get_log("browser")]
