"""The kinds of things that can be fuzzed: a harness script, a function, a test."""

import os
import sys
from importlib import import_module
from typing import NoReturn

from pykcov.fuzz import harness, instrumentation
from pykcov.fuzz.harness import HarnessError
from pykcov.fuzz.settings import Settings
from pykcov.instrument.selection import Selection
from pykcov.program import main_module


def run(settings: Settings) -> NoReturn:
    """Run the harness, and fuzz what it declares. Raises HarnessError, and what it raises while it is imported."""
    path, separator, test = settings.harness.partition("::")
    if separator:
        # Not before: few targets are tests.
        from pykcov.fuzz import tests

        tests.run(path, test, settings)
    if ":" in settings.harness and not os.path.exists(settings.harness):
        _run_function(settings)
    _run_script(settings)


def _run_script(settings: Settings) -> NoReturn:
    if settings.include or settings.source or settings.stdlib:
        instrumentation.choose(_selection(settings))
    main = sys.modules["__main__"]
    sys.argv[:] = [settings.harness, *settings.arguments]
    try:
        main_module.run_script(settings.harness, settings.arguments, lambda: None, settings.skip_first_line)
    except main_module.NotCompiledError:
        with open(settings.harness, "rb") as file:
            compile(file.read(), settings.harness, "exec")
        raise HarnessError("is no Python that this Python understands") from None
    run_one = vars(main).get("FuzzerRunOne")
    if run_one is None:
        called = "called Setup(), but not Fuzz()" if harness.declared() else "called neither Setup() nor Fuzz()"
        raise HarnessError(f"it {called}, and has no function FuzzerRunOne(data)")
    if not instrumentation.probes():
        instrumentation.choose(_selection(settings))
    _fuzz(run_one, settings)


def _run_function(settings: Settings) -> NoReturn:
    module, _, path = settings.harness.partition(":")
    if not (settings.include or settings.source or settings.stdlib):
        settings = settings._replace(include=[module.partition(".")[0]])
    sys.path.insert(0, os.getcwd())
    instrumentation.choose(_selection(settings))
    try:
        found = import_module(module)
    except ModuleNotFoundError as error:
        if error.name and module.startswith(error.name):
            raise HarnessError(f"there is no module {error.name}, nor a file of this name") from None
        raise
    for name in path.split("."):
        if not hasattr(found, name):
            raise HarnessError(f"{found.__name__} has no function {name}")
        found = getattr(found, name)
    _fuzz(found, settings)


def _fuzz(function: object, settings: Settings) -> NoReturn:
    if not callable(function):
        raise HarnessError(f"{function!r} is no function of bytes")
    if harness.declared() is None:
        harness.setup([settings.harness, *settings.arguments], function)
    harness.fuzz()


def _selection(settings: Settings) -> Selection:
    return Selection(settings.include, settings.exclude, settings.source, settings.stdlib)
