"""Every example of docs/kcov.md is run, in order: C is written to a file, shell is run, Python is a doctest."""

import doctest
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

PAGE = Path(__file__).parents[2] / "docs" / "kcov.md"
BLOCK = re.compile(r"^```(pycon|c|sh)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def blocks() -> list[tuple[int, str, str]]:
    """Line, language and text of each example."""
    text = PAGE.read_text()
    return [(text.count("\n", 0, match.start(2)), *match.group(1, 2)) for match in BLOCK.finditer(text)]


@pytest.mark.skipif(shutil.which("cc") is None, reason="needs a C compiler")
def test_the_examples_of_the_reference_are_true(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    runner = doctest.DocTestRunner(optionflags=doctest.IGNORE_EXCEPTION_DETAIL)
    globals_: dict[str, object] = {"__name__": "kcov_page"}
    for line, language, text in blocks():
        if language == "c":
            name = re.match(r"/\* (\S+) \*/\n", text)
            assert name, f"line {line}: an example in C begins with the name of its file"
            Path(name.group(1)).write_text(text)
        elif language == "sh":
            subprocess.run(["sh", "-ec", text], check=True, env=os.environ | {"PATH": path})
        else:
            test = doctest.DocTestParser().get_doctest(text, globals_, f"kcov.md line {line}", str(PAGE), line)
            runner.run(test, clear_globs=False)
            globals_ = test.globs
    assert runner.summarize() == (0, runner.tries)
    assert runner.tries > 30
