"""What the analysis of imports does not see: shared objects that are no modules, and which are opened by their path."""

import os
from importlib.machinery import EXTENSION_SUFFIXES

import pykcov.fuzz

_FOLDER = os.path.dirname(pykcov.fuzz.__file__)
_NAMES = ("_libfuzzer", "_mutator", "_crossover", "_memory", "_stacks")

_paths = (os.path.join(_FOLDER, name + suffix) for name in _NAMES for suffix in EXTENSION_SUFFIXES)
binaries = [(path, "pykcov/fuzz") for path in _paths if os.path.isfile(path)]
