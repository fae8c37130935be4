"""The interface of Atheris, on pykcov: `import pykcov.atheris as atheris`.

A harness that `pykcov fuzz` runs gets this module for its `import atheris`, and needs no change. Values that
FuzzedDataProvider makes are bit for bit those of Atheris, so corpora keep their meaning.
"""

import os
import sys
from collections.abc import Callable, Sequence
from typing import Any, Final, NoReturn

from pykcov.counted import counted
from pykcov.fuzz import _engine, harness, instrumentation
from pykcov.fuzz._provider import FuzzedDataProvider
from pykcov.fuzz.hooks import enabled_hooks, gen_match
from pykcov.fuzz.instrumentation import InstrumentImports, instrument_func

__all__ = [
    "ALL_REMAINING",
    "Fuzz",
    "FuzzedDataProvider",
    "Mutate",
    "Setup",
    "build_mode",
    "enabled_hooks",
    "gen_match",
    "instrument_all",
    "instrument_func",
    "instrument_imports",
    "path",
]

ALL_REMAINING: Final = 2**64 - 1
"""As a count: all that is left."""


def instrument_imports(
    include: Sequence[str] | None = None, exclude: Sequence[str] | None = None, enable_loader_override: bool = True
) -> InstrumentImports:
    """Return a context manager: what is imported in it gets probes, as does what the same packages import later.

    include: names of packages, each with all that is in it; of those imported already the functions get probes, too.
    exclude: names of modules that get none. enable_loader_override is not needed here, and not looked at.
    """
    return instrumentation.instrument_imports(include or (), exclude or ())


def instrument_all() -> None:
    """Put probes into every function that exists, and into all that is imported later."""
    number = instrumentation.instrument_all()
    print(f"pykcov: {counted(number, 'function has', 'functions have')} probes", file=sys.stderr)


def Setup(
    args: Sequence[str],
    test_one_input: Callable[[bytes], object],
    *,
    internal_libfuzzer: bool | None = None,
    custom_mutator: Callable[[bytes, int, int], bytes] | None = None,
    custom_crossover: Callable[[bytes, bytes, int, int], bytes] | None = None,
    **kwargs: Any,
) -> list[str]:
    """Say what is to be fuzzed, with which command line; return the arguments that are not libFuzzer's.

    internal_libfuzzer, and what other keywords some version of Atheris knows, is not looked at.
    """
    return harness.setup(args, test_one_input, mutator=custom_mutator, crossover=custom_crossover)


def Fuzz() -> NoReturn:
    """Fuzz. Ends the process."""
    # Not before: reproduce.py, which runs one input, needs no libFuzzer.
    from pykcov.fuzz import campaign

    harness.fuzz(otherwise=campaign.run)


def Mutate(data: bytes, max_size: int) -> bytes:
    """Return `data` as libFuzzer would change it, of at most `max_size` bytes.

    For mutators: it works while Fuzz() runs, in the same thread.
    """
    return _engine.mutate(data, max_size)


def path() -> str:
    """Return the folder that this package is installed in."""
    return os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def build_mode() -> str:
    """Return 'pykcov': which of Atheris's builds this is."""
    return "pykcov"
