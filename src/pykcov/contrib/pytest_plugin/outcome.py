"""The end of a run: its data file, its reports, and what is to be said of it."""

import os
import sqlite3
import sys
import tempfile
from dataclasses import dataclass, field
from typing import Any

import pytest

from pykcov.contrib.pytest_plugin.tracing import Tracing
from pykcov.counted import counted
from pykcov.coverage import datafile
from pykcov.coverage.bounds import fails_under
from pykcov.coverage.configuration import Configuration
from pykcov.coverage.contexts import OF_NO_TEST, PARTS, Ran

_MOST = 5
_PROCESSES = (
    "[run] concurrency = multiprocessing: with --pykcov-context=none, of the processes that tests start only forked "
    "ones are traced"
)


@dataclass
class Outcome:
    """What is to be said at the end."""

    said: list[tuple[str, bool]]
    """Lines, and whether each is a complaint."""
    on_terminal: list[str] = field(default_factory=list)
    """The report, and which others were written."""
    bound: str = ""
    """Whether as much ran as is required, in words; empty where nothing is."""
    failure: bool = False
    """Whether less ran."""


def conclude(ran: Ran, config: pytest.Config, tracing: Tracing, configuration: Configuration, failed: bool) -> Outcome:
    """Write the data file and the reports. failed: a test has."""
    complaints = [*configuration.remarks, *_complaints(ran, tracing, config.get_verbosity() > 0)]
    if configuration.processes and config.getoption("pykcov_context") == "none":
        complaints.insert(0, _PROCESSES)
    outcome = Outcome([(line, True) for line in complaints])
    with tempfile.TemporaryDirectory(prefix="pykcov-") as folder:
        data_file = configuration.data_file
        if not any(ran.contexts.values()):
            data_file = os.path.join(folder, "data")  # that of a better run is worth more
        try:
            datafile.write(
                data_file,
                ran,
                _about(ran, config),
                relative_to=os.getcwd() if configuration.relative_files else None,
                append=config.getoption("pykcov_append"),
            )
        except (OSError, sqlite3.Error, datafile.MixedDataError) as error:
            outcome.said.append((f"{data_file} could not be written: {error}", True))
            data_file = os.path.join(folder, "data")
            datafile.write(data_file, ran, {})
        if not (failed and config.getoption("no_pykcov_on_fail")) and not config.option.collectonly:
            _report(ran, config, configuration, data_file, outcome)
        if data_file == configuration.data_file:
            outcome.said.append((_totals(ran, os.path.relpath(data_file)), False))
    return outcome


def _report(ran: Ran, config: pytest.Config, configuration: Configuration, data_file: str, outcome: Outcome) -> None:
    """Make the reports, and see whether as much ran as is required."""
    kinds = [one for one in config.getoption("pykcov_report") or [("term", None)] if one[0]]
    bound = config.getoption("pykcov_fail_under")
    bound = configuration.fail_under if bound is None else bound
    precision = config.getoption("pykcov_precision")
    if precision is None:
        precision = configuration.precision
    total = 0.0
    if (kinds or bound) and (any(ran.contexts.values()) or ran.unexecuted):
        # Not before: it imports coverage.py.
        from pykcov.contrib.pytest_plugin.report import heading, make_reports

        made = make_reports(kinds, configuration, data_file, ran, precision)
        outcome.said += [(line, True) for line in made.complaints]
        outcome.on_terminal = [heading(), "", *made.on_terminal.splitlines(), *made.written]
        total = made.total
    if bound:
        outcome.failure = fails_under(total, bound, precision)
        fail, reached = ("FAIL ", "not reached") if outcome.failure else ("", "reached")
        outcome.bound = f"{fail}Required test coverage of {bound}% {reached}. Total coverage: {total:.2f}%"


def _about(ran: Ran, config: pytest.Config) -> dict[str, Any]:
    """Return what else is to be known of the run."""
    return {
        "root": str(config.rootpath),
        "python_files": config.getini("python_files"),
        "silent": [name for name in ran.tests if not _has_context(name, ran)],
        "not_run": [name for name in ran.collected if name not in ran.tests],
    }


def write_again(ran: Ran, config: pytest.Config, configuration: Configuration) -> None:
    """Add to the data file what has been added to `ran`, if the file is still there."""
    data_file = configuration.data_file
    if not os.path.exists(data_file):
        return
    relative_to = os.getcwd() if configuration.relative_files else None
    try:
        datafile.write(data_file, ran, _about(ran, config), relative_to=relative_to, append=True)
    except (OSError, sqlite3.Error, datafile.MixedDataError) as error:
        print(f"pykcov: {data_file} could not be written: {error}", file=sys.stderr)


def say(terminal: pytest.TerminalReporter, outcome: Outcome) -> None:
    """Write it into the terminal's summary, the report as pytest-cov does."""
    if outcome.on_terminal or outcome.bound:
        terminal.section("tests coverage", sep="=")
        for line in outcome.on_terminal[:1]:
            terminal.section(line, sep="_")
        for line in outcome.on_terminal[1:]:
            terminal.line(line)
    if outcome.bound:
        terminal.line(outcome.bound, red=outcome.failure, bold=outcome.failure, green=not outcome.failure)
    if outcome.said:
        terminal.section("pykcov", sep="-")
        for line, is_complaint in outcome.said:
            terminal.line(line, yellow=is_complaint)


def _totals(ran: Ran, data_file: str) -> str:
    everything: dict[str, int] = {}
    for lines in ran.contexts.values():
        for file, those in lines.items():
            everything[file] = everything.get(file, 0) | those
    executed = sum(those.bit_count() for those in everything.values())
    known = sum((those | everything.get(file, 0)).bit_count() for file, those in ran.known.items())
    contexts = len(ran.contexts.keys() - OF_NO_TEST)
    return (
        f"{counted(contexts, 'context')}; {executed} of {counted(known, 'line')} ran in "
        f"{counted(len(ran.known), 'file')}; wrote {data_file}: "
        "`coverage html --show-contexts`, `pykcov tests FILE:LINE` and `pykcov affected` read it"
    )


def _complaints(ran: Ran, tracing: Tracing, all_of_them: bool) -> list[str]:
    found = []
    if not ran.known:
        found.append(
            f"nothing was traced: there is no Python function in {tracing}, and none was imported; see --pykcov-source"
        )
    elif not any(ran.contexts.values()):
        found.append(f"nothing was recorded: no code of {tracing} ran")
    unmatched = [name for name in tracing.folders + tracing.names if ran.known and name not in ran.matched]
    found += [f"{tracing.origin}{name}: no code of it was imported" for name in unmatched]
    found += _some(
        [
            f"{counted(number, 'entry', 'entries')} did not fit into the buffer of {_where(name)}"
            for name, number in ran.dropped.items()
        ],
        all_of_them,
    )
    found += _some(
        [
            f"{counted(len(jobs), 'thread or job was', 'threads or jobs were')} not done at the end of {_where(name)}: "
            + _listed(jobs, all_of_them)
            for name, jobs in ran.cut_off.items()
        ],
        all_of_them,
    )
    remarks = list(ran.remarks)
    most = len(remarks) if all_of_them else _MOST
    found += remarks[:most]
    if len(remarks) > most:
        found.append(f"and {counted(len(remarks) - most, 'more remark')} like these: -v shows all")
    return found


def _some(rows: list[str], all_of_them: bool) -> list[str]:
    if all_of_them or len(rows) <= _MOST:
        return rows
    return [*rows[:_MOST], f"and so with {counted(len(rows) - _MOST, 'more context')}: -v shows all"]


def _listed(names: list[str], all_of_them: bool) -> str:
    if all_of_them or len(names) <= _MOST:
        return ", ".join(names)
    return ", ".join(names[:_MOST]) + ", ..."


def _where(context: str) -> str:
    return context or "what runs outside of tests"


def _has_context(test: str, ran: Ran) -> bool:
    return test in ran.contexts or any(f"{test}|{part}" in ran.contexts for part in PARTS)
