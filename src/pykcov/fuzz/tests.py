"""Tests as targets: those of Hypothesis as they are, and those with @pykcov.fuzz_test. Pytest brings their fixtures."""

import sys
from typing import Any, NoReturn

from pykcov.fuzz import harness, instrumentation
from pykcov.fuzz.harness import HarnessError
from pykcov.fuzz.regression import MARK
from pykcov.fuzz.settings import Settings
from pykcov.fuzz.stacks import write_error
from pykcov.instrument.selection import Selection


def run(path: str, test: str, settings: Settings) -> NoReturn:
    """Have pytest collect the test and set up its fixtures, and fuzz it in the place of its first call."""
    instrumentation.choose(Selection(settings.include, settings.exclude, settings.source, settings.stdlib))
    try:
        # Not before: it takes time, and may not be installed.
        import pytest
    except ImportError:
        raise HarnessError("tests are fuzzed by way of pytest, which is not installed") from None
    plugin = _Plugin(settings)
    # Whoever names a test wants it, whatever the project's configuration leaves out by marks and words.
    chosen = [f"{path}::{test}", "-m", "", "-k", ""]
    code = pytest.main(
        [*chosen, "--capture=no", "-q", "-p", "no:cacheprovider", "-p", "no:faulthandler", "-x"], [plugin]
    )
    if plugin.code is not None:
        sys.exit(plugin.code)
    raise HarnessError(plugin.problem or f"pytest could not run this test (its exit code is {int(code)})")


class _Plugin:
    """Stands in for pytest's call of a test."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self.problem = ""
        self.code: str | int | None = None
        """Who runs the target has asked to end the process with it."""

    def pytest_pyfunc_call(self, pyfuncitem: Any) -> bool:
        try:
            _declare(pyfuncitem, self._settings)
        except HarnessError as error:
            self.problem = str(error)
            pyfuncitem.session.shouldstop = str(error)
            return True
        try:
            harness.fuzz()
        except SystemExit as error:
            # Which pytest takes for a failure of the test. What it says of it is of no use, either.
            self.code = error.code or 0
            pyfuncitem.config.pluginmanager.unregister(name="terminalreporter")
            return True


def _declare(item: Any, settings: Settings) -> None:
    arguments = [settings.harness, *settings.arguments]
    if getattr(item.obj, "hypothesis", None) is not None:
        _declare_property(item, settings, arguments)
        return
    parameter = getattr(item.obj, MARK, None)
    if parameter is None:
        raise HarnessError("it is no test of Hypothesis, and has no @pykcov.fuzz_test")
    others = {name: item.funcargs[name] for name in item._fixtureinfo.argnames if name != parameter}
    harness.setup(arguments, lambda data: item.obj(**{parameter: data}, **others))


def _declare_property(item: Any, settings: Settings, arguments: list[str]) -> None:
    # Those that are used without being asked for do not matter: plugins of pytest have such.
    if item._fixtureinfo.argnames:
        raise HarnessError("a Hypothesis test with fixtures has no hook for bytes; use @pykcov.fuzz_test")
    handle = item.obj.hypothesis if item.instance is None else _of_instance(item.obj, item.instance)
    try:
        # Not before: few targets are such tests.
        from pykcov.contrib.hypothesis import choices
        from pykcov.contrib.hypothesis.words import words
    except ImportError as error:
        write_error(f"pykcov: bytes are fuzzed, from which this Hypothesis draws, and not what it draws: {error}\n")
        harness.setup(arguments, handle.fuzz_one_input)
        return
    selection = Selection(settings.include, settings.exclude, settings.source, settings.stdlib)
    target = choices.Choices(item.obj, handle, words(selection))
    if not any(each.startswith("-max_len=") for each in arguments):
        arguments.append(f"-max_len={choices.MOST_BYTES}")
    harness.setup(arguments, target, mutator=target.mutate, watch=target.watch)


def _of_instance(test: Any, instance: Any) -> Any:
    """Return the handle of a test that is a method: Hypothesis's own hook has no instance to call it with."""
    # Not before: few tests are such methods.
    import inspect

    # Which the test has imported.
    from hypothesis import given, settings

    inner = test.hypothesis.inner_test

    def method(*values: Any, **arguments: Any) -> None:
        inner(instance, *values, **arguments)

    signature = inspect.signature(inner)
    parameters = list(signature.parameters.values())[1:]
    method.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]
    method.__name__, method.__qualname__, method.__module__ = inner.__name__, inner.__qualname__, inner.__module__
    wrapped: Any = given(**test.hypothesis._given_kwargs)(method)
    own = getattr(test, "_hypothesis_internal_use_settings", None)
    return (settings(own)(wrapped) if own is not None else wrapped).hypothesis
