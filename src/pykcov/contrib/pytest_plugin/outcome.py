"""The end of a run: its data file, its reports, and what is to be said of it."""

import os
import sqlite3
from collections.abc import Mapping

import pytest

from pykcov.contrib.pytest_plugin.tracing import Tracing
from pykcov.coverage import datafile
from pykcov.coverage.contexts import OUTSIDE, PARTS, Ran

_MOST = 5


def conclude(ran: Ran, config: pytest.Config, tracing: Tracing, data_file: str) -> list[tuple[str, bool]]:
    """Write the data file and the reports; return what is to be said, and whether it is a complaint."""
    said = [(line, True) for line in _complaints(ran, tracing, config.get_verbosity() > 0)]
    if not any(ran.contexts.values()):
        return said  # the data file of a better run is worth more
    run = {
        "root": str(config.rootpath),
        "python_files": config.getini("python_files"),
        "silent": [name for name in ran.tests if not _has_context(name, ran)],
        "not_run": [name for name in ran.collected if name not in ran.tests],
    }
    try:
        datafile.write(data_file, ran, run)
    except (OSError, sqlite3.Error) as error:
        said.append((f"{data_file} could not be written: {error}", True))
        return said
    if config.getoption("pykcov_report"):
        from pykcov.contrib.pytest_plugin.report import report  # imports coverage.py
    for format, where in config.getoption("pykcov_report"):
        try:
            output, text = report(format, where, data_file, ran)
        except Exception as error:  # coverage.py has errors of many kinds
            said.append((f"no report in format {format}: {error}", True))
        else:
            said += [(line, False) for line in text.splitlines()]
            said += [(f"wrote {output}", False)] if output else []
    said.append((_totals(ran, os.path.relpath(data_file)), False))
    return said


def say(terminal: pytest.TerminalReporter, said: list[tuple[str, bool]]) -> None:
    """Write it into the terminal's summary."""
    if not said:
        return
    terminal.section("pykcov", sep="-")
    for line, is_complaint in said:
        terminal.line(line, yellow=is_complaint)


def _totals(ran: Ran, data_file: str) -> str:
    everything: dict[str, int] = {}
    for lines in ran.contexts.values():
        for file, those in lines.items():
            everything[file] = everything.get(file, 0) | those
    executed = sum(those.bit_count() for those in everything.values())
    known = sum((those | everything.get(file, 0)).bit_count() for file, those in ran.known.items())
    contexts = len(ran.contexts) - (OUTSIDE in ran.contexts)
    return (
        f"{contexts} contexts; {executed} of {known} lines ran in {len(ran.known)} files; wrote {data_file}: "
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
    found += [f"--pykcov-source={name}: no code of it was imported" for name in unmatched]
    found += _counts(ran.dropped, "entries did not fit into the buffer of", all_of_them)
    found += _counts(ran.cut_off, "threads or jobs were not done at the end of", all_of_them)
    remarks = list(ran.remarks)
    most = len(remarks) if all_of_them else _MOST
    found += remarks[:most]
    if len(remarks) > most:
        found.append(f"and {len(remarks) - most} more remarks like these: -v shows all")
    return found


def _counts(counts: Mapping[str, int], what: str, all_of_them: bool) -> list[str]:
    rows = [f"{number} {what} {name or 'what runs outside of tests'}" for name, number in counts.items()]
    if all_of_them or len(rows) <= _MOST:
        return rows
    return [*rows[:_MOST], f"and so with {len(rows) - _MOST} more contexts: -v shows all"]


def _has_context(test: str, ran: Ran) -> bool:
    return test in ran.contexts or any(f"{test}|{part}" in ran.contexts for part in PARTS)
