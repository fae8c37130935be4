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
        self._fuzz(pyfuncitem, pyfuncitem.obj)
        return True

    def pytest_runtest_call(self, item: Any) -> None:
        # Not before: see run().
        from _pytest.unittest import TestCaseFunction

        if isinstance(item, TestCaseFunction):
            # It is unittest that calls it, behind setUp().
            test = item.obj
            item.obj = lambda: self._fuzz(item, test)

    def _fuzz(self, item: Any, test: Any) -> None:
        try:
            if harness.declared() is None:
                _declare(item, test, self._settings)
            harness.fuzz()
        except HarnessError as error:
            self.problem = str(error)
        except SystemExit as error:
            # Which pytest takes for a failure of the test.
            self.code = error.code or 0
        # What it says of a test that is none is of no use.
        item.config.pluginmanager.unregister(name="terminalreporter")
        item.session.shouldstop = "the test was fuzzed"


def _declare(item: Any, test: Any, settings: Settings) -> None:
    arguments = [settings.harness, *settings.arguments]
    # Those that are used without being asked for do not matter: plugins of pytest have such.
    fixtures = {name: item.funcargs[name] for name in item._fixtureinfo.argnames if name in item.funcargs}
    if getattr(test, "hypothesis", None) is not None:
        _declare_property(test, _handle(test, item.instance, fixtures), settings, arguments)
        return
    parameter = getattr(test, MARK, None)
    if parameter is None:
        raise HarnessError("it is no test of Hypothesis, and has no @pykcov.fuzz_test")
    fixtures.pop(parameter, None)
    skipped = _skipped()

    def target(data: bytes) -> object:
        try:
            return test(**{parameter: data}, **fixtures)
        except skipped:
            return None

    harness.setup(arguments, target)


def _skipped() -> type[BaseException]:
    # Not before: see run().
    import pytest

    return pytest.skip.Exception


def _declare_property(test: Any, handle: Any, settings: Settings, arguments: list[str]) -> None:
    try:
        # Not before: few targets are such tests.
        from pykcov.contrib.hypothesis import choices
        from pykcov.contrib.hypothesis.words import words
    except ImportError as error:
        write_error(f"pykcov: bytes are fuzzed, from which this Hypothesis draws, and not what it draws: {error}\n")
        harness.setup(arguments, handle.fuzz_one_input)
        return
    selection = Selection(settings.include, settings.exclude, settings.source, settings.stdlib)
    target = choices.Choices(test, handle, words(selection))
    if not any(each.startswith("-max_len=") for each in arguments):
        arguments.append(f"-max_len={choices.MOST_BYTES}")
    harness.setup(arguments, target, mutator=target.mutate, watch=target.watch)


def _handle(test: Any, instance: Any, fixtures: dict[str, Any]) -> Any:
    """Return the handle of a Hypothesis test. Its own hook has no instance to call a method with, and no fixtures."""
    if instance is None and not fixtures:
        return test.hypothesis
    # Not before: few tests are such.
    import inspect

    # Which the test has imported.
    from hypothesis import given, settings

    inner = test.hypothesis.inner_test
    before = [] if instance is None else [instance]

    signature = inspect.signature(inner)
    parameters = list(signature.parameters.values())[len(before) :]
    drawn = [parameter for parameter in parameters if parameter.name not in fixtures]

    def bound(*values: Any, **others: Any) -> None:
        by_name = {parameter.name: value for parameter, value in zip(drawn, values, strict=False)}
        inner(*before, **by_name, **others, **fixtures)

    bound.__signature__ = signature.replace(parameters=drawn)  # type: ignore[attr-defined]
    bound.__name__, bound.__qualname__, bound.__module__ = inner.__name__, inner.__qualname__, inner.__module__
    wrapped: Any = given(**test.hypothesis._given_kwargs)(bound)
    own = getattr(test, "_hypothesis_internal_use_settings", None)
    return (settings(own)(wrapped) if own is not None else wrapped).hypothesis
