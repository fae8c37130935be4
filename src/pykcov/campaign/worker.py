"""What a worker does: it keeps targets loaded, and runs one slice after the other.

It has files of inputs, so that only what it does not have travels. All of it can be lost at any time.
"""

import os
import platform
import shutil
import signal
import tempfile
import threading
import time
from collections import OrderedDict
from pathlib import Path
from resource import RUSAGE_CHILDREN, RUSAGE_SELF, getrusage
from typing import IO, Any

from pykcov.campaign.slices import Finding, Result, Slice, Target, digest_of
from pykcov.fuzz import exits, findings, reaching
from pykcov.fuzz.loaded import Loaded, NotLoadedError
from pykcov.fuzz.minimize import Judge
from pykcov.fuzz.settings import Settings
from pykcov.fuzz.supervisor import Outcome, Supervisor

_LOADED_MAX = 16
"""Targets that a worker keeps loaded."""
_KEEP_GOING = 1000
"""Findings of one slice that are enough."""
_ENDS_MAX = 20
"""Lines that a slice keeps of what was said."""

_loaded: "OrderedDict[tuple[str, Target], Loaded]" = OrderedDict()
_one_at_a_time = threading.Lock()
_folder: Path | None = None
_running: Supervisor | None = None
_ending = threading.Event()


def name() -> str:
    """Return what tells this worker from others."""
    return f"{platform.node()}:{os.getpid()}"


def run(work: Slice) -> Result:
    """Run a slice. What can go wrong with a target is in the result."""
    with _one_at_a_time:
        began = time.monotonic()
        _make_room(work)
        own = _processor_time()
        try:
            result = _run(work)
        except (NotLoadedError, OSError) as error:
            _forget(work)
            result = Result(name(), problem=str(error), killed=getattr(error, "killed", False))
        processor = result.processor + _processor_time() - own
        return result._replace(seconds=time.monotonic() - began, processor=processor)


def end() -> None:
    """Have the slice that runs end soon, with what it has, and no other one begin."""
    _ending.set()
    if _running is not None:
        _running.end(signal.SIGINT)


def begin() -> None:
    """Let slices begin."""
    _ending.clear()


def close() -> None:
    """End the processes of loaded targets, and remove the files."""
    global _folder
    with _one_at_a_time:
        while _loaded:
            _loaded.popitem()[1].close()
        if _folder is not None:
            shutil.rmtree(_folder, ignore_errors=True)
        _folder = None


def _run(work: Slice) -> Result:
    folder = _inputs_folder(work.campaign)
    for digest, data in work.inputs.items():
        (folder / digest).write_bytes(data)
    asked = {*work.corpus, *work.measure, *(digest for _, digest in work.replays)}
    missing = tuple(digest for digest in asked if not (folder / digest).is_file())
    if missing:
        return Result(name(), missing=missing)
    key = work.campaign, work.target
    before = _loaded[key].processor if key in _loaded else 0.0
    loaded = _load(work)
    # Who names a version has the places of it.
    places = [] if work.version else loaded.places
    result = Result(name(), loaded.python, loaded.version, places=places)
    if work.version not in ("", loaded.version):
        return result._replace(problem=f"its code is not that of the campaign: here it is {loaded.version}")
    with tempfile.TemporaryDirectory(prefix="pykcov-slice-", dir=_base()) as scratch:
        if work.seconds:
            result = _fuzz(work, loaded, folder, Path(scratch), result)
        result = _measure(work, loaded, folder, Path(scratch), result)
    if work.replays:
        result = _replay(work, folder, result)
    result = result._replace(places=_relative(result.places, work.target.folder))
    return result._replace(processor=loaded.processor - before)


def _load(work: Slice) -> Loaded:
    """Return the loaded target."""
    key = work.campaign, work.target
    if not os.path.isdir(work.target.folder):
        raise NotLoadedError(f"there is no folder {work.target.folder} here")
    os.chdir(work.target.folder)
    if key in _loaded:
        _loaded.move_to_end(key)
        return _loaded[key]
    _loaded[key] = Loaded(_settings(work.target), work.target.folder)
    return _loaded[key]


def _make_room(work: Slice) -> None:
    while len(_loaded) >= _LOADED_MAX and (work.campaign, work.target) not in _loaded:
        _loaded.popitem(last=False)[1].close()


def _forget(work: Slice) -> None:
    loaded = _loaded.pop((work.campaign, work.target), None)
    if loaded is not None:
        loaded.close()


def _settings(target: Target) -> Settings:
    return Settings(
        target.harness, include=list(target.include), exclude=list(target.exclude), source=list(target.source)
    )


def _fuzz(work: Slice, loaded: Loaded, folder: Path, scratch: Path, result: Result) -> Result:
    """Fuzz for the time of a slice."""
    new, corpus, found = scratch / "new", scratch / "corpus", scratch / "findings"
    for each in (new, corpus):
        each.mkdir()
    for digest in work.corpus:
        os.link(folder / digest, corpus / digest)
    arguments = [
        *(str(new), str(corpus)),
        *work.target.flags,
        *(f"-max_total_time={max(round(work.seconds), 1)}", f"-seed={work.seed}", "-reload=0", "-verbosity=0"),
    ]
    # Forked processes have none of the threads that a harness has started.
    kept = loaded if not loaded.threads else None
    with (
        os.fdopen(os.memfd_create("pykcov-seen"), "r+b", 0) as seen,
        open(scratch / "errors", "w+b", 0) as errors,
    ):
        seen.truncate(len(loaded.places))
        settings = _settings(work.target)._replace(
            arguments=arguments,
            findings=str(found),
            keep_going=_KEEP_GOING,
            goes_on=True,
            seen=seen.fileno() if kept is not None else None,
            seen_after=len(work.corpus) + 1,  # libFuzzer begins with an empty input
        )
        before = loaded.processor
        outcome, said = _supervise(
            Supervisor(settings, minimize_seconds=work.minimize, loaded=kept, known=work.known), errors
        )
        seen.seek(0)
        times = seen.read()
        errors.seek(0)
        last = errors.read()[-4096:].decode("utf-8", "replace").strip().splitlines()
    snapshot = outcome.snapshot
    problem = "" if snapshot.executions else _problem(outcome, said, last)
    inputs = {digest_of(data): data for data in (path.read_bytes() for path in sorted(new.iterdir()))}
    known = {*work.corpus, *work.measure}
    return result._replace(
        problem=problem,
        new={digest: data for digest, data in inputs.items() if digest not in known},
        findings=tuple(map(_finding, sorted(found.iterdir()))) if found.is_dir() else (),
        executions=snapshot.executions,
        inside=snapshot.inside / 1e9,
        fuzzing=snapshot.spent / 1e9,
        fuzzing_processor=loaded.processor - before,
        code=outcome.code,
        dropped=snapshot.dropped,
        seen={place[0]: each for place, each in zip(loaded.places, times, strict=False) if each and place[0]},
        remarks=tuple(said[-_ENDS_MAX:]),
    )


def _supervise(supervisor: Supervisor, errors: IO[bytes]) -> tuple[Outcome, list[str]]:
    """Run a process that fuzzes, which end() can end; return how it ended and what was said."""
    global _running
    said: list[str] = []
    with supervisor:
        _running = supervisor
        if _ending.is_set():
            supervisor.end(signal.SIGINT)
        try:
            return supervisor.run(said.append, errors), said
        finally:
            _running = None


def _problem(outcome: Outcome, said: list[str], last: list[str]) -> str:
    if outcome.code in (0, exits.INTERRUPTED) and _ending.is_set():
        return ""
    return "\n".join([*said, *last][-_ENDS_MAX:]) or f"no input ran (exit code {outcome.code})"


def _measure(work: Slice, loaded: Loaded, folder: Path, scratch: Path, result: Result) -> Result:
    """Say what inputs reach."""
    for digest, data in result.new.items():
        (folder / digest).write_bytes(data)
    digests = [*work.measure, *result.new]
    if not digests:
        return result
    reaching.ask(scratch, [folder / digest for digest in digests])
    with open(os.devnull, "wb") as nowhere:
        process = loaded.start(_settings(work.target)._replace(reach=str(scratch)), [], nowhere)
        process.wait()
    reach = {digests[number]: rows for number, rows in reaching.answers(scratch)}
    return result._replace(
        reach=reach,
        unmeasured=tuple(digest for digest in digests if digest not in reach),
        places=result.places + reaching.places_read(scratch),
    )


def _replay(work: Slice, folder: Path, result: Result) -> Result:
    """Say which findings are there yet."""
    fixed: list[str] = []
    present: list[str] = []
    with Judge(_settings(work.target)) as judge:
        for token, digest in work.replays:
            tokens = judge.verdict((folder / digest).read_bytes()).tokens
            (present if token in tokens else fixed).append(token)
    return result._replace(fixed=tuple(fixed), present=tuple(present))


def _relative(places: list[list[Any]], folder: str) -> list[list[Any]]:
    """Return places whose files have names that are the same on all machines, where they are the project's own."""
    own = os.path.join(folder, "")
    return [[place, file.removeprefix(own), *rest] for place, file, *rest in places]


def _finding(folder: Path) -> Finding:
    kept = findings.load(str(folder))
    whole = (folder / "input").read_bytes()
    minimized = kept.input if (folder / "minimized").exists() else None
    return Finding(folder.name, kept.kind, kept.token, kept.report, whole, minimized, kept.found)


def _inputs_folder(campaign: str) -> Path:
    folder = _base() / campaign
    folder.mkdir(exist_ok=True)
    return folder


def _base() -> Path:
    global _folder
    if _folder is None:
        # Below that of the worker, which is removed by others if it is killed; so are files of what it runs.
        _folder = Path(tempfile.mkdtemp(prefix="pykcov-", dir=_folder_of_worker()))
        os.environ["TMPDIR"] = str(_folder)
    return _folder


def _folder_of_worker() -> str | None:
    # Not before: who tries a slice without workers does not need it.
    from distributed import get_worker

    try:
        folder: str = get_worker().local_directory
    except ValueError:
        return None
    return folder


def _processor_time() -> float:
    """Return the seconds of this process and of those that it has waited for, which loaded ones are not yet."""
    return sum(sum(getrusage(whose)[:2]) for whose in (RUSAGE_SELF, RUSAGE_CHILDREN))
