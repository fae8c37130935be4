"""What the documents show works, and what they list is what there is."""

import re
import subprocess
import sys
from pathlib import Path

import click
import pytest

from pykcov import cli
from pykcov.reports import formats

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()
COMMAND_LINE = (ROOT / "docs" / "command-line.md").read_text()


def test_the_fuzzer_finds_new_places() -> None:
    done = subprocess.run(
        [sys.executable, ROOT / "examples" / "fuzz_device.py", "2000"], capture_output=True, text=True, check=True
    )
    inputs, kept, places = map(int, re.findall(r"\d+", done.stdout.splitlines()[-1]))
    assert inputs > kept > 5
    assert places > 50


def test_the_demo_traces_each_thread(tmp_path: Path) -> None:
    files = [ROOT / "README.md", ROOT / "pyproject.toml"]
    program = [ROOT / "examples" / "highlight.py", *files]
    command = [sys.executable, "-m", "pykcov", "run", "--include", "pygments", "--include", "__main__", *program]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    rows = [line.split() for line in done.stderr.splitlines()]
    only_here = {row[0]: int(row[2]) for row in rows if row and row[0] in ("README.md", "pyproject.toml")}
    assert min(only_here.values()) > 100
    assert len(only_here) == 2


@pytest.mark.parametrize("name", ["run", "report", "dump", "fuzz", "kernel", "tests", "affected", "doctor"])
def test_every_option_is_in_the_document(name: str) -> None:
    command = cli.pykcov.get_command(click.Context(cli.pykcov), name)
    assert command is not None
    assert f"## pykcov {name}" in COMMAND_LINE
    options = [option.opts[-1] for option in command.params if isinstance(option, click.Option) and not option.hidden]
    known = {"--output": "-o", "--quiet": "-q"}
    assert [option for option in options if f"`{known.get(option, option)}" not in COMMAND_LINE] == []


def test_every_format_is_in_the_document() -> None:
    assert [name for name in formats() if f"| `{name}` |" not in COMMAND_LINE] == []


def test_every_option_of_the_pytest_plugin_is_in_the_document() -> None:
    options = re.findall(r'"(--[\w-]*pykcov[\w-]*)"', (ROOT / "src" / "pytest_pykcov.py").read_text())
    assert len(options) > 10
    assert [option for option in options if f"`{option}" not in (ROOT / "docs" / "pytest.md").read_text()] == []


def test_every_link_of_the_readme_leads_somewhere() -> None:
    """They are whole addresses, as PyPI shows the page, too."""
    links = re.findall(r"\]\(([^)]+)\)", README)
    ours = re.compile(
        r"https://(?:raw\.githubusercontent\.com/pykcov/pykcov/main|github\.com/pykcov/pykcov/blob/main)/(.*)"
    )
    assert len(links) >= 10
    assert [link for link in links if not (path := ours.fullmatch(link)) or not (ROOT / path[1]).exists()] == []


def test_the_readme_fits_one_screen() -> None:
    assert len(README.splitlines()) <= 70
