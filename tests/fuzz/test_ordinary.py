"""Ordinary command lines of `pykcov fuzz` are read as click reads them."""

from pathlib import Path

import click
from hypothesis import given
from hypothesis import strategies as st

from pykcov.cli import fuzz
from pykcov.fuzz import ordinary
from pykcov.fuzz.command import Options

HERE = str(Path(__file__).parent)
VALUES = st.sampled_from([HERE, f"{HERE}/new", __file__, "5", "0", "-1", "1.5", "nan", "٣", "", "a*", "--", "-q", "=x"])
NAMES = st.sampled_from([*ordinary._FLAGS, *ordinary._VALUES, "--help", "--dir", "-x", "--keep_going"])
HARNESSES = st.sampled_from([__file__, f"{__file__}::test", "nothing.py", "json:loads", "-", "--"])
OPTIONS = [each for each in fuzz.command.params if isinstance(each, click.Option)]


@st.composite
def command_lines(draw: st.DrawFn) -> list[str]:
    words: list[str] = []
    for name in draw(st.lists(NAMES, max_size=4)):
        value = draw(VALUES)
        words += draw(st.sampled_from([[name], [name, value], [f"{name}={value}"], [f"{name}{value}"]]))
    return [*words, *draw(st.lists(HARNESSES | VALUES, max_size=3))]


@given(command_lines())
def test_what_is_read_here_is_what_click_reads(words: list[str]) -> None:
    found = ordinary.read(words)
    if found is not None:
        assert Options(**found) == Options(**fuzz.command.make_context("fuzz", list(words)).params)


def test_each_option_is_known_here() -> None:
    names = {name for option in OPTIONS for name in (*option.opts, *option.secondary_opts)}
    assert names == {*ordinary._FLAGS, *ordinary._VALUES}


def test_an_ordinary_command_line_needs_no_click() -> None:
    words = [
        "-q",
        "-d",
        HERE,
        "--keep-going=3",
        "--include",
        "a",
        "--include=b",
        "--no-background",
        __file__,
        "-runs=1",
    ]
    assert ordinary.read(words) == {
        "quiet": True,
        "directory": HERE,
        "keep_going": 3,
        "include": ("a", "b"),
        "background": False,
        "harness": __file__,
        "arguments": ("-runs=1",),
    }
    assert ordinary.read([__file__]) == {"harness": __file__, "arguments": ()}
