"""The plugin of a pytest process that traces: the only one, a worker of pytest-xdist, or its controller."""

import atexit
from collections.abc import Generator, Iterable, Mapping
from typing import TYPE_CHECKING, Any

import pytest

from pykcov.contrib.pytest_plugin.children import Children
from pykcov.contrib.pytest_plugin.fixtures import Fixtures
from pykcov.contrib.pytest_plugin.recorder import Context, Recorder
from pykcov.contrib.pytest_plugin.tracing import Tracing
from pykcov.contrib.pytest_plugin.wholerun import WholeRun
from pykcov.coverage import configuration
from pykcov.coverage.contexts import OUTSIDE, Ran
from pykcov.instrument.sites import Granularity
from pykcov.remote import interrupts
from pykcov.traces.arcs import tells_arcs

if TYPE_CHECKING:
    from pykcov.contrib.pytest_plugin.outcome import Outcome

_NAME = "pykcov.tracing"


def begin(config: pytest.Config) -> None:
    """Trace from now on, until the end of the session. Raises UsageError for a source that there cannot be."""
    config.pluginmanager.register(Plugin(config), _NAME)


class Plugin:
    """The hooks."""

    def __init__(self, config: pytest.Config) -> None:
        """Begin to trace."""
        options = config.known_args_namespace
        self._options = options
        self._ran = Ran()
        try:
            self._configuration = configuration.read(_given(options))
        except configuration.ConfigurationError as error:
            raise pytest.UsageError(f"--pykcov: {error}") from error
        if options.pykcov_append:
            _check_appendable(self._configuration)
        tells_tests_apart = options.pykcov_context != "none"
        # What native code runs is recorded by devices alone.
        is_whole_run = not tells_tests_apart and not options.pykcov_native
        granularity = _granularity(self._configuration, options)
        self._tracing = Tracing(self._configuration, granularity, follows=not is_whole_run)
        self._recorder = WholeRun() if is_whole_run else Recorder(OUTSIDE, self._tracing.chosen)
        self._contexts = self._recorder if isinstance(self._recorder, Recorder) and tells_tests_apart else None
        self._fixtures = None if self._contexts is None else Fixtures(self._contexts)
        self._children = Children()
        self._tells_parts_apart = options.pykcov_context == "setup-call-teardown"
        self._test: Context | None = None
        self._outcome: Outcome | None = None
        self._config: pytest.Config | None = None
        # Before the program registers anything, so that this is called after all of that.
        atexit.register(self._add_exit)

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Note which tests there are."""
        self._ran.collected.update(dict.fromkeys(item.nodeid for item in session.items))

    def pytest_deselected(self, items: Iterable[pytest.Item]) -> None:
        """Note tests that there are, and that are not run."""
        self._ran.collected.update(dict.fromkeys(item.nodeid for item in items))

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Generator[None, object, object]:
        """Open a context for a test."""
        self._ran.tests[item.nodeid] = None
        if self._contexts is None:
            return (yield)
        name = f"{item.nodeid}|setup" if self._tells_parts_apart else item.nodeid
        self._test = self._contexts.begin(name)
        try:
            return (yield)
        finally:
            if not self._recorder.in_child:
                self._contexts.end(self._test)
                self._test = None
                for ran in self._children.read():
                    self._ran.merge(ran)

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_setup(self, item: pytest.Item) -> None:
        """Begin the first part of a test."""
        if self._recorder.in_child:
            self._recorder.forget()
        self._begin_part(item, "setup")

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_call(self, item: pytest.Item) -> None:
        """Begin the second part of a test."""
        self._begin_part(item, "run")

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_teardown(self, item: pytest.Item) -> Generator[None, object, object]:
        """Begin the last part of a test. Where a process was forked for it, that ends behind this."""
        if self._fixtures is not None:
            self._fixtures.note_users(item)
        self._begin_part(item, "teardown")
        try:
            return (yield)
        finally:
            if self._recorder.in_child:
                self._recorder.keep()
                self._children.write(self._resolve(Ran()))

    @pytest.hookimpl(wrapper=True)
    def pytest_fixture_setup(
        self, fixturedef: pytest.FixtureDef[Any], request: pytest.FixtureRequest
    ) -> Generator[None, object, object]:
        """Open a context for a fixture of wider scope."""
        if self._fixtures is None or fixturedef.scope == "function":
            return (yield)
        with self._fixtures.setting_up(fixturedef, request):
            return (yield)

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any) -> None:
        """Take what a worker of pytest-xdist ran."""
        output = getattr(node, "workeroutput", None) or {}
        if "pykcov" in output:
            self._ran.merge(Ran.loads(output["pykcov"]))
        else:
            self._ran.remarks[f"worker {node.gateway.id} ended without telling what its tests ran"] = None

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Write the data file, or hand over to the controller."""
        if self._recorder.in_child:  # a forked child that went on with what is its parent's
            return
        if self._fixtures is not None:
            self._fixtures.close()
        self._recorder.begin_exit()
        self._tracing.stop()
        self._resolve(self._ran)
        # coverage.py counts what ran, and what lies under the source.
        self._ran.forget_idle(self._tracing.imported_before())
        self._ran.unexecuted |= dict.fromkeys(self._tracing.unexecuted())
        config = session.config
        if hasattr(config, "workeroutput"):
            config.workeroutput["pykcov"] = self._ran.dumps()
            return
        # Not before: it imports sqlite3, and workers come to no conclusion.
        from pykcov.contrib.pytest_plugin.outcome import conclude

        self._config = config
        self._outcome = conclude(self._ran, config, self._tracing, self._configuration, session.testsfailed > 0)
        if self._outcome.failure and session.exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Say what was recorded, and what was not."""
        # Not before: see above.
        from pykcov.contrib.pytest_plugin.outcome import say

        if self._outcome is not None:
            say(terminalreporter, self._outcome)

    def pytest_unconfigure(self) -> None:
        """Stop, where a session has not come to its end."""
        if not self._recorder.in_child:
            self._recorder.close()
            self._tracing.stop()
            self._children.close()

    def _begin_part(self, item: pytest.Item, part: str) -> None:
        if not self._tells_parts_apart or self._contexts is None or self._test is None:
            return
        name = f"{item.nodeid}|{part}"
        if self._test.name != name:
            self._contexts.switch(self._test, name)

    def _resolve(self, ran: Ran) -> Ran:
        """Add what this process has kept to `ran`."""
        self._add(ran, self._recorder.pcs | {name: [pcs] for name, pcs in interrupts.recorded().items()})
        ran.add_losses(self._recorder.dropped, self._recorder.cut_off)
        ran.add_losses(interrupts.dropped(), {})
        ran.matched |= dict.fromkeys(self._tracing.matched())
        ran.remarks |= dict.fromkeys(
            f"{name} was not instrumented, or not wholly: {reason}" for name, reason in self._tracing.skipped()
        )
        return ran

    def _add_exit(self) -> None:
        """Add what the end of the interpreter has run, up to here, to the data file."""
        if self._config is None or self._recorder.in_child or (recorded := self._recorder.at_exit()) is None:
            return
        name, pcs = recorded
        self._add(self._ran, {name: [pcs]})
        if self._ran.contexts[name]:
            # Not before: see above.
            from pykcov.contrib.pytest_plugin.outcome import write_again

            write_again(self._ran, self._config, self._configuration)

    def _add(self, ran: Ran, pcs: Mapping[str, Iterable[bytes]]) -> None:
        files, native = self._tracing.files(), self._options.pykcov_native
        users = {} if self._fixtures is None else self._fixtures.users
        conditions = self._tracing.granularity == "condition"
        ran.add(pcs, native, files, users, self._configuration.branch, conditions)


def _given(options: Any) -> configuration.Given:
    source = [name for name in options.pykcov if name is not True] + options.pykcov_source
    return configuration.Given(
        config_file=options.pykcov_config,
        # One that is empty stands for no choice at all.
        source=([] if "" in source else source) if source else None,
        branch=True
        if options.pykcov_branch or options.pykcov_conditions or tells_arcs(options.pykcov_granularity or "")
        else None,
        data_file=options.pykcov_data,
    )


def _granularity(found: configuration.Configuration, options: Any) -> Granularity:
    if not found.branch:
        return "block" if options.pykcov_granularity == "block" else "line"
    if options.pykcov_conditions or options.pykcov_granularity == "condition":
        if options.pykcov_granularity in (None, "condition"):
            return "condition"
        raise pytest.UsageError(
            f"--pykcov-granularity={options.pykcov_granularity} does not tell conditions, which are "
            "asked for; leave it out"
        )
    if options.pykcov_granularity not in (None, "arc"):
        raise pytest.UsageError(
            f"--pykcov-granularity={options.pykcov_granularity} does not tell branches, which are "
            "asked for; leave it out"
        )
    return "arc"


def _check_appendable(found: configuration.Configuration) -> None:
    """Say now, not after a long run, that data files do not go together."""
    # Not before: it imports sqlite3.
    from pykcov.coverage.datafile import MixedDataError, check_appendable

    try:
        check_appendable(found.data_file, branch=found.branch)
    except MixedDataError as error:
        raise pytest.UsageError(f"--pykcov-append: {error}") from error
