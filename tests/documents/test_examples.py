"""Every example of the documents is run, or says why not."""

from pathlib import Path

import pytest
from pages import PAGES, ROOT, Block, Runner, blocks

EXAMPLES = {str(page.relative_to(ROOT)): [block for block in blocks(page) if block.is_example] for page in PAGES}


@pytest.mark.timeout(900)  # a page has up to twenty programs, each of which a busy machine may hold up
@pytest.mark.parametrize("page", [name for name, found in EXAMPLES.items() if any(not one.why_not for one in found)])
def test_the_examples_of_a_page_do_what_it_says(page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    runner = Runner()
    for block in EXAMPLES[page]:
        if not block.why_not:
            runner.run(block)


def block(text: str, language: str = "console", comments: str = "") -> Block:
    return Block(Path("page.md"), 1, language, text, comments)


@pytest.mark.parametrize(
    "wrong",
    [
        block("$ false\n"),
        block("$ echo something else\nsomething\n"),
        block("$ printf 'a\\nb\\n'\nb\na\n"),
        block("$ echo\n", comments="<!-- exit 1 -->\n"),
        block("raise ValueError\n", "python"),
        block("import warnings; warnings.warn('x')\n", "python"),
        block(">>> 1\n2\n", "pycon"),
        block("x\n", "cobol"),
        block("no command\n"),
    ],
    ids=lambda wrong: f"{wrong.language}: {wrong.text[:20]!r}",
)
def test_an_example_that_is_wrong_is_found(wrong: Block, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(AssertionError):
        Runner().run(wrong)


def test_numbers_columns_and_what_is_left_out_may_differ(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Runner().run(block("$ printf '12 lines\\nx\\ny\\n  total   1.5 s\\n'\n7 lines\n...\ntotal 33 s\n"))
