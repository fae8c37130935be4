"""What a trace or a source holds is text on the page, whatever it looks like; odd input is said, never an error."""

import subprocess
import sys
from pathlib import Path

import pytest
from browsing import Browser, Page
from coverage import CoverageData
from exploring import run

from pykcov.explore import gather

MARKUP = "<img src=x onerror=document.title='owned'><script>document.title='owned'</script>\"'&amp;"
TURNED = "\u202egnp.exe\u200b"
PROGRAM = f"""# -*- coding: utf-8 -*-
import threading

def serve(name):
    if name == {MARKUP!r}:
        return 1
    return name == {TURNED!r}  # \u202e \u2066

for name in ({MARKUP!r}, {TURNED!r}, "\\udc80", "a\\nb", ""):
    thread = threading.Thread(target=serve, args=(name,), name=name)
    thread.start()
    thread.join()
LONG = '{"<b>" * 300_000}'
"""
FILE = "<b onclick=alert(1)>&quot;.py"


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("hostile")
    (folder / FILE).write_text(PROGRAM)
    run(folder, "run", "-o", "lines.npz", FILE)
    run(folder, "run", "--mode", "cmp-bytes", "-o", "comparisons.npz", FILE)
    run(folder, "explore", "lines.npz", "comparisons.npz")
    return folder


def test_names_and_sources_are_text(browser: Browser, hostile: Path) -> None:
    page = Page(browser, hostile / "pykcov-page")
    for view in ("files", "source", "difference"):
        page.show(view=view, file=FILE, line=5, a="*", b="MainThread")
        assert page.all("img, b, i, [onclick], [onerror]") == []
        assert len(page.all("script")) == 1
        assert page.driver.title == "lines.npz, comparisons.npz - pykcov"
        assert page.complaints() == []
    page.show(view="source", file=FILE, line=5)
    assert MARKUP in page.texts(".who li")
    assert "\\u{202e}" in page.texts(".text code")[6]
    assert "characters more" in page.texts(".text code")[-1]
    assert len(page.texts(".who li")) == 5


def test_the_page_can_load_nothing_and_run_nothing_but_its_own(browser: Browser, hostile: Path) -> None:
    page = Page(browser, hostile / "pykcov-page")
    page.show()
    attempts = """
        const done = arguments[0];
        const failed = [];
        try { document.body.innerHTML = "<p>x</p>"; } catch { failed.push("markup"); }
        const script = document.createElement("script");
        try { script.src = "data/index.js"; } catch { failed.push("script"); }
        fetch("data/index.js").catch(() => { failed.push("fetch"); done(failed); });
    """
    assert page.driver.execute_async_script(attempts) == ["markup", "script", "fetch"]
    page.complaints()


def test_a_damaged_folder_is_said(browser: Browser, hostile: Path, tmp_path: Path) -> None:
    run(hostile, "explore", "lines.npz", "-o", str(tmp_path / "page"))
    page = Page(browser, tmp_path / "page")
    pack = tmp_path / "page" / "data" / "pack-0.js"
    for content in ("pykcovData('pack-0','AAAA')", "syntax error", ""):
        pack.write_text(content)
        page.driver.get("about:blank")
        page.driver.get(page.address)
        page.wait(lambda: page.all("[role=alert]"))
    pack.unlink()
    page.driver.get("about:blank")
    page.driver.get(page.address)
    page.wait(lambda: "pack-0.js cannot be read" in page.text("[role=alert]"))
    page.complaints()


def covered(folder: Path, contexts: dict[str, dict[str, list[int]]]) -> str:
    """Write a data file of coverage.py."""
    data = CoverageData(str(folder / "data"))
    for context, lines in contexts.items():
        data.set_context(context)
        data.add_lines({str(folder / name): numbers for name, numbers in lines.items()})
    data.write()
    data.close()
    return str(folder / "data")


def test_sources_that_are_gone_changed_or_no_text_are_said(tmp_path: Path) -> None:
    (tmp_path / "latin.py").write_bytes(b"# -*- coding: latin-1 -*-\nname = '\xe9'\n")
    (tmp_path / "broken.py").write_bytes(b"name = '\xff\xfe'\n")
    (tmp_path / "wrong.py").write_text("def (:\n")
    names = ["latin.py", "broken.py", "wrong.py", "gone.py"]
    path = covered(tmp_path, {"a": {name: [2] for name in names}, "b": {"gone.py": [2, 7]}})
    found = {Path(name).name: source for name, source in gather.gather([path]).sources.items()}
    assert found["latin.py"].text.endswith("'é'\n")
    assert found["latin.py"].remarks == {}
    assert any("no utf-8" in remark for remark in found["broken.py"].remarks)
    assert any("cannot be analysed" in remark for remark in found["wrong.py"].remarks)
    assert any("cannot be read: No such file" in remark for remark in found["gone.py"].remarks)
    assert found["gone.py"].contexts == {0: 1 << 2, 1: 1 << 2 | 1 << 7}


def test_a_trace_of_another_version_of_the_source_is_said(tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text("a = 1\n")
    run(tmp_path, "run", "app.py")
    (tmp_path / "app.py").write_text("b = 1\na = 1\n")
    (source,) = gather.gather([str(tmp_path / "pykcov.npz")]).sources.values()
    assert list(source.remarks) == ["has changed since it was traced: its lines may be wrong"]


def test_contexts_of_the_same_name_in_two_files_stay_apart(tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text("import sys\nif len(sys.argv) > 1:\n    a = 1\n")
    run(tmp_path, "run", "-o", "before.npz", "app.py")
    run(tmp_path, "run", "-o", "after.npz", "app.py", "x")
    found = gather.gather([str(tmp_path / name) for name in ("before.npz", "after.npz")])
    assert found.contexts == ["MainThread", "after.npz: MainThread"]
    (source,) = found.sources.values()
    assert source.contexts == {0: 0b110, 1: 0b1110}


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "missing.npz: No such file"),
        (b"", "missing.npz: "),
        (b"SQLite format 3\0", "missing.npz: no data file of coverage.py, or damaged"),
    ],
)
def test_what_cannot_be_read_is_one_line(tmp_path: Path, content: bytes | None, words: str) -> None:
    if content is not None:
        (tmp_path / "missing.npz").write_bytes(content)
    said = run(tmp_path, "explore", "missing.npz", status=2)
    assert words in said
    assert said.count("\n") == 1
    assert not (tmp_path / "pykcov-page").exists()


def test_a_folder_of_something_else_is_left_alone(hostile: Path, tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    said = run(hostile, "explore", "lines.npz", "-o", str(tmp_path), status=2)
    assert "holds something else" in said
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_failed_tests_that_are_none_are_said(hostile: Path, tmp_path: Path) -> None:
    names = tmp_path / "lastfailed"
    names.write_text("{")
    assert "neither JSON nor" in run(hostile, "explore", "lines.npz", "--failed", str(names), status=2)
    names.write_text('{"tests/test_a.py::test_b": true}')
    assert "none of the tests that it names is a context" in run(
        hostile, "explore", "lines.npz", "--failed", str(names)
    )


def test_tests_that_failed_are_told_from_those_that_passed(browser: Browser, tmp_path: Path) -> None:
    (tmp_path / "library.py").write_text("def half(n):\n    if n < 0:\n        return n // 3\n    return n // 2\n")
    tests = "def test_{0}():\n    assert library.half({1}) == {2}\n"
    cases = [("negative", -6, -3), ("zero", 0, 0), ("four", 4, 2), ("six", 6, 3)]
    (tmp_path / "test_library.py").write_text("import library\n" + "".join(tests.format(*case) for case in cases))
    command = [sys.executable, "-m", "pytest", "-q", "-p", "pytest_pykcov", "--pykcov", "--pykcov-source=."]
    subprocess.run([*command, "-p", "no:randomly"], cwd=tmp_path, check=False, capture_output=True)
    run(tmp_path, "explore", ".coverage", "--failed", ".pytest_cache/v/cache/lastfailed")
    page = Page(browser, tmp_path / "pykcov-page")
    page.show(view="difference")
    (button,) = [one for one in page.all("button") if one.text == "Failed against passed"]
    button.click()
    page.wait(lambda: page.all(".ranked tbody tr"))
    best = page.texts(".ranked tbody tr:first-child > *")
    assert best[:5] == ["1", "1.000", "1 / 1", "0 / 3", "library.py:3"]


def test_conditions_of_a_line_that_were_never_true_or_false_are_told(tmp_path: Path) -> None:
    code = "def choose(a, b, c):\n    if a and (b or c):\n        return 1\n    return 2\n\n"
    (tmp_path / "app.py").write_text(f"{code}choose(1, 1, 0)\nchoose(0, 0, 0)\n")
    run(tmp_path, "run", "--conditions", "app.py")
    (source,) = gather.gather([str(tmp_path / "pykcov.npz")]).sources.values()
    assert source.partial == {2: ["b was never false", "c was never true", "c was never false"]}
