"""Starts the process that fuzzes, watches it, and takes care of what it cannot report itself: crashes, hangs, kills."""

import os
import re
import shlex
import signal
import sys
import time
from collections.abc import Callable, Container, Iterator
from contextlib import contextmanager, suppress
from typing import IO, TYPE_CHECKING, NamedTuple, Self

from pykcov.counted import counted
from pykcov.fuzz import exits, sanitizers
from pykcov.fuzz.jobs import Jobs, make_folder, remove_folder, tell
from pykcov.fuzz.settings import Settings
from pykcov.fuzz.statistics import Snapshot, total
from pykcov.fuzz.watch import TOTAL, Ended, Limits, Process, Watch, limits_of
from pykcov.program.options import interpreter_options, without

if TYPE_CHECKING:
    from pykcov.fuzz.loaded import Loaded

_ARTIFACTS = {
    "crash-": "crash",
    "leak-": "leak",
    "timeout-": "timeout",
    "oom-": "out-of-memory",
}
"""What libFuzzer calls the files that it writes, and what they are."""

_HAS_JOBS = re.compile("-(fork|jobs|merge|minimize_crash|cleanse_crash)=[^0]")
"""Flags with which libFuzzer does not fuzz, but starts others that do."""

_CODES = {"timeout": exits.TIMEOUT, "out-of-memory": exits.OUT_OF_MEMORY}
_KINDS = {code: kind for kind, code in _CODES.items()}


class Outcome(NamedTuple):
    """How a campaign ended."""

    code: int
    findings: list[str]
    """The folders of what was found, or found again."""
    snapshot: Snapshot
    """Of all processes together."""


class Supervisor:
    """One campaign: one process after the other, until enough was found. A context manager."""

    def __init__(
        self,
        settings: Settings,
        *,
        minimize_seconds: float,
        part_of: str | None = None,
        fork: Callable[[Settings], Process] | None = None,
        loaded: "Loaded | None" = None,
        known: Container[str] = (),
    ) -> None:
        """Take what to fuzz, and how long to make the input of each finding shorter.

        part_of: the folder of the campaign that this one is a job of (fuzz/jobs.py), if it is.
        fork: forks a process that fuzzes (fuzz/forking.py), unless a sanitizer has to be told of it beforehand.
        loaded: the process that forks those that fuzz. Without either each is another Python.
        known: names of findings whose inputs need not be made shorter.
        """
        assert settings.findings is not None
        self._settings = settings
        self._minimize_seconds = minimize_seconds
        self._fork, self._loaded, self._known = fork, loaded, known
        self._leader = part_of  # None: ourselves
        self._scratch = make_folder()
        self._jobs = Jobs(part_of or self._scratch)
        self._say: Callable[[str], object] = print
        self._errors: IO[bytes] | None = None
        self._folder = settings.findings
        self._reports = loaded.reports if loaded is not None else self._scratch
        self._process: Process | None = None
        self._report: sanitizers.Report | None = None
        self._interrupt = 0
        self._began = time.monotonic()

    def __enter__(self) -> Self:
        """Return it."""
        return self

    def __exit__(self, *_: object) -> None:
        """Forget what the processes have shared."""
        remove_folder(self._scratch)

    def run(self, say: Callable[[str], object], errors: IO[bytes] | None) -> Outcome:
        """Fuzz. `say` shows a line; standard error of the processes goes to `errors`, None: to ours."""
        self._say, self._errors = say, errors
        os.makedirs(self._folder, exist_ok=True)
        with _handlers(self.end):
            code = self._run_processes()
            if self._leader is None:
                self._end_jobs()
        names = self._jobs.found() if self._leader is None else self._jobs.own_found()
        found = [os.path.join(self._folder, name) for name in names]
        try:
            new = [each for each in found if os.path.isdir(each) and os.path.basename(each) not in self._known]
            for folder in new if self._minimize_seconds > 0 else ():
                self._examine(folder)
        except KeyboardInterrupt:
            self._say("interrupted: no more inputs are made shorter")
        # With -jobs libFuzzer ends with 1 if any of them has found something.
        if found and code in (0, exits.FAILED):
            code = exits.CRASHED
        return Outcome(code, found, self.snapshot())

    def snapshot(self) -> Snapshot:
        """Return the numbers so far, of all processes."""
        return total(self._jobs.snapshots())

    @property
    def found(self) -> int:
        """How many findings there are so far."""
        return len(self._jobs.found())

    def _run_processes(self) -> int:
        """Run one process after the other; return the exit code of the last."""
        while True:
            code, died = self._run_process()
            if not died or self._interrupt or self.found >= self._settings.keep_going or not self._go_on():
                return code

    def _run_process(self) -> tuple[int, bool]:
        """Run one process; return its exit code, and whether something that it could not report ended it."""
        statistics = self._jobs.new_statistics()
        if statistics is None:
            return exits.INTERRUPTED, False
        with os.fdopen(os.memfd_create("pykcov-stacks"), "rb") as dump:
            settings = self._settings._replace(
                arguments=self._arguments(),
                command=self._command(),
                parent=os.getpid(),
                statistics=statistics.descriptor,
                dump=dump.fileno(),
                found=self._jobs.list,
            )
            shared = [each for each in (statistics.descriptor, dump.fileno(), settings.seen) if each is not None]
            self._process = self._start(settings, shared)
            if self._interrupt:
                self._process.send_signal(self._interrupt)
            # Those that libFuzzer starts have limits of their own.
            limits = Limits(0, 0, 0) if self._has_jobs else limits_of(self._settings.arguments, self._began)
            watch = Watch(self._process, dump, statistics, limits)
            ended = watch.wait(lambda: 0 if self._has_jobs else self._interrupt)
            dump.seek(0)
            stacks = dump.read().decode("utf-8", "replace")
        self._take_report(self._process.pid)
        return self._outcome(ended, stacks, statistics.snapshot())

    def _start(self, settings: Settings, descriptors: list[int]) -> Process:
        if self._loaded is not None:
            return self._loaded.start(settings, descriptors, self._errors)
        environment = sanitizers.environment(self._reports)
        if self._fork is not None and environment is None:
            return self._fork(settings)
        import subprocess  # not before: it takes time

        return subprocess.Popen(settings.command_line(), pass_fds=descriptors, stderr=self._errors, env=environment)

    def _take_report(self, process: int) -> None:
        """Take what a sanitizer has said, and show it, as it would have done."""
        self._report = sanitizers.take(self._reports, process)
        if self._report is not None and self._errors is not None:
            self._errors.write(self._report.text.encode("utf-8", "replace"))
        elif self._report is not None and sys.stderr is not None:
            print(self._report.text, file=sys.stderr)

    def _outcome(self, ended: Ended, stacks: str, snapshot: Snapshot) -> tuple[int, bool]:
        """Make findings of the end of a process; return what _run_process() does."""
        status, limit, data = ended
        if self._interrupt and (status < 0 or status == exits.FAILED):
            return exits.INTERRUPTED, False
        died = self._take_artifacts(stacks, data if snapshot.running else b"")
        if limit == TOTAL and not died and status in (exits.INTERRUPTED, -signal.SIGTERM, -signal.SIGKILL):
            self._say("the time was over while an input ran, or before the first one did: it was ended")
            return 0, False
        if not died and (limit in _CODES or self._report or (status != exits.INTERRUPTED and snapshot.running)):
            # The target ended the process in a way that libFuzzer could not notice, or it has put its file
            # where the user wants it.
            kind = limit or _KINDS.get(status) or _signal_in(stacks)
            kind = kind or (exits.native_kind(-status) if status < 0 else "exit")
            if kind == "SIGKILL" and not self._kills(data):
                return self._killed(status, snapshot, "an input ran that does not bring that about by itself")
            self._keep(kind, data, stacks)
            died, status = True, _CODES.get(kind, exits.CRASHED)
        elif not died and status < 0 and self._report is None:
            return self._killed(status, snapshot, "no input ran")
        if died and limit in _CODES:
            status = _CODES[limit]
        return (status if status >= 0 else exits.CRASHED), died

    def _killed(self, status: int, snapshot: Snapshot, when: str) -> tuple[int, bool]:
        """Say that somebody has ended a process, and whether another one takes its place."""
        why = ", as somebody does, or the kernel for want of memory" if status == -signal.SIGKILL else ""
        goes_on = snapshot.executions > 0
        then = "another one goes on with the corpus" if goes_on else "it had run no input"
        self._say(f"the process that fuzzes was ended by {exits.native_kind(-status)} while {when}{why}; {then}")
        return (exits.CRASHED if self.found else 0 if goes_on else exits.FAILED), goes_on

    def _kills(self, data: bytes) -> bool:
        """Whether an input ends its process by SIGKILL once more."""
        # Not before: many campaigns find nothing.
        from pykcov.fuzz.minimize import Judge

        with Judge(self._settings) as judge:
            return any(token.startswith("SIGKILL") for token in judge.verdict(data).tokens)

    @property
    def _has_jobs(self) -> bool:
        return any(_HAS_JOBS.match(argument) for argument in self._settings.arguments)

    def end(self, number: int) -> None:
        """Interrupt what runs. A terminal has sent the signal to all already; those who get it twice know that."""
        self._interrupt = number
        self._jobs.end(number)
        if self._process is not None:
            # libFuzzer ignores SIGINT while it waits for jobs, of which it would start others.
            with suppress(ProcessLookupError):
                self._process.send_signal(signal.SIGTERM if self._has_jobs else number)

    def _end_jobs(self) -> None:
        """See to it that no job goes on without us."""
        self._jobs.end(signal.SIGTERM)
        for process in self._jobs.wait():
            self._say(f"process {process} was told to end, and does not")

    def _take_artifacts(self, stacks: str, last: bytes) -> bool:
        """Make findings of the files that libFuzzer has left; return whether there was one that was not told before.

        last: the input that ran when the process ended.
        """
        new = False
        for name in sorted(name for name in os.listdir(self._scratch) if "-" in name):
            kind = next((kind for prefix, kind in _ARTIFACTS.items() if name.startswith(prefix)), None)
            path = os.path.join(self._scratch, name)
            with open(path, "rb") as file:
                data = file.read()
            os.unlink(path)
            if kind == "crash" and len(data) < len(last) and last.startswith(data):
                data = last  # the process died of its broken heap while it wrote the file
            if kind is not None and not self._jobs.has_told(data):
                self._keep(_signal_in(stacks) or kind if kind == "crash" else kind, data, stacks)
                new = True
        return new

    def _keep(self, kind: str, data: bytes, stacks: str) -> None:
        from pykcov.fuzz import findings  # which takes time: many campaigns find nothing here
        from pykcov.fuzz.stacks import frames_of_dump, token_of

        # Of several dumps the last: an alarm that is no timeout yet writes one, too.
        begin = max(stacks.rfind("Current thread"), stacks.rfind("Fatal Python error"))
        stacks = stacks[begin:] if begin > 0 else stacks
        frames = frames_of_dump(stacks)
        report = stacks or f"The process ended without a word ({kind}), with this input.\n"
        token = token_of(kind, frames)
        if self._report is not None and kind not in _CODES:
            kind, token, report = self._report.kind, self._report.token, f"{self._report.text}\n{stacks}"
        finding = findings.finding_now(kind, token, report, data, self._settings.harness)
        findings.keep(finding, self._folder, lambda line: self._say(f"{kind}: {line}"))
        tell(self._jobs.list, data, finding.name)

    def _examine(self, folder: str) -> None:
        """Find out more of a finding: a shorter input, and of a crash where it happened."""
        # Not before: see above.
        from pykcov.fuzz import findings
        from pykcov.fuzz.minimize import Judge, minimize

        finding = findings.load(folder)
        name = finding.name
        if finding.kind in _CODES:
            if finding.token == finding.kind:  # there was no stack to be had
                with Judge(self._settings) as judge, suppress(OSError):
                    findings.add_locations(folder, judge.verdict(finding.input, locations=True).locations)
            self._say(f"{name}: its input is not made shorter: each try could go as far as it did")
            return
        with Judge(self._settings) as judge:
            verdict = judge.verdict(finding.input, locations="\nTraceback (most" not in f"\n{finding.report}")
            if verdict.locations:
                # Also if it ends in another way now: what an overflow meets is not the same each time.
                with suppress(OSError):  # which was said when the finding was saved
                    findings.add_locations(folder, verdict.locations)
            if finding.token not in verdict.tokens:
                happens = ", ".join(verdict.tokens) or "nothing happens"
                self._say(f"{name}: not brought about by its input alone: {happens}")
                return
            shorter = minimize(
                finding.input, lambda data: finding.token in judge.verdict(data).tokens, self._minimize_seconds
            )
        if shorter != finding.input:
            try:
                findings.save_minimized(finding, folder, shorter)
            except OSError as error:
                self._say(f"{name}: its shorter input cannot be saved: {error}")
                return
            self._say(f"{name}: minimized from {len(finding.input)} to {counted(len(shorter), 'byte')}")

    def _arguments(self) -> list[str]:
        """Return the command line of the next process: what is left of the limits."""
        arguments = []
        for argument in self._settings.arguments:
            flag, _, value = argument.partition("=")
            if flag == "-max_total_time" and value.isdigit() and int(value):
                value = str(max(int(int(value) - (time.monotonic() - self._began)), 1))
            elif flag in ("-runs", "-atheris_runs") and value.isdigit():
                value = str(max(int(value) - self._jobs.own_executions(), 0))
            elif argument == f"-artifact_prefix={self._leader}/":
                continue  # a job has its own
            arguments.append(f"{flag}={value}" if flag.startswith("-") and value else argument)
        if not any(argument.startswith(("-artifact_prefix=", "-exact_artifact_path=")) for argument in arguments):
            arguments.append(f"-artifact_prefix={self._scratch}/")
        return arguments

    def _command(self) -> str:
        """Return the command by which libFuzzer starts itself again, for the shell."""
        settings = self._settings
        options = [
            *(f"--include={name}" for name in settings.include),
            *(f"--exclude={name}" for name in settings.exclude),
            *(f"--source={folder}" for folder in settings.source),
            *(["--stdlib"] if settings.stdlib else []),
            *([] if settings.background else ["--no-background"]),
            *("--quiet", "--minimize=0", f"--keep-going={settings.keep_going}"),
            *(f"--directory={os.path.dirname(self._folder)}", f"--part-of={self._jobs.folder}"),
        ]
        # With -x, which is for the harness: with -m it skips nothing of ours.
        python = [sys.executable, *without("i", interpreter_options(sys.orig_argv))]
        return shlex.join([*python, "-m", "pykcov", "fuzz", *options, settings.harness])

    def _go_on(self) -> bool:
        for argument in self._settings.arguments:
            flag, _, value = argument.partition("=")
            if flag == "-max_total_time" and value.isdigit() and int(value):
                return time.monotonic() - self._began < int(value)
            if flag in ("-runs", "-atheris_runs") and value.isdigit():
                return self._jobs.own_executions() < int(value)
        return True


@contextmanager
def _handlers(end: Callable[[int], object]) -> Iterator[None]:
    """Have SIGINT and SIGTERM call `end`, in the thread that Python gives signals to; else who runs us calls it."""
    old = {}
    try:
        for number in (signal.SIGINT, signal.SIGTERM):
            old[number] = signal.signal(number, lambda number, _: end(number))
    except ValueError:
        pass  # it is another thread
    try:
        yield
    finally:
        for number, handler in old.items():
            signal.signal(number, handler)


def _signal_in(stacks: str) -> str | None:
    """Return the name of the signal that faulthandler tells of."""
    for words, name in (
        ("Segmentation fault", "SIGSEGV"),
        ("Aborted", "SIGABRT"),
        ("Bus error", "SIGBUS"),
        ("Floating point exception", "SIGFPE"),
        ("Illegal instruction", "SIGILL"),
    ):
        if words in stacks.partition("\n")[0]:
            return name
    return None
