"""What `pykcov fuzz` does, apart from reading its command line (fuzz/ordinary.py, cli/fuzz.py)."""

import os
import sys
from collections.abc import Callable, Sequence
from typing import NamedTuple

from pykcov.counted import counted
from pykcov.fuzz import exits, libfuzzer
from pykcov.fuzz.regression import folder_of
from pykcov.fuzz.settings import Settings
from pykcov.fuzz.supervisor import Outcome, Supervisor
from pykcov.fuzz.watch import Process
from pykcov.tables import can_draw

MINIMIZE_SECONDS = 10.0
"""For the input of each finding."""


class Options(NamedTuple):
    """A command line; its help says what is what."""

    harness: str
    arguments: Sequence[str] = ()
    """Corpora and flags of libFuzzer."""
    keep_going: int | None = None
    background: bool = True
    directory: str | None = None
    minimize: float = MINIMIZE_SECONDS
    include: Sequence[str] = ()
    exclude: Sequence[str] = ()
    source: Sequence[str] = ()
    stdlib: bool = False
    quiet: bool = False
    part_of: str | None = None
    """The folder of the campaign that started this command (fuzz/jobs.py)."""


def run(options: Options, fork: Callable[[Settings], Process] | None = None) -> int:
    """Fuzz, and say on stderr what is to be said. Returns the exit code; raises LibFuzzerMissingError.

    fork: starts a process that fuzzes; without it that is another Python.
    """
    if not libfuzzer.find().own and not options.quiet:
        _say(f"libFuzzer is {libfuzzer.description()}")
    settings = _settings(options)
    outcome = _supervise(settings, options, fork)
    snapshot = outcome.snapshot
    if outcome.code == 0 and snapshot.executions and not snapshot.sees:
        _say("none of the inputs reached any probe: what the harness calls is not what is instrumented")
        return exits.BLIND
    if not options.quiet:
        for found in outcome.findings:
            _say(f"found {os.path.relpath(found)}; reproduce with: python {os.path.relpath(found)}/reproduce.py")
        _say(f"{counted(snapshot.executions, 'execution')}, {counted(len(outcome.findings), 'finding')}")
    return outcome.code


def _settings(options: Options) -> Settings:
    # What is fuzzed may go to another folder.
    folder = os.path.abspath(options.directory or _default_folder(options.harness))
    given = [each if each.startswith("-") else os.path.abspath(each) for each in options.arguments if each != "--"]
    if options.part_of is None and all(argument.startswith("-") for argument in given):
        corpus = os.path.join(folder, "corpus")
        os.makedirs(corpus, exist_ok=True)
        given.insert(0, corpus)
    return Settings(
        options.harness,
        given,
        findings=os.path.join(folder, "findings"),
        keep_going=options.keep_going or 1,
        background=options.background,
        goes_on=options.keep_going is None and any(each.startswith("-max_total_time=") for each in given),
        include=list(options.include),
        exclude=list(options.exclude),
        source=[os.path.abspath(each) for each in options.source],
        stdlib=options.stdlib,
    )


def _supervise(settings: Settings, options: Options, fork: Callable[[Settings], Process] | None) -> Outcome:
    with Supervisor(settings, minimize_seconds=options.minimize, part_of=options.part_of, fork=fork) as supervisor:
        if sys.stderr is None or not sys.stderr.isatty() or not can_draw():
            return supervisor.run(_say, None)
        from pykcov.fuzz.status import Status  # not before: it takes time, and only a terminal has it

        with Status(supervisor.snapshot, lambda: supervisor.found) as status:
            return supervisor.run(lambda line: status.say(f"pykcov: {line}"), status.stream)


def _default_folder(harness: str) -> str:
    path, separator, test = harness.partition("::")
    if not separator and not os.path.isfile(path):
        return harness.replace(":", ".") + ".fuzz"
    return folder_of(path, test)


def _say(line: str) -> None:
    if sys.stderr is not None:
        print(f"pykcov: {line}", file=sys.stderr)
