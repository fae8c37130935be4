"""Leads Python programs that the traced one starts to the process that collects.

The C environment, which programs inherit that are started, has two variables more than os.environ shows: PYTHONPATH
begins with a folder whose sitecustomize module (startup/) finds in the other one where to connect, and starts the
program anew as pykcov starts one. A copy of os.environ that a program is given, perhaps changed, gets them too, by
stand-ins for the functions that take it.
"""

import os
import posix
import sys
from _imp import extension_suffixes
from _thread import get_ident
from collections.abc import Callable, Mapping
from typing import Any

from pykcov import _core
from pykcov.inherited import is_inherited
from pykcov.program.options import split

VARIABLE = "PYKCOV_RUN"
STARTUP = os.path.join(os.path.dirname(os.path.abspath(__file__)), "startup")
_PATH = b"PYTHONPATH"
# Flags with which Python does not look at PYTHONPATH, or not for sitecustomize.
_DEAF = frozenset("IES")
_SETUID = 0o4000

Tell = Callable[[str, str], object]
"""Takes the command line of a process that will not be traced, and why."""


def lead(address: str, tell: Tell) -> None:
    """Have programs that are started from now on find the way."""
    if not address:
        return
    import _posixsubprocess  # not before: a program that is traced alone finds it not imported

    way = _Way(f"{extension_suffixes()[0]}:{address}", tell)
    posix.putenv(VARIABLE, way.value)
    posix.putenv(_PATH, way.path(posix.environ.get(_PATH, b"")))
    _replace(_posixsubprocess, "fork_exec", (5, way.with_variables), (0, way.note_words))
    for name in ("execve", "posix_spawn", "posix_spawnp"):
        _replace(posix, name, (2, way.with_mapping), (1, way.note_words))
    _replace(posix, "putenv", (1, way.with_folder), (0, way.note_name))
    _replace(posix, "unsetenv", (0, way.not_unset))


def _replace(module: Any, name: str, *arguments: tuple[int, Callable[[Any], object]]) -> None:
    original = stand_in = getattr(module, name)
    for index, hook in arguments:
        stand_in = _core.carrier("argument", stand_in, index, None, hook)
    for namespace in (vars(module), vars(os)):
        if namespace.get(name) is original:
            namespace[name] = stand_in


class _Way:
    """What programs find that are started, as far as they are to."""

    def __init__(self, value: str, tell: Tell) -> None:
        self.value = value
        self._tell = tell
        # What the outer stand-in of a call has seen, by thread, for the inner one.
        self._words: dict[int, list[str]] = {}
        self._names: dict[int, object] = {}

    def path(self, path: bytes) -> bytes:
        """Return what PYTHONPATH is to be."""
        return os.fsencode(STARTUP) + (b":" + path if path else b"")

    def note_words(self, words: Any) -> Any:
        """See the command line of a program that will be started."""
        if type(words) in (list, tuple) and words and all(type(word) in (str, bytes) for word in words):
            self._words[get_ident()] = texts = [os.fsdecode(word) for word in words]
            if _is_python(texts[0]):
                flags = {letter for option in split(texts)[0] if option[:2] != "--" for letter in option[1:2]}
                if deaf := sorted(flags & _DEAF):
                    self._tell(" ".join(texts), f"-{deaf[0]} has it look for nothing that comes from its parent")
            elif _starts_python(texts) and _is_setuid(texts[0]):
                # Forgotten if it comes to be traced (buffers.py).
                self._tell(" ".join(texts), f"{texts[0]} is setuid, and has given it an environment of its own")
        return words

    def with_variables(self, env: Any) -> Any:
        """Return the environment of a program as fork_exec() takes it; None is what it inherits."""
        words = self._words.pop(get_ident(), [])
        if type(env) is not list:
            return env
        names = {each.partition(b"=")[0] for each in env if type(each) is bytes}
        if not self._is_wanted(names, words):
            return env
        path = next((each.partition(b"=")[2] for each in env if each.startswith(_PATH + b"=")), b"")
        others = [each for each in env if each.partition(b"=")[0] != _PATH]
        return [*others, _PATH + b"=" + self.path(path), f"{VARIABLE}={self.value}".encode()]

    def with_mapping(self, env: Any) -> Any:
        """Return the environment of a program as execve() takes it."""
        words = self._words.pop(get_ident(), [])
        # Nothing of a class that the program may have written.
        if type(env) not in (dict, type(os.environ)) or (type(env) is dict and not _are_texts(env)):
            return env
        variables = {os.fsencode(name): os.fsencode(value) for name, value in env.items()}
        if not self._is_wanted(set(variables), words):
            return env
        return {**variables, _PATH: self.path(variables.get(_PATH, b"")), VARIABLE.encode(): self.value.encode()}

    def _is_wanted(self, names: set[bytes], words: list[str]) -> bool:
        """Whether an environment was made from the program's own: what is none of it stays as it is."""
        if VARIABLE.encode() in names:
            return False
        wanted = is_inherited(names)
        if not wanted and words and _is_python(words[0]):
            self._tell(" ".join(words), "it was given an environment of its own")
        return wanted

    def note_name(self, name: Any) -> Any:
        """See the name of a variable that will be set."""
        self._names[get_ident()] = name
        return name

    def with_folder(self, value: Any) -> Any:
        """Return what that is set to."""
        name = self._names.pop(get_ident(), None)
        if name in ("PYTHONPATH", _PATH) and type(value) in (str, bytes):
            return self.path(os.fsencode(value))
        return value

    def not_unset(self, name: Any) -> Any:
        """Return which variable to unset."""
        if type(name) in (str, bytes) and os.fsencode(name) == _PATH:
            posix.putenv("PYTHONPATH", "")
            return VARIABLE + "_NONE"
        return name


def _are_texts(env: Mapping[Any, Any]) -> bool:
    return all(type(each) in (str, bytes) for pair in env.items() for each in pair)


def _is_python(word: str) -> bool:
    return word == sys.executable or os.path.basename(word).startswith("python")


def _starts_python(words: list[str]) -> bool:
    """Whether Python is among the arguments of a program, or in one of them that is a line for a shell."""
    return any(_is_python(part) for word in words[1:] for part in word.split())


def _is_setuid(program: str) -> bool:
    """Whether a program becomes another user when it starts: sudo, su."""
    folders = [""] if "/" in program else os.environ.get("PATH", os.defpath).split(os.pathsep)
    for folder in folders:
        try:
            return os.stat(os.path.join(folder, program)).st_mode & _SETUID != 0
        except (OSError, ValueError):
            pass
    return False
