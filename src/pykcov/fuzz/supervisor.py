"""Starts the process that fuzzes, watches it, and takes care of what it cannot report itself: crashes, hangs, kills."""

import os
import shlex
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from hashlib import sha1
from pathlib import Path
from typing import IO

from pykcov.fuzz import exits, findings
from pykcov.fuzz.findings import Finding
from pykcov.fuzz.minimize import Judge, minimize
from pykcov.fuzz.settings import Settings
from pykcov.fuzz.stacks import frames_of_dump, native_kind, token_of
from pykcov.fuzz.statistics import Snapshot, Statistics

_ARTIFACTS = {
    "crash-": "crash",
    "leak-": "leak",
    "timeout-": "timeout",
    "oom-": "out-of-memory",
}
"""What libFuzzer calls the files that it writes, and what they are."""

_CODES = {"timeout": exits.TIMEOUT, "out-of-memory": exits.OUT_OF_MEMORY}
_KINDS = {code: kind for kind, code in _CODES.items()}


@dataclass
class Outcome:
    """How a campaign ended."""

    code: int
    findings: list[Path]
    """The folders of what was found, or found again."""
    snapshot: Snapshot
    """Of all processes together."""


class Supervisor:
    """One campaign: one process after the other, until enough was found."""

    def __init__(self, settings: Settings, *, minimize_seconds: float) -> None:
        """Take what to fuzz, and how long to make the input of each finding shorter."""
        assert settings.findings is not None
        self._settings = settings
        self._minimize_seconds = minimize_seconds
        self._say: Callable[[str], object] = print
        self._errors: IO[bytes] | None = None
        self._told: IO[bytes] | None = None
        self._folder = Path(settings.findings)
        self._found: dict[str, Path] = {}
        self._statistics = Statistics()
        self._done: list[Snapshot] = []
        self._began = time.monotonic()

    def run(self, say: Callable[[str], object], errors: IO[bytes] | None) -> Outcome:
        """Fuzz. `say` shows a line; standard error of the processes goes to `errors`, None: to ours."""
        self._say, self._errors = say, errors
        self._folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix="pykcov-fuzz-") as scratch:
            while True:
                code, died = self._run_process(Path(scratch))
                if not died or len(self._found) >= self._settings.keep_going or not self._go_on():
                    break
                self._done.append(self._statistics.snapshot())
                self._statistics = Statistics()
        for folder in self._found.values():
            self._examine(folder)
        if self._found and code == 0:
            code = exits.CRASHED
        return Outcome(code, list(self._found.values()), self.snapshot())

    def snapshot(self) -> Snapshot:
        """Return the numbers so far."""
        now = self._statistics.snapshot()
        sums = {
            name: getattr(now, name) + sum(getattr(one, name) for one in self._done)
            for name in ("executions", "inside", "dropped", "leftovers")
        }
        return now._replace(**sums, sees=max(now.sees, *(one.sees for one in self._done), 0))

    @property
    def found(self) -> int:
        """How many findings there are so far."""
        told = self._told
        return len(self._found) + (os.pread(told.fileno(), 1 << 20, 0).count(b"\n") if told is not None else 0)

    def _run_process(self, scratch: Path) -> tuple[int, bool]:
        """Run one process; return its exit code, and whether something that it could not report ended it."""
        with tempfile.TemporaryFile() as dump, tempfile.TemporaryFile() as told:
            settings = replace(
                self._settings,
                arguments=self._arguments(scratch),
                statistics=self._statistics.descriptor,
                dump=dump.fileno(),
                told=told.fileno(),
                keep_going=self._settings.keep_going - len(self._found),
            )
            self._told = told
            process = subprocess.Popen(
                [sys.executable, "-m", "pykcov.fuzz", settings.dumps()],
                pass_fds=[self._statistics.descriptor, dump.fileno(), told.fileno()],
                stderr=self._errors,
            )
            status = _wait(process)
            self._told = None
            dump.seek(0)
            stacks = dump.read().decode("utf-8", "replace")
            told.seek(0)
            inputs = dict(line.split() for line in told.read().decode().splitlines())
        self._found.update((name, self._folder / name) for name in inputs.values())
        code = status if status >= 0 else exits.CRASHED
        died = self._take_artifacts(scratch, set(inputs), stacks)
        if not died and not inputs and self._ended_inside(status):
            # libFuzzer may have put its file where the user wants it.
            kind = _KINDS.get(status) or _signal_in(stacks) or (native_kind(-status) if status < 0 else "exit")
            self._keep(kind, self._statistics.input(), stacks)
            died, code = True, _CODES.get(kind, exits.CRASHED)
        return code, died

    def _ended_inside(self, status: int) -> bool:
        """Whether the target ended the process in a way that libFuzzer could not notice."""
        interrupted = status == exits.INTERRUPTED or -status in (signal.SIGINT, signal.SIGTERM)
        return self._statistics.snapshot().running == 1 and not interrupted

    def _take_artifacts(self, scratch: Path, told: set[str], stacks: str) -> bool:
        """Make findings of the files that libFuzzer has left; return whether there was one that was not told before."""
        new = False
        for path in sorted(scratch.iterdir()):
            kind = next((kind for prefix, kind in _ARTIFACTS.items() if path.name.startswith(prefix)), None)
            data = path.read_bytes()
            path.unlink()
            if kind is not None and sha1(data).hexdigest() not in told:
                self._keep(_signal_in(stacks) or kind if kind == "crash" else kind, data, stacks)
                new = True
        return new

    def _keep(self, kind: str, data: bytes, stacks: str) -> None:
        # Of several dumps the last: an alarm that is no timeout yet writes one, too.
        begin = max(stacks.rfind("Current thread"), stacks.rfind("Fatal Python error"))
        stacks = stacks[begin:] if begin > 0 else stacks
        frames = frames_of_dump(stacks)
        report = stacks or f"The process ended without a word ({kind}), with this input.\n"
        finding = Finding(kind, token_of(kind, frames), report, data, self._settings.harness)
        folder = findings.save(finding, self._folder)
        self._found[folder.name] = folder
        self._say(f"{kind}: saved in {os.path.relpath(folder)}")

    def _examine(self, folder: Path) -> None:
        """Find out more of a finding: a shorter input, and of a crash where it happened."""
        finding = findings.load(folder)
        if self._minimize_seconds <= 0 or finding.kind in _CODES:
            return
        with Judge(self._settings) as judge:
            verdict = judge.verdict(finding.input, locations=finding.kind.startswith("SIG"))
            if verdict.locations:
                # Also if it ends in another way now: what an overflow meets is not the same each time.
                findings.add_locations(folder, verdict.locations)
            if verdict.token != finding.token:
                self._say(f"{folder.name}: not brought about by its input alone: {verdict.token or 'nothing happens'}")
                return
            shorter = minimize(
                finding.input, lambda data: judge.verdict(data).token == finding.token, self._minimize_seconds
            )
        if shorter != finding.input:
            findings.save_minimized(finding, folder, shorter)
            self._say(f"{folder.name}: minimized from {len(finding.input)} to {len(shorter)} bytes")

    def _arguments(self, scratch: Path) -> list[str]:
        """Return the command line of the next process: what is left of the limits."""
        arguments = []
        for argument in self._settings.arguments:
            flag, _, value = argument.partition("=")
            if flag == "-max_total_time" and value.isdigit() and int(value):
                value = str(max(int(int(value) - (time.monotonic() - self._began)), 1))
            elif flag in ("-runs", "-atheris_runs") and value.isdigit():
                value = str(max(int(value) - sum(one.executions for one in self._done), 0))
            arguments.append(f"{flag}={value}" if flag.startswith("-") and value else argument)
        if not any(argument.startswith(("-artifact_prefix=", "-exact_artifact_path=")) for argument in arguments):
            arguments.append(f"-artifact_prefix={scratch}/")
        return arguments

    def _go_on(self) -> bool:
        for argument in self._settings.arguments:
            flag, _, value = argument.partition("=")
            if flag == "-max_total_time" and value.isdigit() and int(value):
                return time.monotonic() - self._began < int(value)
            if flag in ("-runs", "-atheris_runs") and value.isdigit():
                return self.snapshot().executions < int(value)
        return True


def command_of(options: list[str], harness: str) -> str:
    """Return the command by which libFuzzer starts itself again, for the shell."""
    return shlex.join([sys.executable, "-m", "pykcov", "fuzz", *options, harness])


def _wait(process: "subprocess.Popen[bytes]") -> int:
    """Wait for the end; a signal from the terminal goes to the process, too, which ends as it should."""

    def pass_on(number: int, _: object) -> None:
        with suppress(ProcessLookupError):
            process.send_signal(number)

    old = {signal.SIGINT: signal.signal(signal.SIGINT, lambda *_: None)}
    old[signal.SIGTERM] = signal.signal(signal.SIGTERM, pass_on)
    try:
        return process.wait()
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
