"""What the inputs of a corpus reach: the smallest part of it that reaches as much, and which input adds what.

A corpus may have 100,000 inputs. So what each reaches is a number whose bits are locations: of 10,000 locations, 1250
bytes. Between the two processes lists of files and of what they reach are files.
"""

import json
import os
import sys
import tempfile
from _blake2 import blake2b  # hashlib would load OpenSSL
from collections.abc import Iterable, Iterator, Sequence
from heapq import heapify, heappop, heapreplace
from pathlib import Path
from struct import Struct
from subprocess import DEVNULL, Popen
from typing import Any, BinaryIO, NamedTuple, NoReturn

from pykcov import _core
from pykcov.device import Buffer, Device
from pykcov.fuzz.followed import run_followed
from pykcov.fuzz.harness import Harness
from pykcov.fuzz.settings import VARIABLE, Settings
from pykcov.traces.locations import Location, add_listener

# Of what one input reaches: the bytes of the number, least significant first, and of what was raised.
_SIZES = Struct("<II")


class Reached(NamedTuple):
    """What one input reaches."""

    path: Path
    size: int
    places: int
    """Bit n: the n-th of Coverage.locations."""


def files_of(folders: Iterable[Path]) -> list[Path]:
    """Return the inputs in folders and below them, and files that are named themselves, each content once."""
    seen: set[bytes] = set()
    found = []
    for folder in folders:
        for path in sorted(folder.rglob("*")) if folder.is_dir() else [folder]:
            if not path.is_file() or path.name[0] == ".":
                continue
            digest = blake2b(path.read_bytes(), digest_size=16).digest()
            if digest not in seen:
                seen.add(digest)
                found.append(path)
    return found


def together(inputs: Iterable[Reached]) -> int:
    """Return what inputs reach together."""
    places = 0
    for one in inputs:
        places |= one.places
    return places


def numbers(places: int) -> Iterator[int]:
    """Go through the numbers of the bits that are set."""
    while places:
        lowest = places & -places
        yield lowest.bit_length() - 1
        places ^= lowest


def smallest(inputs: Sequence[Reached]) -> list[Reached]:
    """Return a part of the inputs that reaches all that they reach together: small ones, and few of them.

    Greedy: the one that adds most for its size comes first. Then those that the others make superfluous go.
    """

    def rank(one: Reached, order: int) -> tuple[float, int, int]:
        return -(one.places & missing).bit_count() / (one.size + 16), one.size, order

    missing = together(inputs)
    ordered = sorted(inputs, key=lambda one: (one.size, one.path))
    # What an input adds becomes less, never more: who is first after it was ranked anew is the best.
    heap = [rank(one, order) for order, one in enumerate(ordered)]
    heapify(heap)
    chosen: list[Reached] = []
    while missing:
        first = heap[0]
        best = ordered[first[2]]
        again = rank(best, first[2])
        if again != first:
            heapreplace(heap, again)
            continue
        heappop(heap)
        chosen.append(best)
        missing &= ~best.places
    return sorted(_without_superfluous(chosen), key=lambda one: one.path)


def _without_superfluous(chosen: list[Reached]) -> list[Reached]:
    """Take out what others reach as well, the largest first."""
    times = [0] * together(chosen).bit_length()
    for one in chosen:
        for number in numbers(one.places):
            times[number] += 1
    kept = []
    for one in sorted(chosen, key=lambda one: -one.size):
        if all(times[number] > 1 for number in numbers(one.places)):
            for number in numbers(one.places):
                times[number] -= 1
        else:
            kept.append(one)
    return kept


class Coverage(NamedTuple):
    """What a corpus reaches."""

    inputs: list[Reached]
    locations: list[Location]
    failed: dict[Path, str]
    """Inputs that the target raised something with, and what."""
    places: list[Location]
    """If asked for: all that has probes."""
    imported: set[int]
    """The pcs of those that were reached before the first input: code of modules, mostly."""

    def smallest_of_each(self, count: int) -> Iterator[tuple[Reached, list[Location]]]:
        """Go through the `count` smallest inputs that reach each location: an input, and those for which it is one."""
        left = [count] * len(self.locations)
        wanted = together(self.inputs)
        for one in sorted(self.inputs, key=lambda one: (one.size, one.path)):
            found = [*numbers(one.places & wanted)]
            for number in found:
                left[number] -= 1
                if left[number] == 0:
                    wanted ^= 1 << number
            if found:
                yield one, [self.locations[number] for number in found]

    def locations_of(self, one: Reached) -> list[Location]:
        """Return what an input reaches."""
        return [self.locations[number] for number in numbers(one.places)]

    def only_here(self) -> int:
        """Return what no more than one input reaches."""
        once = twice = 0
        for one in self.inputs:
            twice |= once & one.places
            once |= one.places
        return once & ~twice


def measure(settings: Settings, paths: Sequence[Path]) -> Coverage:
    """Run each input once in another process, which runs the harness. RuntimeError if that cannot be done."""
    with tempfile.TemporaryDirectory(prefix="pykcov-corpus-") as name:
        folder = Path(name)
        # No path has a zero byte.
        (folder / "paths").write_bytes(b"\0".join(os.fsencode(path.absolute()) for path in paths))
        (folder / "reached").touch()
        process = _start(settings._replace(measure=name))
        process.wait()
        with (folder / "reached").open("rb") as file:
            told = list(_read(file))
        if process.returncode or not (folder / "locations").is_file():
            where = f", with {paths[len(told)]}" if 0 < len(told) < len(paths) else ""
            raise RuntimeError(f"the harness ended early, with exit code {process.returncode}{where}")
        locations, everything, imported = json.loads((folder / "locations").read_bytes())
    return Coverage(
        [Reached(path, path.stat().st_size, places) for path, (places, _) in zip(paths, told, strict=True)],
        list(map(_location, locations)),
        {path: problem for path, (_, problem) in zip(paths, told, strict=True) if problem},
        list(map(_location, everything)),
        set(imported),
    )


def _start(settings: Settings) -> "Popen[bytes]":
    if not is_packaged(settings.harness):
        return Popen(settings.command_line(), stdout=DEVNULL)
    environment = os.environ | {VARIABLE: settings.dumps()}
    return Popen([os.path.abspath(settings.harness)], env=environment, stdin=DEVNULL, stdout=DEVNULL)


def is_packaged(harness: str) -> bool:
    """Whether this is a target made by `pykcov package`, and no script."""
    return os.path.isdir(f"{harness}.pkg") and os.access(harness, os.X_OK)


def _location(row: list[Any]) -> Location:
    location = Location._make(row)
    return location._replace(lines=tuple(location.lines), arcs=tuple((start, end) for start, end in location.arcs))


def _read(file: BinaryIO) -> Iterator[tuple[int, str]]:
    while len(header := file.read(_SIZES.size)) == _SIZES.size:
        places, problem = map(file.read, _SIZES.unpack(header))
        yield int.from_bytes(places, "little"), problem.decode("utf-8", "replace")


def serve(harness: Harness, settings: Settings) -> NoReturn:
    """Do what measure() asks for, in the process that has run the harness. Ends it."""
    # Not before: only the process that measures needs these.
    from pykcov.native.locations import symbolize
    from pykcov.remote import carriers

    assert settings.measure is not None
    folder = Path(settings.measure)
    imported = _importing.end() if _importing is not None else []
    carriers.install()
    known: dict[int, int] = {}
    for path in (folder / "paths").read_bytes().split(b"\0"):
        pcs, problem = _reach(harness, Path(os.fsdecode(path)).read_bytes())
        mask = bytearray(len(known) // 8 + len(pcs) // 8 + 2)
        for pc in pcs:
            number = known.setdefault(pc, len(known))
            mask[number >> 3] |= 1 << (number & 7)
        raised = problem.encode()
        # Opened each time: the target may close what is open.
        with (folder / "reached").open("ab") as file:
            file.write(_SIZES.pack(len(mask), len(raised)) + mask + raised)
    places: list[Location] = []
    if settings.places:
        add_listener(places.extend)
    (folder / "locations").write_text(json.dumps([symbolize(known), places, imported]), "utf-8")
    sys.stdout.flush()
    os._exit(0)


class Importing:
    """What this thread reaches, from its making until end()."""

    def __init__(self) -> None:
        """Begin."""
        self._device = Device()
        self._device.set_buffer_size(_core.BUFFER_WORDS_MAX)
        self._buffer = self._device.mmap()
        self._device.enable(_core.TRACE_UNIQUE_PC)

    def end(self) -> list[int]:
        """End, and return the pcs."""
        self._device.disable(wait=False)
        pcs = _pcs(self._buffer)
        self._device.close(wait=False)
        return pcs


_importing: Importing | None = None


def note_importing() -> None:
    """Have what is reached before the first input told apart."""
    global _importing
    _importing = Importing()


def _pcs(buffer: Buffer) -> list[int]:
    # Not pcs(): there is no numpy in a packaged target.
    return buffer.words[1 : 1 + buffer.count].tolist()


def _reach(harness: Harness, data: bytes) -> tuple[list[int], str]:
    with Device() as device:
        device.set_buffer_size(_core.BUFFER_WORDS_MAX)
        buffer = device.mmap()
        group, problem = run_followed(device, harness.target, data)
        places = _pcs(buffer)
        _core.unregister(_core.REMOTE_COMMON, group, wait=False)
        device.close(wait=False)
    return places, problem
