"""Runs libFuzzer with a harness in this process, keeps what it finds, and says when it is blind."""

import atexit
import faulthandler
import mmap
import os
import shlex
import signal
import sys
from _imp import extension_suffixes
from typing import NoReturn

from pykcov._exec import Unrecorded
from pykcov.fuzz import _engine, exits, findings, instrumentation, jobs, libfuzzer, sanitizers
from pykcov.fuzz.background import Background, Failure
from pykcov.fuzz.engine import Engine
from pykcov.fuzz.harness import Harness, Target
from pykcov.fuzz.hooks import enabled_hooks
from pykcov.fuzz.settings import Settings
from pykcov.fuzz.stacks import OURS, frames_of, kind_of, report_of, token_of, write_error
from pykcov.fuzz.statistics import Statistics

_NAMES_SHOWN = 12


def run(harness: Harness, settings: Settings | None = None) -> NoReturn:
    """Fuzz what the harness declares. Without settings, as when the harness was started by Python itself."""
    settings = settings or Settings(harness=sys.argv[0], dump=os.memfd_create("pykcov-stacks"))
    if not instrumentation.probes():
        end_without_probes()
    # Before libFuzzer is loaded, which looks whether they are there.
    _engine.set_mutator(_library("_mutator"), harness.mutator)
    if harness.crossover is not None:
        _engine.set_mutator(_library("_crossover"), harness.crossover)
    if settings.dump is not None:
        _engine.preload(_library("_memory"))
    if settings.seen is not None:
        _engine.note_seen(mmap.mmap(settings.seen, 0), settings.seen_after)
    if settings.dump is not None and settings.parent is None:
        # Nobody else will tell where it was.
        _engine.show_stacks(_library("_stacks"), settings.dump, OURS)
    background = Background(findings=settings.background, once=True)
    try:
        statistics = Statistics(settings.statistics) if settings.statistics is not None else None
        engine = Engine(background, statistics)
    except libfuzzer.LibFuzzerMissingError as error:
        _end(2, str(error))
    instrumentation.watch_late_imports()
    early = instrumentation.without_probes()
    if early:
        write_error(f"pykcov: imported without probes, and so out of sight: {_shortened(early)}\n")
    arguments, limit = _taken(harness, settings)
    campaign = Campaign(settings, harness.target, background)
    engine.grew = campaign.name_late_imports
    background.told_by_child = engine.statistics.tell
    background.install()
    if harness.watch is not None:
        harness.watch(engine)
    engine.run(
        arguments,
        harness.target,
        campaign.failed,
        started=campaign.started,
        behind=campaign.behind,
        imported=campaign.name_imports_without_probes,
        blind=campaign.blind,
        done=campaign.done,
        words=enabled_hooks.words,
        limit=limit,
    )


class Campaign:
    """What is kept while libFuzzer runs."""

    def __init__(self, settings: Settings, target: Target, background: Background) -> None:
        """Begin with nothing found."""
        self._settings = settings
        self._target = target
        self._background = background
        self._process = os.getpid()
        self._tokens: set[str] = set()
        self._list = jobs.List(settings.found) if settings.found is not None else None
        self._late = 0
        self._without_probes = set(instrumentation.without_probes())

    def started(self) -> None:
        """Have stacks written before libFuzzer, whose handlers are there by now, ends the process."""
        if self._settings.parent is not None:
            # Our parent sends the alarm when it is due (fuzz/watch.py); timer and signal are the program's else.
            signal.setitimer(signal.ITIMER_REAL, 0)
        if self._settings.dump is not None:
            faulthandler.disable()
            if not sanitizers.handle_crashes():
                faulthandler.enable(self._settings.dump)
            for number in (signal.SIGALRM, signal.SIGRTMAX):  # an alarm of libFuzzer's, and fuzz/memory.c
                faulthandler.register(number, self._settings.dump, chain=True)

    def failed(self, error: BaseException, data: bytes) -> int | None:
        """Keep what the target raised; return None to go on, or an exit code."""
        if os.getpid() != self._process:
            self._background.note_child(error)
        if isinstance(error, KeyboardInterrupt):
            _end(exits.INTERRUPTED, "interrupted")
        kind = kind_of(error)
        return self._keep(kind, token_of(kind, frames_of(error)), report_of(error), data)

    def behind(self, data: bytes) -> int | None:
        """Keep what has happened in what inputs have started; `data` is the present one. Return what failed() does."""
        code = None
        for failure in self._background.take():
            try:
                found = self._background.input_of(failure, data)
            except KeyError:
                found = None
            if found is not None and not failure.sure and not self._is_of(failure, found):
                found = None
            if found is None:
                # From now on garbage is collected after each input, so that it is known whose it is.
                _engine.collect_by(self._background.collect)
                self._background.forget(failure.token)
                if not self._background.is_printed(failure.token):
                    write_error(f"pykcov: of no input that is known: {failure.report}")
                continue
            result = self._keep(failure.kind, failure.token, failure.report, found, data)
            if code is None and not self._settings.goes_on:
                code = result
        return code

    def _is_of(self, failure: Failure, data: bytes) -> bool:
        """Whether an input brings about what was noted when garbage was collected, which may be of another one."""
        with Unrecorded():
            _, failures = self._background.run(self._target, data)
        return any(each.token == failure.token for each in failures)

    def _keep(self, kind: str, token: str, report: str, data: bytes, present: bytes | None = None) -> int | None:
        """Keep a finding. present: the input of now, which libFuzzer will take for the one of the finding."""
        if token in self._tokens:
            return None
        self._tokens.add(token)
        finding = findings.finding_now(kind, token, report, data, self._settings.harness)
        write_error(f"\n === Uncaught Python exception: ===\n{finding.report}\nDEDUP_TOKEN: {token}\n")
        found = len(self._tokens)
        if self._settings.findings is not None:
            findings.keep(finding, self._settings.findings, lambda line: write_error(f"pykcov: {line}\n"))
            if self._list is not None:
                for told in {data, data if present is None else present}:
                    found = max(found, self._list.tell(told, finding.name))
        return None if found < self._settings.keep_going else exits.FAILED

    def name_late_imports(self) -> None:
        """Say which modules have got probes since this was called last, as an input has imported them."""
        names = instrumentation.imported_late()[self._late :]
        self._late += len(names)
        if names:
            write_error(f"pykcov: imported by an input, with probes: {_shortened(names)}\n")

    def name_imports_without_probes(self) -> None:
        """Say which packages an input has imported that are not instrumented, each once."""
        new = [name for name in instrumentation.without_probes() if name not in self._without_probes]
        self._without_probes.update(new)
        if new:
            write_error(f"pykcov: imported by an input without probes, and so out of sight: {_shortened(new)}\n")

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
    # Of a packaged target (pykcov/package) it is a program.
    itself = shlex.quote(arguments[0]) if arguments and hasattr(sys, "_MEIPASS") else "".join(arguments[:1])
    kept = [settings.command or itself or "pykcov"]
    for argument in arguments[1:]:
        if argument.startswith("-atheris_runs="):
            limit = int(argument.partition("=")[2])
        elif not argument.startswith("-max_counters="):
            kept.append(argument)
    if not any(argument.startswith("-print_funcs=") for argument in kept):
        kept.append("-print_funcs=0")  # it would show addresses
    if not any(argument.startswith("-handle_xfsz=") for argument in kept):
        kept.append("-handle_xfsz=0")  # Python makes an OSError of it
    if harness.mutator is None and not any(argument.startswith("-len_control=") for argument in kept):
        kept.append("-len_control=100")  # the default, unless there is a mutator, which ours is
    return kept, limit


def end_without_probes() -> NoReturn:
    """End the process, as it could see nothing."""
    early = instrumentation.without_probes()
    before = f" Imported without probes: {_shortened(early)}." if early else ""
    _end(exits.BLIND, f"no code has probes, so nothing could guide the fuzzer.{before} {_advice()}")


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
