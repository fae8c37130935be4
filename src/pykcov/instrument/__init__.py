"""Puts probes into Python code: that of functions and modules which exist, and of modules as they are imported."""

from pykcov.instrument.code import instrument_code, is_instrumented
from pykcov.instrument.functions import instrument, instrument_all, instrument_selected
from pykcov.instrument.imports import ImportHook, instrument_imports, skipped
from pykcov.instrument.rewrite import Granularity
from pykcov.instrument.selection import Selection
from pykcov.instrument.skips import Skipped
from pykcov.instrument.versions import UnsupportedPythonError

__all__ = [
    "Granularity",
    "ImportHook",
    "Selection",
    "Skipped",
    "UnsupportedPythonError",
    "instrument",
    "instrument_all",
    "instrument_code",
    "instrument_imports",
    "instrument_selected",
    "is_instrumented",
    "skipped",
]
