"""Python's own options in the command line that started this process: they are meant for the program."""

import sys
from collections.abc import Sequence


def interpreter_options(orig_argv: Sequence[str]) -> list[str]:
    """Return Python's own options in a command line: those before the script, -m or -c."""
    return split(orig_argv)[0]


def split(orig_argv: Sequence[str]) -> tuple[list[str], list[str]]:
    """Return Python's own options in a command line, and the program with its arguments, -m or -c before it."""
    options: list[str] = []
    words = iter(orig_argv[1:])
    for word in words:
        if word.startswith("--"):
            options += [word, next(words, "")] if word == "--check-hash-based-pycs" else [word]
            continue
        if len(word) < 2 or word[0] != "-":
            return options, [word, *words]
        letters = word[1:]
        valued = _valued(letters)
        if valued is None:
            options.append(word)
        elif letters[valued] in "mc":
            if valued:
                options.append("-" + letters[:valued])
            return options, ["-" + letters[valued], *filter(None, [letters[valued + 1 :]]), *words]
        else:
            options += [word] if letters[valued + 1 :] else [word, next(words, "")]
    return options, []


def without(flags: str, options: Sequence[str]) -> list[str]:
    """Return interpreter_options() without some flags that have no value, such as 'x'."""
    kept: list[str] = []
    words = iter(options)
    for word in words:
        if word.startswith("--"):
            kept += [word, next(words, "")] if word == "--check-hash-based-pycs" else [word]
            continue
        letters = word[1:]
        valued = _valued(letters)
        flags_end = len(letters) if valued is None else valued
        rest = "".join(letter for letter in letters[:flags_end] if letter not in flags) + letters[flags_end:]
        if rest:
            kept.append("-" + rest)
        if valued == len(letters) - 1:
            kept.append(next(words, ""))
    return kept


def skips_first_line() -> bool:
    """Return whether Python was started with -x: of the program that is meant, the first line is not to be read."""
    options = interpreter_options(sys.orig_argv)
    return without("x", options) != options


def _valued(letters: str) -> int | None:
    """Return where the letter stands that takes the rest of the word, or the next word, as its value."""
    return next((place for place, letter in enumerate(letters) if letter in "mcWX"), None)
