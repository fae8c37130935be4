"""Finds libFuzzer: the copy in the wheel of Atheris, whose package is not imported for that."""

import os
from importlib.machinery import EXTENSION_SUFFIXES, PathFinder

from pykcov.fuzz import _engine

INSTALL = "python -m pip install 'pykcov[fuzz]'"


class LibFuzzerMissingError(Exception):
    """There is no libFuzzer, or none that can be driven: says how to get one."""


def find() -> str:
    """Return the shared object that holds libFuzzer. Raises LibFuzzerMissingError."""
    # Not importlib.util.find_spec(): what goes by the name of atheris in sys.modules may be ours.
    specification = PathFinder.find_spec("atheris")
    if specification is None or not specification.submodule_search_locations:
        raise LibFuzzerMissingError(f"libFuzzer is not installed: the package atheris brings it; {INSTALL}")
    folders = list(specification.submodule_search_locations)
    for folder in folders:
        for suffix in EXTENSION_SUFFIXES:
            path = os.path.join(folder, f"core_with_libfuzzer{suffix}")
            if os.path.isfile(path):
                return path
    raise LibFuzzerMissingError(
        f"the package atheris in {folders[0]} has no libFuzzer for this Python (core_with_libfuzzer"
        f"{EXTENSION_SUFFIXES[0]} is not there); {INSTALL}"
    )


def load() -> None:
    """Open libFuzzer in this process. Raises LibFuzzerMissingError."""
    path = find()
    try:
        _engine.load(path)
    except OSError as error:
        raise LibFuzzerMissingError(f"libFuzzer in {path} cannot be driven: {error}; {INSTALL}") from error
