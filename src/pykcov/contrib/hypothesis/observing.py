"""The lines of Hypothesis's observability files, from probes instead of a trace function.

For the entry `coverage` Hypothesis traces each example with sys.settrace() or sys.monitoring. Here probes count, until
a test has failed: what explains a failure needs the order of lines, which is Hypothesis's own to trace.
"""

import re
import threading
from collections.abc import Callable
from functools import cache
from typing import Any, TypeAlias

from hypothesis.internal import observability
from hypothesis.internal.scrutineer import Tracer, tractable_coverage_report

from pykcov import _core
from pykcov._core import Counters
from pykcov.contrib.hypothesis.chosen import watch_lines
from pykcov.contrib.hypothesis.recording import Recording, is_traced
from pykcov.traces import locations

Lines: TypeAlias = dict[str, set[int]]
"""By file."""

_REACHED = re.compile(rb"[^\0]+")


class _Current(threading.local):
    """What a thread observes."""

    recording: Recording | None = None
    lines: Lines | None = None
    """Of the example that runs, or was the last; None if Hypothesis traces it."""
    is_guided = False
    """Whether the backend records it, so that its counters tell the lines."""


_current = _Current()
_places: list[tuple[str, tuple[int, ...]]] = []


def is_wanted() -> bool:
    """Return whether observations have coverage."""
    return observability.observability_enabled() and observability.OBSERVABILITY_COLLECT_COVERAGE


def take(counters: Counters) -> None:
    """Take the lines of the example that the backend has recorded."""
    if _current.lines is not None:
        _add(counters, _current.lines)


def install(core: Any, traces: Callable[[Any], bool]) -> None:
    """Have examples observed; traces: what `_should_trace` was."""
    core.StateForActualGivenExecution._should_trace = lambda state: _should_trace(state, traces)
    core.Tracer = _Observer
    make = core.make_testcase

    def make_testcase(*, coverage: dict[str, list[int]] | None = None, **others: Any) -> Any:
        lines, _current.lines = _current.lines, None
        if coverage is None and lines:
            coverage = {file: sorted(found) for file, found in lines.items()}
        return make(coverage=coverage, **others)

    core.make_testcase = make_testcase


def _should_trace(state: Any, traces: Callable[[Any], bool]) -> bool:
    """Return whether Hypothesis is to trace the next example itself; if not, have _Observer observe it."""
    _current.lines = None
    if state.failed_normally or not is_wanted() or is_traced():
        return traces(state)
    try:
        watch_lines()
        _current.is_guided = state.settings.backend == "pykcov"
        if _current.recording is None and not _current.is_guided:
            _current.recording = Recording(compare=False)
    except Exception:  # such as no descriptor left: as without us
        return traces(state)
    _current.lines = {}
    return False


class _Observer(Tracer):
    """Observes an example where it is not traced."""

    __slots__ = ("_example",)

    def __enter__(self) -> "_Observer":
        super().__enter__()
        self._example = None
        recording = _current.recording
        if _current.lines is not None and recording is not None and not _current.is_guided:
            self._example = recording.example()
            self._example.__enter__()
        return self

    def __exit__(self, *error: Any) -> None:
        if self._example is not None:
            self._example.__exit__(None, None, None)
            if _current.lines is not None and _current.recording is not None:
                _add(_current.recording.counters, _current.lines)
        super().__exit__(*error)  # type: ignore[no-untyped-call]


def _add(counters: Counters, lines: Lines) -> None:
    reached = bytes(memoryview(counters)[: _core.probe_count()])
    if len(_places) < len(reached):
        for pc, _ in locations.numbered(len(_places), len(reached)):
            file, implied, _ = locations.implied(pc) if pc else ("", (), ())
            _places.append((file if file and _is_reported(file) else "", implied))
    for run in _REACHED.finditer(reached):
        for file, implied in _places[run.start() : run.end()]:
            if file:
                lines.setdefault(file, set()).update(implied)


@cache
def _is_reported(file: str) -> bool:
    """Return whether Hypothesis reports lines of this file: it is in the repository, and not installed."""
    return bool(tractable_coverage_report(frozenset([(None, (file, 1))])))
