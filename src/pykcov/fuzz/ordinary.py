"""Reads ordinary command lines of `pykcov fuzz`, so that the process that watches need not import click.

That would take longer than all else that it does before the harness runs. What is not understood here, is wrong, or
asks for help is left to click (cli/fuzz.py), which declares the options.
"""

import os
from collections.abc import Callable, Sequence
from typing import Any

_FLAGS: dict[str, tuple[str, bool]] = {
    "-q": ("quiet", True),
    "--quiet": ("quiet", True),
    "--stdlib": ("stdlib", True),
    "--background": ("background", True),
    "--no-background": ("background", False),
}


def _number(value: str) -> int:
    if not (value.isascii() and value.isdecimal()):
        raise ValueError(value)
    return int(value)


def _positive(value: str) -> int:
    if not _number(value):
        raise ValueError(value)
    return int(value)


def _folder(value: str) -> str:
    if not (os.path.isdir(value) and os.access(value, os.R_OK)):
        raise ValueError(value)
    return value


def _folder_to_be(value: str) -> str:
    return _folder(value) if os.path.lexists(value) else value


_VALUES: dict[str, tuple[str, Callable[[str], Any]]] = {
    "-d": ("directory", _folder_to_be),
    "--directory": ("directory", _folder_to_be),
    "--keep-going": ("keep_going", _positive),
    "--minimize": ("minimize", _number),
    "--part-of": ("part_of", str),
    "--include": ("include", str),
    "--exclude": ("exclude", str),
    "--source": ("source", _folder),
}

_REPEATED = {"include", "exclude", "source"}


def read(words: Sequence[str]) -> dict[str, Any] | None:
    """Return the parameters that the words behind `pykcov fuzz` give, by name; None: click is to read them."""
    found: dict[str, Any] = {}
    rest = iter(words)
    for word in rest:
        name, equals, value = word.partition("=")
        if word in _FLAGS:
            field, found[field] = _FLAGS[word]
        elif name in _VALUES and not (equals and word[:2] != "--"):
            field, take = _VALUES[name]
            value = value if equals else next(rest, "")
            if not value or value.startswith("-"):
                return None
            try:
                taken = take(value)
            except ValueError:
                return None
            found[field] = (*found.get(field, ()), taken) if field in _REPEATED else taken
        elif word.startswith("-") or not os.path.isfile(word.partition("::")[0]):
            return None
        else:
            return found | {"harness": word, "arguments": tuple(rest)}
    return None
