"""`pytest --pykcov-interleavings`: which accesses of two threads followed each other in a test, and which were new."""

from collections.abc import Generator
from typing import Any, NamedTuple

import pytest

from pykcov.counted import counted
from pykcov.instrument.versions import UnsupportedPythonError
from pykcov.interleavings import Pair, Seen, SeenError
from pykcov.tracer import FollowedTrace, Tracer

FILE = ".pykcov-interleavings"
_ROWS = 20
_NAMED = 30


def begin(config: pytest.Config) -> None:
    """Trace the tests of this session. Raises UsageError."""
    config.pluginmanager.register(Plugin(config), "pykcov.interleavings")


class _Row(NamedTuple):
    """What is said of a test."""

    test: str
    pairs: int
    new: int


class Plugin:
    """The hooks, in the only process, in a worker of pytest-xdist, or in its controller."""

    def __init__(self, config: pytest.Config) -> None:
        """Read what was seen before, and put probes in."""
        options = config.known_args_namespace
        if options.pykcov:
            raise pytest.UsageError("--pykcov-interleavings and --pykcov record in different ways: run them in turn")
        self._path = config.invocation_params.dir / (options.pykcov_interleavings_file or FILE)
        self._rows: list[_Row] = []
        try:
            self._seen = Seen(self._path)
            self._known = len(self._seen)
            self._tracer = Tracer("accesses", source=options.pykcov_source)
            self._tracer.start()
        except (SeenError, OSError, UnsupportedPythonError) as error:
            raise pytest.UsageError(f"--pykcov-interleavings: {error}") from error

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_call(self, item: pytest.Item) -> Generator[None, object, object]:
        """Trace a test, with all threads that it starts."""
        trace = self._tracer.trace()
        failed = True
        try:
            with trace:
                result = yield
            failed = False
            return result
        except pytest.skip.Exception:
            failed = False
            raise
        finally:
            self._note(item, trace, failed)

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Write what was seen, and hand over to the controller."""
        self._tracer.stop()
        self._seen.save()
        if hasattr(session.config, "workeroutput"):
            session.config.workeroutput["pykcov_interleavings"] = list(map(tuple, self._rows))

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any) -> None:
        """Take what a worker of pytest-xdist has to say."""
        output = getattr(node, "workeroutput", None) or {}
        self._rows += [_Row(*row) for row in output.get("pykcov_interleavings", ())]

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Say which tests explored how much, and what was new."""
        write = terminalreporter.write_line
        terminalreporter.section("interleavings (pykcov)")
        rows = sorted((row for row in self._rows if row.pairs), key=lambda row: (-row.new, -row.pairs))
        if not rows:
            write("in no test two threads accessed the same thing")
            return
        for row in rows[:_ROWS]:
            write(f"{counted(row.pairs, 'pair'):>12}, {row.new} new  {row.test}")
        if len(rows) > _ROWS:
            write(f"and {counted(len(rows) - _ROWS, 'test')} more")
        now = len(Seen(self._path))
        write(f"{counted(now, 'pair')} known, {now - self._known} of them new: {self._path}")

    def _note(self, item: pytest.Item, trace: FollowedTrace, failed: bool) -> None:
        pairs = trace.interleavings()
        new = self._seen.add(pairs, failed=failed)
        self._rows.append(_Row(item.nodeid, len(pairs), len(new)))
        if failed and pairs:
            item.add_report_section("call", "interleavings (pykcov)", self._explained(pairs))

    def _explained(self, pairs: list[Pair]) -> str:
        """Return what to look at in a test that failed."""
        suspects = [pair for pair in pairs if not self._seen.has_passed(pair)]
        if not suspects:
            return "each pair of accesses was in a run that passed, too"
        lines = [f"{counted(len(suspects), 'pair')} of accesses that no run which passed has had:"]
        lines += [f"  {pair.before}\n    then in another thread {pair.after}" for pair in suspects[:_NAMED]]
        if len(suspects) > _NAMED:
            lines.append(f"  and {len(suspects) - _NAMED} more")
        return "\n".join(lines)
