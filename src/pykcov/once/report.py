"""What processes have left in a folder of pykcov.production(): read, merged, and put together."""

import fcntl
import json
import os
import sys
from array import array
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from typing import Any

from pykcov.once.log import read_log
from pykcov.traces.arcs import Arc, complete
from pykcov.traces.location_table import LocationTable
from pykcov.traces.locations import Location
from pykcov.traces.texts import platform_name
from pykcov.traces.threads import Thread
from pykcov.traces.tracefile import TraceFile

FORMAT = "pykcov production 1"
PLACES = ".places"
LOG = ".log"
_MERGED = "merged.json"
_LOCK = "lock"
# Versions of a file that are kept, the newest ones.
_VERSIONS = 8


class ObservedError(Exception):
    """A folder that cannot be read; says which and why."""


class Version:
    """One content of a source file, as processes have loaded it."""

    def __init__(self, since: int, last: int, places: dict[int, Location]) -> None:
        """Take when the first process began that had it, what orders the last one, and its places by pc."""
        self.since = since
        self.last = last
        self.places = places

    def add(self, started: int, order: int, places: dict[int, Location]) -> None:
        """Take what one more process has loaded of it."""
        self.since, self.last = min(self.since, started), max(self.last, order)
        self.places.update(places)


class Observed:
    """What ran in all processes of a folder. Times are seconds of time.time()."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self.since = 0
        """When the first process began; 0 if there was none."""
        self.processes = 0
        """How many there were, with those that run."""
        self.running = 0
        """How many of them had not ended."""
        self.hits: dict[int, int] = {}
        """When each pc that ran did so first."""
        self.files: dict[str, dict[str, Version]] = {}
        """By name of the file and digest of its content."""

    def newest(self) -> dict[str, Version]:
        """Return of each file the version that was loaded last, by name."""
        return {file: max(versions.values(), key=lambda one: one.last) for file, versions in self.files.items()}

    def newest_digests(self) -> dict[str, str]:
        """Return the digests of newest()."""
        return {file: max(versions, key=lambda one: versions[one].last) for file, versions in self.files.items()}

    def line_times(self, version: Version) -> tuple[dict[int, int], list[int]]:
        """Return the lines of a version that ran, with when each did first, and those that never ran, sorted."""
        ran: dict[int, int] = {}
        lines: set[int] = set()
        for pc, place in version.places.items():
            lines.update(place.lines)
            if pc in self.hits:
                for line in place.lines:
                    ran[line] = min(ran.get(line, self.hits[pc]), self.hits[pc])
        return dict(sorted(ran.items())), sorted(lines - ran.keys() - {0})

    def arcs(self, version: Version) -> set[Arc]:
        """Return the arcs of a version that ran, if its places tell any."""
        ran = [place for pc, place in version.places.items() if pc in self.hits]
        return complete({line for place in ran for line in place.lines}, [arc for place in ran for arc in place.arcs])

    def never_called(self, version: Version) -> list[tuple[int, str]]:
        """Return line and name of the functions of a version of which nothing ran, sorted."""
        functions: dict[str, tuple[int, bool]] = {}
        for pc, place in version.places.items():
            line, called = functions.get(place.function, (place.line, False))
            functions[place.function] = min(line, place.line), called or pc in self.hits
        return sorted((line, name) for name, (line, called) in functions.items() if not called)

    def trace_file(self, folder: str) -> TraceFile:
        """Return what ran of the newest versions as a trace, whose only thread is all processes."""
        newest, digests = self.newest(), self.newest_digests()
        table = LocationTable.from_locations([place for one in newest.values() for place in one.places.values()])
        known = {pc for one in newest.values() for pc in one.places}
        words = memoryview(array("Q", [pc for pc in self.hits if pc in known]).tobytes()).cast("Q")
        granularity = "arc" if any(place.arcs for one in newest.values() for place in one.places.values()) else "line"
        return TraceFile(
            command=f"pykcov.production({folder!r})",
            folder=os.getcwd(),
            python=sys.version,
            platform=platform_name(),
            mode="once",
            granularity=granularity,
            started=datetime.fromtimestamp(self.since, UTC).isoformat(timespec="seconds"),
            threads=[Thread(f"{self.processes} processes", 0, 0, 0, words)],
            locations=table,
            digests=digests,
        )

    def add_merged(self, merged: Any) -> None:
        """Take what merge() has written."""
        self.since, self.processes = merged["since"], merged["processes"]
        self.hits.update((int(pc), seconds) for pc, seconds in merged["hits"].items())
        for file, digest, since, last, rows in merged["files"]:
            self.files.setdefault(file, {})[digest] = Version(since, last, _places(rows))

    def add_process(self, lines: list[Any], hits: dict[int, int]) -> None:
        """Take what one process has left: a header and rows."""
        started, order = lines[0]["started"], lines[0]["order"]
        self.since = min(self.since or started, started)
        self.processes += 1
        for pc, seconds in hits.items():
            self.hits[pc] = min(self.hits.get(pc, seconds), seconds)
        for row in lines[1:]:
            versions = self.files.setdefault(row["file"], {})
            places = _places(row["places"])
            if row["digest"] in versions:
                versions[row["digest"]].add(started, order, places)
            else:
                versions[row["digest"]] = Version(started, order, places)

    def merged(self) -> dict[str, Any]:
        """Return what add_merged() takes: no more versions than it may be, and hits of these."""
        files = [
            (file, digest, one.since, one.last, list(one.places.values()))
            for file, versions in self.files.items()
            for digest, one in sorted(versions.items(), key=lambda item: -item[1].last)[:_VERSIONS]
        ]
        known = {place.pc for *_, places in files for place in places}
        hits = {str(pc): seconds for pc, seconds in self.hits.items() if pc in known}
        return {"format": FORMAT, "since": self.since, "processes": self.processes, "hits": hits, "files": files}


def read(folder: str) -> Observed:
    """Return what all processes have left in a folder. ObservedError: there is no such folder, or nothing is in it."""
    if not os.path.isdir(folder):
        raise ObservedError(f"{folder}: there is no such folder")
    with locked(folder):
        observed, _ = _read(folder)
    if not observed.processes:
        raise ObservedError(f"{folder}: no process has left anything here: pykcov.production({folder!r}) would")
    return observed


def merge(folder: str) -> None:
    """Put what processes that have ended have left into one file."""
    with locked(folder, fcntl.LOCK_EX):
        observed, ended = _read(folder, only_ended=True)
        if not ended:
            return
        temporary = os.path.join(folder, _MERGED + ".new")
        with open(temporary, "w", encoding="utf-8") as file:
            json.dump(observed.merged(), file)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, os.path.join(folder, _MERGED))
        for path in ended:
            for suffix in (PLACES, LOG):
                with suppress(FileNotFoundError):
                    os.unlink(path + suffix)


def _read(folder: str, only_ended: bool = False) -> tuple[Observed, list[str]]:
    """Return what is there, and the paths of the files of processes that have ended."""
    observed = Observed()
    try:
        with open(os.path.join(folder, _MERGED), encoding="utf-8") as file:
            merged = json.load(file)
        if merged["format"] != FORMAT:
            raise ObservedError(f"{file.name}: of another version of pykcov")
        observed.add_merged(merged)
    except FileNotFoundError:
        pass
    except (ValueError, KeyError, TypeError) as error:
        raise ObservedError(f"{file.name}: damaged: {error}") from None
    ended = []
    for name in sorted(os.listdir(folder)):
        if not name.endswith(PLACES):
            continue
        path = os.path.join(folder, name.removesuffix(PLACES))
        with open(path + PLACES, "rb") as file_of_places:
            has_ended = _has_ended(file_of_places.fileno())
            if only_ended and not has_ended:
                continue
            data = file_of_places.read()
        rows = _rows(data)
        if rows:
            observed.add_process(rows, _hits(path + LOG))
            observed.running += not has_ended
        if has_ended:
            ended.append(path)
    return observed, ended


def _rows(data: bytes) -> list[Any]:
    """Return the rows that are whole; none if these are no rows of ours."""
    rows = []
    for line in data.split(b"\n")[:-1]:
        try:
            rows.append(json.loads(line))
        except ValueError:
            break
    return rows if rows and type(rows[0]) is dict and rows[0].get("format") == FORMAT and "order" in rows[0] else []


def _hits(path: str) -> dict[int, int]:
    try:
        with open(path, "rb") as file:
            data = file.read()
    except FileNotFoundError:
        return {}
    return read_log(memoryview(data[: len(data) // 8 * 8]).cast("Q")) if len(data) >= 8 else {}


def _places(rows: list[list[Any]]) -> dict[int, Location]:
    return {row[0]: _place(*row) for row in rows}


def _place(*row: Any) -> Location:
    place = Location(*row)
    conditions = tuple(
        (line, column, end, end_column, what) for line, column, end, end_column, what in place.conditions
    )
    return place._replace(
        lines=tuple(place.lines), arcs=tuple((start, end) for start, end in place.arcs), conditions=conditions
    )


def _has_ended(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


@contextmanager
def locked(folder: str, operation: int = fcntl.LOCK_SH) -> Iterator[None]:
    """Keep others from merging what is in a folder, or, with LOCK_EX, from beginning or reading, meanwhile."""
    try:
        descriptor = os.open(os.path.join(folder, _LOCK), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
    except OSError:  # who may only read does without
        yield
        return
    try:
        fcntl.flock(descriptor, operation)
        yield
    finally:
        os.close(descriptor)
