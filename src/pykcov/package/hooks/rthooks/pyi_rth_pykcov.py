"""PyInstaller has this run before the harness."""

import sys

import pykcov.instrument.imports  # noqa: F401

# As in pykcov/fuzz/__main__.py: what puts in probes needs these.
modules_that_stay = frozenset(sys.modules)

from pykcov.package import start  # noqa: E402

start.begin(modules_that_stay)
