"""Tests as targets: those of Hypothesis as they are, and those with @pykcov.fuzz_test. Pytest brings their fixtures."""

from collections.abc import Callable
from typing import Any, NoReturn

from pykcov.fuzz import harness, instrumentation
from pykcov.fuzz.harness import HarnessError
from pykcov.fuzz.regression import MARK
from pykcov.fuzz.settings import Settings
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
    raise HarnessError(plugin.problem or f"pytest could not run this test (its exit code is {int(code)})")


class _Plugin:
    """Stands in for pytest's call of a test."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self.problem = ""

    def pytest_pyfunc_call(self, pyfuncitem: Any) -> bool:
        try:
            target = _target(pyfuncitem)
        except HarnessError as error:
            self.problem = str(error)
            pyfuncitem.session.shouldstop = str(error)
            return True
        if harness.declared() is None:
            harness.setup([self._settings.harness, *self._settings.arguments], target)
        return harness.fuzz()


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


def _target(item: Any) -> Callable[[bytes], object]:
    hypothesis = getattr(item.obj, "hypothesis", None)
    if hypothesis is not None:
        # Those that are used without being asked for do not matter: plugins of pytest have such.
        if item._fixtureinfo.argnames:
            raise HarnessError("a Hypothesis test with fixtures has no hook for bytes; use @pykcov.fuzz_test")
        if item.instance is not None:
            hypothesis = _of_instance(item.obj, item.instance)
        fuzz_one_input: Callable[[bytes], object] = hypothesis.fuzz_one_input
        return fuzz_one_input
    parameter = getattr(item.obj, MARK, None)
    if parameter is None:
        raise HarnessError("it is no test of Hypothesis, and has no @pykcov.fuzz_test")
    arguments = {name: item.funcargs[name] for name in item._fixtureinfo.argnames if name != parameter}
    test = item.obj

    def target(data: bytes) -> object:
        return test(**{parameter: data}, **arguments)

    return target
