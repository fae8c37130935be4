"""The examples of a page of the documents, and how each is run.

What a fenced block is follows from its language:

- `python`: a program; if it begins with a comment that is the name of a file, it is written there instead
- `pycon`: a doctest; the blocks of a page are one session
- `console`: commands after `$ `, and below each the lines that it prints, or some of them
- `sh`: a script
- `c`: a file, whose name stands in a comment on its first line
- `toml`, `yaml`, `dockerfile`, `diff`, `text`, or none: no example

Comments before a block, which no reader sees, say more:

- `<!-- not run: REASON -->`
- `<!-- exit 77 -->`: the exit code of its last command
- `<!-- output varies -->`: what is shown is not compared. Numbers are never compared
- `<!-- first`, lines of a shell script, `-->`: what makes the files that the example needs
"""

import doctest
import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]

_BLOCK = re.compile(
    r"(?P<comments>(?:^<!--(?:(?!-->).)*-->\n+)*)^(?P<indent> *)```(?P<language>\w*)\n(?P<text>.*?)^ *```$",
    re.MULTILINE | re.DOTALL,
)
_NO_EXAMPLES = ("toml", "yaml", "dockerfile", "diff", "text", "")
_FILE = re.compile(r"(?:#|/\*) ([\w/]+\.\w+)(?: \*/)?\n")
# Installing needs the network; `make wheels` tries it.
_INSTALLS = re.compile(r"(pip|apt-get) ")


@dataclass(frozen=True)
class Block:
    """A fenced block of a page."""

    page: Path
    line: int
    language: str
    text: str
    comments: str

    def __str__(self) -> str:
        """Return where it is."""
        return f"{self.page}:{self.line}"

    def said(self, pattern: str) -> str | None:
        """Return what a comment before the block says: the group of the pattern, or all that it matches."""
        found = re.search(rf"<!-- {pattern}\s*-->", self.comments, re.DOTALL)
        return found and (found.group(1) if found.re.groups else found.group())

    @property
    def is_example(self) -> bool:
        """Whether it can be run."""
        return self.language not in _NO_EXAMPLES

    @property
    def why_not(self) -> str | None:
        """Why an example is not run; None if it is."""
        return self.said(r"not run: (.*?)")


def blocks(page: Path) -> list[Block]:
    """Return the fenced blocks of a page."""
    text = page.read_text()
    return [
        Block(page, text.count("\n", 0, found.start("text")), found["language"], found["text"], found["comments"])
        for found in _BLOCK.finditer(text)
    ]


class Runner:
    """Runs the examples of a page one after the other, in the current folder."""

    def __init__(self) -> None:
        """Begin without anything."""
        path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
        self._environment = os.environ | {"PATH": path, "COLUMNS": "120"}
        # With it Hypothesis has no database.
        self._environment.pop("CI", None)
        self._globals: dict[str, object] = {"__name__": "page"}

    def run(self, block: Block) -> None:
        """Run an example; AssertionError: it fails, or does something else than the page says."""
        if first := block.said("first\n(.*?)"):
            self._shell(block, first, 0)
        if file := _FILE.match(block.text):
            Path(file.group(1)).parent.mkdir(parents=True, exist_ok=True)
            Path(file.group(1)).write_text(block.text)
        elif block.language == "pycon":
            self._doctest(block)
        elif block.language == "python":
            Path("example.py").write_text(block.text)
            self._shell(block, "python -W error example.py", self._exit_code(block))
        elif block.language == "sh":
            self._shell(block, block.text, self._exit_code(block))
        elif block.language == "console":
            self._console(block)
        else:
            raise AssertionError(f"{block}: no example is written in {block.language!r}")

    def _exit_code(self, block: Block) -> int:
        return int(block.said(r"exit (\d+)") or 0)

    def _shell(self, block: Block, script: str, code: int) -> str:
        done = subprocess.run(
            ["sh", "-ec", script],
            env=self._environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        assert done.returncode == code, f"{block}: {script}\n{done.stdout}"
        return done.stdout

    def _doctest(self, block: Block) -> None:
        test = doctest.DocTestParser().get_doctest(block.text, self._globals, str(block), str(block.page), block.line)
        told: list[str] = []
        failed, _ = doctest.DocTestRunner(optionflags=doctest.IGNORE_EXCEPTION_DETAIL).run(
            test, out=told.append, clear_globs=False
        )
        self._globals = test.globs
        assert not failed, "".join(told)

    def _console(self, block: Block) -> None:
        commands = re.findall(r"^\$ (.*(?:\\\n.*)*)\n((?:(?!\$ ).*\n)*)", block.text, re.MULTILINE)
        assert commands, f"{block}: no line begins with '$ '"
        for number, (command, shown) in enumerate(commands, 1):
            if _INSTALLS.match(command):
                continue
            printed = self._shell(block, command, self._exit_code(block) if number == len(commands) else 0)
            if not block.said("output varies"):
                assert _is_in(shown, printed), f"{block}: {command}\n{printed}"


def _is_in(shown: str, printed: str) -> bool:
    """Whether these lines were printed in this order, whatever the numbers and the columns are."""
    printed_lines = iter(_lines(printed))
    return all(line in printed_lines for line in _lines(shown) if line != "...")


def _lines(text: str) -> list[str]:
    return [re.sub(r"[\d.]*\d", "0", " ".join(line.split())) for line in text.splitlines()]
