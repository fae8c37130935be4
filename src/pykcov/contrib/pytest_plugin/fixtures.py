"""Fixtures of wider scope than a test: what they run belongs to no single test, and is a context of its own."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from pykcov.contrib.pytest_plugin.recorder import Context, Recorder
from pykcov.remote import lending


class Fixtures:
    """The contexts of fixtures that are set up, and which tests have used them."""

    def __init__(self, recorder: Recorder) -> None:
        """Begin without any."""
        self.users: dict[str, dict[str, None]] = {}
        """Names of contexts, and node ids of the tests that have used the fixture; in order."""
        self._recorder = recorder
        self._names: dict[pytest.FixtureDef[Any], str] = {}
        self._at_work: dict[str, Context] = {}
        """Contexts of fixtures that have threads or processes at work, which go on recording."""

    @contextmanager
    def setting_up(self, fixture: pytest.FixtureDef[Any], request: pytest.FixtureRequest) -> Iterator[None]:
        """Around what sets a fixture up: what it runs, and what its end will run, is the fixture's."""
        name = self._names[fixture] = _context(fixture, request)
        # Of its finalizers the last one is called first.
        fixture.addfinalizer(lambda: self._leave(name))
        self._enter(name)
        try:
            yield
        finally:
            self._leave(name, is_set_up=True)
            fixture.addfinalizer(lambda: self._enter(name))

    def note_users(self, item: pytest.Item) -> None:
        """Note which fixtures a test has used so far."""
        used = getattr(getattr(item, "_request", None), "_fixture_defs", None)
        if not used or not self._names:
            return
        for fixture in used.values():
            name = self._names.get(fixture)
            if name is not None:
                self.users.setdefault(name, {})[item.nodeid] = None

    def _enter(self, name: str) -> None:
        context = self._at_work.pop(name, None)
        if context is None:
            self._recorder.begin(name)
        else:
            self._recorder.resume(context)

    def _leave(self, name: str, *, is_set_up: bool = False) -> None:
        context = self._recorder.innermost
        if context.name != name:
            return
        # A process that it has started, as a server, is taken to end with it.
        if context.group.pending or (is_set_up and lending.is_elsewhere(context.group)):
            self._at_work[name] = context
            self._recorder.suspend(context)
        else:
            self._recorder.end(context)

    def close(self) -> None:
        """End the contexts that have threads at work still."""
        for context in self._at_work.values():
            self._recorder.resume(context)
            self._recorder.end(context)
        self._at_work.clear()


def _context(fixture: pytest.FixtureDef[Any], request: pytest.FixtureRequest) -> str:
    """Return 'tests/test_a.py::name[parameter]|module'."""
    parameter = ""
    callspec = getattr(getattr(request, "_pyfuncitem", None), "callspec", None)
    if fixture.params is not None and callspec is not None and fixture.argname in callspec.params:
        parameter = f"[{getattr(request, 'param_index', 0)}]"
    return f"{fixture.baseid}::{fixture.argname}{parameter}|{fixture.scope}"
