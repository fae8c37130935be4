"""The page of a campaign, in a real Chromium: each number is the store's, and what is hostile is text."""

import http.client
import io
import json
import os
import urllib.error
import urllib.request
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from served_store import HOSTILE, HOSTILE_INPUT, Served, serving

from pykcov.campaign.page.data import code_map, hex_dump, state
from pykcov.campaign.slices import digest_of
from pykcov.campaign.store.store import Store

if TYPE_CHECKING:
    from selenium.webdriver.chrome.webdriver import WebDriver


class Page:
    def __init__(self, driver: "WebDriver", served: Served) -> None:
        self.driver = driver
        driver.get(served.address)
        self.wait(lambda: self.rows("targets") and self.run("return document.querySelector('#map details')"))

    def run(self, script: str, *arguments: Any) -> Any:
        return self.driver.execute_script(script, *arguments)

    def wait(self, is_so: Callable[[], Any]) -> Any:
        from selenium.webdriver.support.ui import WebDriverWait

        return WebDriverWait(self.driver, 60, 0.1).until(lambda _: is_so())

    def rows(self, table: str) -> list[list[str]]:
        script = (
            "return [...document.getElementById(arguments[0]).tBodies[0].rows]"
            ".map((row) => [...row.cells].map((one) => one.textContent))"
        )
        found: list[list[str]] = self.run(script, table)
        return found

    def text(self, selector: str) -> str:
        return str(self.run("return document.querySelector(arguments[0]).textContent", selector))

    def picture(self, name: str) -> None:
        """Keep what is shown for docs/campaign.md, if `make campaign-pictures` asks for it."""
        if folder := os.environ.get("PYKCOV_PICTURES"):
            self.driver.save_screenshot(str(Path(folder) / f"{name}.png"))


@pytest.fixture
def page(driver: "WebDriver", served: Served) -> Page:
    return Page(driver, served)


def number(value: float) -> str:
    return f"{round(value):,}"


def test_each_number_is_that_of_the_store(page: Page, served: Served) -> None:
    with Store(str(served.path), create=False) as store:
        told, files = state(store), code_map(store)
    page.picture("campaign-targets")
    assert page.rows("targets") == [
        [
            each["harness"],
            number(each["executions"]),
            number(each["rate"]),
            f"{each['reached']} of {each['places']}",
            number(each["inputs"]),
            number(each["open_findings"]),
            each["expected"],
        ]
        for each in told["targets"]
    ]
    assert [row[:5] for row in page.rows("findings")] == [
        [str(each["number"]), each["token"], each["harness"], each["state"], str(each["times"])]
        for each in told["findings"]
    ]
    campaign = told["campaigns"][0]
    words = page.text("#campaign")
    assert f"Campaign 1 of abc123: 12 slices, {number(campaign['executions'])} executions" in words
    assert f"{told['inputs']} inputs, 3 new findings" in words
    for group in ("targets", "workers"):
        page.run("document.querySelector(`input[value=${arguments[0]}]`).click()", group)
        for chart, field in (("executions", "executions"), ("places", "places")):
            shown = json.loads(page.run("return document.getElementById(arguments[0]).dataset.last", chart))
            assert shown == {name: own[field][-1] for name, own in told["series"][group].items()}
            assert page.run("return document.querySelectorAll(`#${arguments[0]} canvas`).length", chart) == 1
    shown_map = page.run("return [...document.querySelectorAll('#map summary')].map((one) => one.textContent)")
    assert shown_map == [
        f"{sum(max(own['reached'].values(), default=0) for own in each['functions'])} of "
        f"{sum(own['places'] for own in each['functions'])} {each['file']}"
        for each in files
    ]


def test_the_series_end_with_what_the_slices_have_done(served: Served) -> None:
    with Store(str(served.path), create=False) as store:
        told = state(store)
    executions = {each["harness"]: each["executions"] for each in told["targets"]}
    assert {name: own["executions"][-1] for name, own in told["series"]["targets"].items()} == executions
    assert sum(own["executions"][-1] for own in told["series"]["workers"].values()) == sum(executions.values())
    reached = {each["harness"]: each["reached"] for each in told["targets"]}
    assert {name: own["places"][-1] for name, own in told["series"]["targets"].items()} == reached


def test_what_is_hostile_is_shown_as_text(page: Page) -> None:
    for row in range(3):
        page.run("document.querySelectorAll('#findings button')[arguments[0]].click()", row)
        page.wait(lambda row=row: page.rows("findings")[row][1] in page.text("#finding h3"))
        assert page.text("#finding .report").endswith("<script>document.title='owned'")
        assert page.text("#finding .hex") == hex_dump(HOSTILE_INPUT)
        assert page.text("#finding .text").startswith("<script>document.title='owned'</script>")
        assert "reproduce.py" in page.text("#finding .command")
    page.run("document.querySelectorAll('#map details').forEach((one) => (one.open = true))")
    page.run("document.getElementById('finding').scrollIntoView()")
    page.picture("campaign-finding")
    page.run("document.getElementById('map-heading').scrollIntoView()")
    page.picture("campaign-code")
    assert page.driver.title == "pykcov campaign"
    assert page.run("return document.querySelectorAll('main script, main img, main b').length") == 0
    assert [entry["message"] for entry in page.driver.get_log("browser")] == []


def test_what_is_new_comes_without_being_asked_for(page: Page, served: Served) -> None:
    with Store(str(served.path), create=False) as store:
        store.set_state(1, "known")
        try:
            page.wait(lambda: [row[3] for row in page.rows("findings") if row[0] == "1"] == ["known"])
        finally:
            store.set_state(1, "new")
    page.wait(lambda: [row[3] for row in page.rows("findings") if row[0] == "1"] == ["new"])


def test_a_corpus_can_be_downloaded(served: Served) -> None:
    address = f"{served.address}corpus?target={urllib.request.quote(HOSTILE)}"
    with urllib.request.urlopen(address) as answer:
        packed = zipfile.ZipFile(io.BytesIO(answer.read()))
        assert "<" not in answer.headers["content-disposition"]
    with Store(str(served.path), create=False) as store:
        assert sorted(packed.namelist()) == sorted(store.corpus(HOSTILE))
    assert all(digest_of(packed.read(name)) == name for name in packed.namelist())
    with pytest.raises(urllib.error.HTTPError, match="404"):
        urllib.request.urlopen(f"{served.address}corpus?target=nothing")


def test_a_name_that_leads_here_from_elsewhere_gets_nothing(served: Served) -> None:
    request = urllib.request.Request(served.address, headers={"Host": "attacker.example"})
    with pytest.raises(urllib.error.HTTPError, match="400"):
        urllib.request.urlopen(request)


def test_with_a_token_nothing_is_told_without_it(served: Served) -> None:
    with serving(served.path, PYKCOV_CAMPAIGN_TOKEN="secret") as guarded:

        def get(path: str, **headers: str) -> tuple[int, dict[str, str]]:
            connection = http.client.HTTPConnection(guarded.address.split("/")[2], timeout=60)
            try:
                connection.request("GET", path, headers=headers)
                answer = connection.getresponse()
                return answer.status, {name.lower(): value for name, value in answer.getheaders()}
            finally:
                connection.close()

        for path in ("/", "/api/state", "/api/map", "/api/findings/1", "/corpus", "/static/page.js", "/events"):
            for query in ("", "?token=", "?token=wrong", "?token=s%C3%A9cret"):
                assert get(path + query)[0] == 401, path
        assert get("/api/state", Authorization="Bearer secret")[0] == 200
        status, headers = get("/?token=secret")
        assert (status, headers["location"]) == (303, "/")
        cookie = headers["set-cookie"]
        assert "HttpOnly" in cookie
        assert "samesite=strict" in cookie.lower()
        cookie = cookie.partition(";")[0]
        status, headers = get("/", Cookie=cookie)
        assert status == 200
        assert "frame-ancestors 'none'" in headers["content-security-policy"]
        assert get("/api/findings/99", Cookie=cookie)[0] == 404
