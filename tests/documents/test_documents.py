"""What the documents show works, and what they list is what there is."""

import inspect
import re
import subprocess
import sys
from pathlib import Path

import click
import pytest

import pykcov
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


def commands() -> dict[str, list[click.Command]]:
    """Every command by name, with its subcommands."""
    context = click.Context(cli.pykcov)
    found = {name: cli.pykcov.get_command(context, name) for name in cli.pykcov.list_commands(context)}
    return {
        name: [command, *(command.commands.values() if isinstance(command, click.Group) else ())]
        for name, command in found.items()
        if command is not None
    }


def options_of(name: str) -> list[list[str]]:
    """The names of each option."""
    parameters = [parameter for command in commands()[name] for parameter in command.params]
    options = [each for each in parameters if isinstance(each, click.Option) and not each.hidden]
    return [option.opts + option.secondary_opts for option in options]


def section(name: str) -> str:
    """What the document says of a command."""
    return re.split(r"^## ", COMMAND_LINE.partition(f"\n## pykcov {name}\n")[2], flags=re.MULTILINE)[0]


def options_in(text: str) -> list[str]:
    """The options that a text names."""
    return [option for code in re.findall(r"`([^`]+)`", text) for option in re.findall(r"(?<![\w-])--?\w[\w-]*", code)]


@pytest.mark.parametrize("name", commands())
def test_every_option_is_in_the_section_of_its_command(name: str) -> None:
    assert section(name)
    assert [names for names in options_of(name) if not set(names) & set(options_in(section(name)))] == []


def test_the_document_names_no_option_that_there_is_not() -> None:
    known = {option for name in commands() for names in options_of(name) for option in names} | {"--help", "--pykcov"}
    assert [option for option in options_in(COMMAND_LINE) if option[:2] == "--" and option not in known] == []


def test_each_command_has_a_row_in_the_first_table() -> None:
    table = COMMAND_LINE.partition("\n## ")[0]
    assert [name for name in commands() if f"(#pykcov-{name})" not in table] == []


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


def reference() -> str:
    """The pages of the API."""
    return "\n".join(page.read_text() for page in (ROOT / "docs" / "api").glob("*.rst"))


def test_the_reference_has_every_public_name() -> None:
    assert [name for name in pykcov.__all__ if not re.search(rf"\b{name}\b", reference())] == []


@pytest.mark.parametrize("name", [name for name in pykcov.__all__ if hasattr(getattr(pykcov, name), "__code__")])
def test_every_argument_of_a_public_function_is_explained(name: str) -> None:
    function = getattr(pykcov, name)
    arguments = function.__code__.co_varnames[: function.__code__.co_argcount + function.__code__.co_kwonlyargcount]
    section = (inspect.getdoc(function) or "").partition("\nArgs:\n")[2].partition("\n\n")[0]
    assert len(arguments) < 2 or list(arguments) == re.findall(r"^    (\w+): ", section, re.MULTILINE)
