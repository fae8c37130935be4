"""Runs libFuzzer with a harness in this process, keeps what it finds, and says when it is blind."""

import atexit
import faulthandler
import os
import signal
import sys
from _imp import extension_suffixes
from typing import NoReturn

from pykcov.fuzz import _engine, exits, findings, instrumentation, jobs, libfuzzer
from pykcov.fuzz.engine import Engine
from pykcov.fuzz.harness import Harness, Target
from pykcov.fuzz.hooks import enabled_hooks
from pykcov.fuzz.settings import Settings
from pykcov.fuzz.stacks import frames_of, kind_of, report_of, token_of, write_error
from pykcov.fuzz.statistics import Statistics

_NAMES_SHOWN = 12


def run(harness: Harness, settings: Settings | None = None) -> NoReturn:
    """Fuzz what the harness declares. Without settings, as when the harness was started by Python itself."""
    settings = settings or Settings(harness=sys.argv[0])
    if not instrumentation.probes():
        _end(exits.BLIND, _no_probes())
    # Before libFuzzer is loaded, which looks whether they are there.
    _engine.set_mutator(_library("_mutator"), harness.mutator)
    if harness.crossover is not None:
        _engine.set_mutator(_library("_crossover"), harness.crossover)
    if settings.dump is not None:
        _engine.preload(_library("_memory"))
    try:
        statistics = Statistics(settings.statistics) if settings.statistics is not None else None
        engine = Engine(statistics)
    except libfuzzer.LibFuzzerMissingError as error:
        _end(2, str(error))
    instrumentation.watch_late_imports()
    early = instrumentation.without_probes()
    if early:
        write_error(f"pykcov: imported without probes, and so out of sight: {_shortened(early)}\n")
    arguments, limit = _taken(harness, settings)
    campaign = Campaign(settings)
    engine.grew = campaign.name_late_imports
    engine.run(
        arguments,
        harness.target,
        campaign.failed,
        started=campaign.started,
        blind=campaign.blind,
        done=campaign.done,
        words=enabled_hooks.words,
        limit=limit,
    )


class Campaign:
    """What is kept while libFuzzer runs."""

    def __init__(self, settings: Settings) -> None:
        """Begin with nothing found."""
        self._settings = settings
        self._tokens: set[str] = set()
        self._late = 0

    def started(self) -> None:
        """Have stacks written before libFuzzer, whose handlers are there by now, ends the process."""
        if self._settings.dump is not None:
            faulthandler.disable()
            faulthandler.enable(self._settings.dump)
            for number in (signal.SIGALRM, signal.SIGRTMAX):  # an alarm of libFuzzer's, and fuzz/memory.c
                faulthandler.register(number, self._settings.dump, chain=True)

    def failed(self, error: BaseException, data: bytes) -> int | None:
        """Keep what the target raised; return None to go on, or an exit code."""
        if isinstance(error, KeyboardInterrupt):
            _end(exits.INTERRUPTED, "interrupted")
        kind = kind_of(error)
        token = token_of(kind, frames_of(error))
        if token in self._tokens:
            return None
        self._tokens.add(token)
        finding = findings.finding_now(kind, token, report_of(error), data, self._settings.harness)
        write_error(f"\n === Uncaught Python exception: ===\n{finding.report}\nDEDUP_TOKEN: {token}\n")
        found = len(self._tokens)
        if self._settings.findings is not None:
            folder = findings.save(finding, self._settings.findings)
            write_error(f"pykcov: saved in {os.path.relpath(folder)}\n")
            if self._settings.found is not None:
                found = jobs.tell(self._settings.found, data, finding.name)
        return None if found < self._settings.keep_going else exits.FAILED

    def name_late_imports(self) -> None:
        """Say which modules have got probes since this was called last, as an input has imported them."""
        names = instrumentation.imported_late()[self._late :]
        self._late += len(names)
        if names:
            write_error(f"pykcov: imported by an input, with probes: {_shortened(names)}\n")

    def blind(self) -> NoReturn:
        """Stop: inputs have run, and none came to any probe."""
        _end(
            exits.BLIND,
            f"{_engine.BLIND_AFTER} inputs have run and none of them reached any of the {instrumentation.probes()} "
            "probes: what the harness calls is not what has them. " + _advice(),
        )

    def done(self) -> NoReturn:
        """End after as many executions as were asked for."""
        _end(0, "")


def _taken(harness: Harness, settings: Settings) -> tuple[list[str], int]:
    """Return the command line for libFuzzer, and how many executions -atheris_runs allows (0: any number)."""
    limit, arguments = 0, harness.arguments
    kept = [settings.command or arguments[0]] if arguments else ["pykcov"]
    for argument in arguments[1:]:
        if argument.startswith("-atheris_runs="):
            limit = int(argument.partition("=")[2])
        elif not argument.startswith("-max_counters="):
            kept.append(argument)
    if not any(argument.startswith("-print_funcs=") for argument in kept):
        kept.append("-print_funcs=0")  # it would show addresses
    if harness.mutator is None and not any(argument.startswith("-len_control=") for argument in kept):
        kept.append("-len_control=100")  # the default, unless there is a mutator, which ours is
    return kept, limit


def _no_probes() -> str:
    early = instrumentation.without_probes()
    before = f" Imported without probes: {_shortened(early)}." if early else ""
    return f"no code has probes, so nothing could guide the fuzzer.{before} {_advice()}"


def _advice() -> str:
    return (
        "Import what is to be fuzzed inside `with atheris.instrument_imports():`, decorate functions with "
        "@atheris.instrument_func, or name modules: pykcov fuzz --include NAME"
    )


def _shortened(names: list[str]) -> str:
    more = len(names) - _NAMES_SHOWN
    return ", ".join(names[:_NAMES_SHOWN]) + (f" and {more} more" if more > 0 else "")


def _library(name: str) -> str:
    return os.path.join(os.path.dirname(__file__), name + extension_suffixes()[0])


def _end(code: int, message: str) -> NoReturn:
    """End the process without libFuzzer taking that for a crash."""
    if message:
        write_error(f"pykcov: {message}\n")
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        if stream is not None:
            try:
                stream.flush()
            except (OSError, ValueError):
                continue
    os._exit(code)


__all__ = ["Campaign", "Target", "run"]
