"""Finds libFuzzer: our own copy, which was linked when pykcov was built (setup.py), else the one in Atheris's wheel."""

import os
from collections.abc import Iterable
from importlib.machinery import EXTENSION_SUFFIXES, PathFinder
from typing import NamedTuple

from pykcov.fuzz import _engine

BUILD = "apt-get install libclang-rt-19-dev g++ (or that of another LLVM, 16 at least) and build pykcov again"
"""How to have our own copy, on Debian and Ubuntu."""
INSTALL = f"{BUILD}, or take the copy that Atheris brings: python -m pip install 'pykcov[fuzz]'"


class LibFuzzerMissingError(Exception):
    """There is no libFuzzer, or none that can be driven: says how to get one."""


class LibFuzzer(NamedTuple):
    """A shared object that holds libFuzzer."""

    path: str
    own: bool
    """It is ours, and keeps to itself what it defines."""


def find() -> LibFuzzer:
    """Return the shared object that holds libFuzzer. Raises LibFuzzerMissingError."""
    own = _in_folders([os.path.dirname(__file__)], "_libfuzzer")
    if own is not None:
        return LibFuzzer(own, True)
    # Not importlib.util.find_spec(): what goes by the name of atheris in sys.modules may be ours.
    specification = PathFinder.find_spec("atheris")
    folders = list(specification.submodule_search_locations or ()) if specification is not None else []
    if not folders:
        raise LibFuzzerMissingError(f"pykcov was built without libFuzzer: {INSTALL}")
    path = _in_folders(folders, "core_with_libfuzzer")
    if path is None:
        raise LibFuzzerMissingError(
            f"pykcov was built without libFuzzer, and the package atheris in {folders[0]} has none for this Python "
            f"(core_with_libfuzzer{EXTENSION_SUFFIXES[0]} is not there): {INSTALL}"
        )
    return LibFuzzer(path, False)


def load() -> None:
    """Open libFuzzer in this process. Raises LibFuzzerMissingError."""
    path, own = find()
    try:
        _engine.load(path, own)
    except OSError as error:
        raise LibFuzzerMissingError(f"libFuzzer in {path} cannot be driven: {error}; {INSTALL}") from error


def description() -> str:
    """Return whose libFuzzer it is, and which version. Raises LibFuzzerMissingError."""
    import ctypes  # which takes time

    path, own = find()
    if not own:
        return f"Atheris's, {path}, as pykcov was built without its own; for that {BUILD}"
    version = ctypes.c_char.in_dll(ctypes.CDLL(path), "pykcov_libfuzzer_version")
    return f"pykcov's own: {ctypes.string_at(ctypes.addressof(version)).decode()}"


def _in_folders(folders: Iterable[str], name: str) -> str | None:
    paths = (os.path.join(folder, name + suffix) for folder in folders for suffix in EXTENSION_SUFFIXES)
    return next(filter(os.path.isfile, paths), None)
