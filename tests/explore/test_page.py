"""Each view of the page, in a real Chromium, answers a question as the data does when it is asked directly."""

import math
import os
from collections import Counter
from pathlib import Path

import pytest
from browsing import Page
from exploring import PROJECT, Traced

from pykcov.traces.tracefile import TraceFile

pytest.importorskip("pygments")


def name_of(file: str) -> str:
    return file.removeprefix(f"{PROJECT}/")


def statements(demo: Traced, file: str) -> set[int]:
    found = demo.report[file]
    return {*found["executed_lines"], *found["missing_lines"]}


def lines_of_threads(demo: Traced) -> dict[str, dict[str, set[int]]]:
    """Return, by name of the thread, the lines of statements that it ran in each file."""
    trace = demo.lines
    return {
        name: {name_of(file): {*lines} & statements(demo, name_of(file)) for file, lines in trace.lines(thread).items()}
        for name, thread in zip(trace.thread_names(), trace.threads, strict=True)
    }


def shown_files(page: Page) -> dict[str, str]:
    """Return the column of lines, by the name of the file that a row links to."""
    found = page.run(
        """return [...document.querySelectorAll("tr.file")].map((row) => [
            new URLSearchParams(row.querySelector("a").hash.slice(1)).get("file"), row.cells[2].innerText])"""
    )
    return {file: lines.replace(",", "") for file, lines in found}


def cells(page: Page, table: str) -> list[list[str]]:
    rows = page.all(f"{table} tbody tr")
    return [list(page.run("return [...arguments[0].cells].map((one) => one.textContent)", row)) for row in rows]


def picture(page: Page, name: str) -> None:
    """Keep what is shown for docs/explore.md, if `make page-pictures` asks for it."""
    if folder := os.environ.get("PYKCOV_PICTURES"):
        page.driver.save_screenshot(str(Path(folder) / f"{name}.png"))


def expected_files(demo: Traced, ran: dict[str, set[int]]) -> dict[str, str]:
    return {file: f"{len(ran[file])} / {len(statements(demo, file))}" for file in ran if ran[file]}


def test_the_tree_has_how_much_of_each_file_ran(page: Page, demo: Traced) -> None:
    page.show()
    picture(page, "explore-files")
    assert shown_files(page) == {
        file: f"{found['summary']['covered_lines']} / {found['summary']['num_statements']}"
        for file, found in demo.report.items()
    }
    assert len(demo.report) > 5
    assert page.complaints() == []


@pytest.mark.parametrize("mode", ["any", "all", "only", "minus"])
def test_contexts_choose_files_and_lines(page: Page, demo: Traced, mode: str) -> None:
    threads = lines_of_threads(demo)
    a, b = [name for name in threads if name.endswith(".py")], [name for name in threads if name.endswith("file")]
    assert len(a) == 2
    assert len(b) == 1
    nothing: set[int] = set()
    ran = {}
    for file in demo.report:
        of = {name: found.get(file, nothing) for name, found in threads.items()}
        any_of_a = nothing.union(*(of[name] for name in a))
        others = nothing.union(*(of[name] for name in of if name not in a))
        ran[file] = {
            "any": any_of_a,
            "all": of[a[0]] & of[a[1]],
            "only": any_of_a - others,
            "minus": any_of_a - of[b[0]],
        }[mode]
    page.show(a="*.py", b="*file", mode=mode)
    assert shown_files(page) == expected_files(demo, ran)
    assert page.text("#contexts-a-count").startswith("2 contexts: ")


def test_search_leaves_files_that_hold_all_words(page: Page, demo: Traced) -> None:
    page.show()
    page.one("#search").send_keys("lexers __INIT__")
    expected = {file for file in demo.report if "lexers" in file and "__init__" in file}
    page.wait(lambda: {*shown_files(page)} == expected)
    assert expected


def test_an_address_that_was_sent_shows_the_same(page: Page) -> None:
    page.show()
    page.one("#contexts-a").send_keys("*.py")
    page.one("#search").send_keys("lexer")
    page.wait(lambda: "search=lexer" in page.driver.current_url)
    address, table = page.driver.current_url, page.text("table")
    page.driver.get("about:blank")
    page.driver.get(address)
    page.wait(lambda: page.text("table") == table)


def most_interesting(demo: Traced) -> tuple[str, int, list[str]]:
    """Return a line that some threads ran and some did not, and which did."""
    threads = lines_of_threads(demo)
    who: dict[tuple[str, int], list[str]] = {}
    for name, found in threads.items():
        for file, lines in found.items():
            for line in lines:
                who.setdefault((file, line), []).append(name)
    (file, line), names = max(who.items(), key=lambda one: (len(one[1]) == 3, one[0]))
    assert len(names) == 3
    return file, line, names


def test_a_line_tells_who_ran_it(page: Page, demo: Traced) -> None:
    file, line, names = most_interesting(demo)
    page.show(view="source", file=file, line=line)
    assert page.texts(".who li") == names
    assert page.one(f"[data-line='{line}']").accessible_name.startswith(f"Line {line}, ran, 3 contexts")


def test_source_has_every_line_as_it_ran(page: Page, demo: Traced) -> None:
    file = max(demo.report, key=lambda file: len(demo.report[file]["missing_branches"]))
    page.show(view="source", file=file)
    shown = page.run(
        """return [...document.querySelectorAll(".text li")].map((one) => [
            Number(one.querySelector("button").dataset.line),
            one.className.trim(),
            one.querySelector("code").textContent])"""
    )
    states = {line: state for line, state, _ in shown}
    assert sorted(line for line in states if states[line] == "ran") == demo.report[file]["executed_lines"]
    assert sorted(line for line in states if states[line] == "missing") == demo.report[file]["missing_lines"]
    assert [text for _, _, text in shown] == Path(PROJECT, file).read_text().splitlines()


def test_branches_that_were_not_taken_are_marked_and_explained(page: Page, demo: Traced) -> None:
    by_file = {
        file: Counter(start for start, _ in found["missing_branches"] if start in {*found["executed_lines"]})
        for file, found in demo.report.items()
    }
    file, partial = max(by_file.items(), key=lambda one: len(one[1]))
    page.show(view="source", file=file, line=min(partial))
    marked = page.run(
        """return [...document.querySelectorAll(".text button")].filter((one) => one.textContent.includes("◐"))
            .map((one) => Number(one.dataset.line))"""
    )
    assert marked == sorted(partial)
    assert len(page.texts(".partial li")) == partial[min(partial)]
    assert page.text(".partial li").startswith(f"line {min(partial)} didn't jump to")


def test_a_line_tells_what_was_compared_there(page: Page, demo: Traced) -> None:
    trace: TraceFile = demo.comparisons
    pairs: dict[tuple[str, int, str], Counter[tuple[str, str]]] = {}
    for thread in trace.threads:
        for row, one in trace.comparisons(thread):
            place = trace.locations.location(row)
            found = pairs.setdefault((name_of(place.file), place.line, one.op), Counter())
            found[repr(one.operand1), repr(one.operand2)] += 1
    # One at which the order of the most frequent pairs is certain, and no other comparison is on its line.
    places = Counter((file, line) for file, line, _ in pairs)
    (file, line, op), found = max(
        (one for one in pairs.items() if places[one[0][:2]] == 1 and len({*one[1].values()}) == len(one[1])),
        key=lambda one: len(one[1]),
    )
    assert len(found) > 1
    page.show(view="source", file=file, line=line)
    picture(page, "explore-source")
    assert op in page.text(".compared h4")
    expected = [[*pair, str(times)] for pair, times in found.most_common(20)]
    assert cells(page, ".compared") == expected


def test_operands_that_were_never_equal_stand_beside_the_line(page: Page, demo: Traced) -> None:
    trace = demo.comparisons
    equal: dict[tuple[str, int], set[bool]] = {}
    for thread in trace.threads:
        for row, one in trace.comparisons(thread):
            if one.op == "==":
                place = trace.locations.location(row)
                key = (name_of(place.file), place.line)
                equal.setdefault(key, set()).add(one.operand1 == one.operand2)
    file, line = min(key for key, found in equal.items() if found == {False})
    page.show(view="source", file=file, line=line)
    assert "never equal: " in page.text("li.selected .beside")


def test_difference_ranks_lines_as_ochiai_does(page: Page, demo: Traced) -> None:
    threads = lines_of_threads(demo)
    a = {name for name in threads if name.endswith(".py")}
    b = {name for name in threads if not name.endswith(".py")}
    expected = {}
    for file in demo.report:
        for line in statements(demo, file):
            in_a = sum(line in threads[name].get(file, ()) for name in a)
            in_b = sum(line in threads[name].get(file, ()) for name in b)
            if in_a:
                expected[f"{file}:{line}"] = in_a / math.sqrt(len(a) * (in_a + in_b))
    others = "\n".join(sorted(b))
    page.show(view="difference", a="*.py", b=others)
    page.wait(lambda: any(page.texts(".ranked code")))
    picture(page, "explore-difference")
    shown = cells(page, ".ranked")
    assert len(shown) == 100
    best = sorted(expected.values(), reverse=True)[:100]
    assert [row[1] for row in shown] == [f"{one:.3f}" for one in best]
    for _, suspicion, _, _, place, text in shown:
        assert suspicion == f"{expected[place]:.3f}"
        file, _, line = place.rpartition(":")
        assert Path(PROJECT, file).read_text().splitlines()[int(line) - 1].strip() == text.strip()


def test_a_timeline_names_the_calls_of_a_thread(ordered: Page, demo: Traced) -> None:
    number = demo.order.thread_names().index("counted.py")
    ordered.show(view="timeline", way=number)
    picture(ordered, "explore-timeline")
    assert f"to {len(demo.order.threads[number]):,}" in ordered.text(".call")
    trace = demo.order
    rows = trace.locations.rows_of(trace.threads[number].pcs)
    entries = Counter(trace.locations.location(row).function for row in rows)
    assert ordered.texts(".functions tbody th")[0] == entries.most_common(1)[0][0]


def test_everything_works_by_keyboard(page: Page, demo: Traced) -> None:
    from selenium.webdriver.common.keys import Keys

    file, _, _ = most_interesting(demo)
    page.show(search=file)
    page.run("document.querySelector('tr.file a').focus()")
    page.driver.switch_to.active_element.send_keys(Keys.ENTER)
    page.wait(lambda: page.all(".text li"))
    page.run("document.querySelector('.text button').focus()")
    for key in (Keys.ARROW_DOWN, Keys.ARROW_DOWN, Keys.ARROW_UP):
        page.driver.switch_to.active_element.send_keys(key)
    page.wait(lambda: page.all("li.selected [data-line='2']"))
    assert page.run("return document.activeElement.dataset.line") == "2"
    page.driver.back()
    page.wait(lambda: page.all("table.files"))


@pytest.mark.parametrize("view", ["files", "source", "difference", "timeline"])
def test_whatever_can_be_used_has_a_name(page: Page, ordered: Page, demo: Traced, view: str) -> None:
    page = ordered if view == "timeline" else page
    file, line, _ = most_interesting(demo)
    page.show(view=view, file=file, line=line, a="*.py", b="*file", mode="minus")
    nodes = page.driver.execute_cdp_cmd("Accessibility.getFullAXTree", {})["nodes"]
    roles = {"button", "link", "textbox", "searchbox", "combobox", "progressbar", "img", "slider", "complementary"}
    used = [node for node in nodes if not node["ignored"] and node["role"]["value"] in roles]
    assert len(used) > 5
    assert [node for node in used if not node.get("name", {}).get("value")] == []


@pytest.mark.parametrize("view", ["files", "source", "difference", "timeline"])
def test_a_narrow_screen_needs_no_scrolling_sideways(page: Page, ordered: Page, demo: Traced, view: str) -> None:
    page = ordered if view == "timeline" else page
    file, line, _ = most_interesting(demo)
    size = {"width": 360, "height": 700, "deviceScaleFactor": 1, "mobile": True}
    page.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    try:
        page.show(view=view, file=file, line=line, a="*.py", b="*file")
        assert page.run("return document.documentElement.scrollWidth") <= 360
    finally:
        page.driver.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


def test_colours_are_dark_where_they_are_asked_for(page: Page) -> None:
    def brightness(element: str, which: str) -> int:
        colour = page.run(f"return getComputedStyle(document.querySelector('{element}')).{which}")
        return sum(int(one) for one in colour.removeprefix("rgb(").removesuffix(")").split(","))

    media = [{"name": "prefers-color-scheme", "value": "dark"}]
    page.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": media})
    try:
        page.show()
        assert brightness("body", "backgroundColor") < 150 < 500 < brightness("body", "color")
    finally:
        page.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})
    assert brightness("body", "color") < 150 < 700 < brightness("body", "backgroundColor")
