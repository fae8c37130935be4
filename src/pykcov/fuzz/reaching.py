"""What inputs reach, by a measure that is the same on all machines: places, and how often each in ranges.

Each input runs in a forked process of its own, so what it reaches depends on nothing that ran before, and an input that
ends its process ends nothing else. A place is a pc; one of native code, whose pc is an address, a hash of the build-id
and the offset. The range is one of the eight that libFuzzer tells apart.
"""

import os
import re
import signal
from _blake2 import blake2b  # hashlib would load OpenSSL
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from struct import Struct
from typing import IO, Any, NoReturn

from pykcov import _core
from pykcov.device import Device
from pykcov.fuzz.candidates import end_of
from pykcov.fuzz.followed import run_followed
from pykcov.fuzz.harness import Harness, Target
from pykcov.fuzz.settings import Settings
from pykcov.traces import locations
from pykcov.traces.pcs import is_python

SECONDS = 10
"""An input that takes longer reaches nothing."""

# Of an input its number and how many places it reaches, then the place and the range of each.
_HEADER = Struct("<II")
_FEATURE = Struct("<QB")
_REACHED = re.compile(rb"[^\0]")

_TRIES = 3
"""For an input that ends its process: somebody else may have done so."""

Reach = list[tuple[int, int]]
"""Places, and the range of hits of each: 0 to 7 for 1, 2, 3, 4-7, 8-15, 16-31, 32-127, 128 and more."""


def ask(folder: Path, inputs: Sequence[Path]) -> None:
    """Prepare a folder for serve(), which Settings.reach names."""
    # No path has a zero byte.
    (folder / "paths").write_bytes(b"\0".join(os.fsencode(path.absolute()) for path in inputs))
    (folder / "reached").touch()


def answers(folder: Path) -> Iterator[tuple[int, Reach]]:
    """Go through what serve() has said: the number of an input, and what it reaches, in order.

    That is nothing for one that ended its process, or took too long. Those at the end that are missing have not run, as
    the process that measures was ended.
    """
    told = (folder / "reached").read_bytes()
    at = 0
    while at + _HEADER.size <= len(told):
        number, count = _HEADER.unpack_from(told, at)
        at += _HEADER.size
        end = at + count * _FEATURE.size
        if end > len(told):
            return  # the process was ended while it wrote
        yield number, list(_FEATURE.iter_unpack(told[at:end]))
        at = end


def places_read(folder: Path) -> list[list[Any]]:
    """Return rows of places_of() for what got probes while inputs ran, as they imported it."""
    import json  # not before: who fuzzes does not need it

    rows: list[list[Any]] = []
    for path in sorted(folder.glob("places.*")):
        rows += json.loads(path.read_bytes())
    return rows


def serve(harness: Harness, settings: Settings) -> NoReturn:
    """Run the inputs that a folder names, and say there what each reaches. Ends the process."""
    # Not before: see places_read().
    from pykcov.remote import carriers

    assert settings.reach is not None
    folder = Path(settings.reach)
    carriers.install()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    paths = (folder / "paths").read_bytes()
    pcs = _pcs(0, _core.probe_count())
    with (folder / "reached").open("ab", 0) as told:
        for number, path in enumerate(paths.split(b"\0") if paths else []):
            # Read here: in a forked process all that is touched first is copied.
            data = Path(os.fsdecode(path)).read_bytes()
            if not any(_is_measured(harness.target, data, number, told, folder, pcs) for _ in range(_TRIES)):
                told.write(_HEADER.pack(number, 0))
    os._exit(0)


def _is_measured(target: Target, data: bytes, number: int, told: IO[bytes], folder: Path, pcs: list[int]) -> bool:
    """Measure an input in a forked process; return whether that has said something, or took too long."""
    before = os.fstat(told.fileno()).st_size
    child = os.fork()
    if child == 0:
        _measure(target, data, number, told, folder, pcs)
    code = end_of(child, SECONDS)
    if code is None:
        told.write(_HEADER.pack(number, 0))
        return True
    return os.fstat(told.fileno()).st_size > before


def _measure(target: Target, data: bytes, number: int, told: IO[bytes], folder: Path, pcs: list[int]) -> NoReturn:
    """Run an input, in a process of its own."""
    try:
        os.setpgid(0, 0)
        for each in (signal.SIGALRM, signal.SIGINT):
            signal.signal(each, signal.SIG_DFL)
        me = os.getpid()
        reached = _reach(target, data)
        if os.getpid() == me:
            end = _core.probe_count()
            _tell_places(len(pcs), end, folder)
            pcs += _pcs(len(pcs), end)
            rows = [(pcs[each], bits.bit_length() - 1) for each, bits in reached if each < end and pcs[each]]
            told.write(_HEADER.pack(number, len(rows)) + b"".join(_FEATURE.pack(*row) for row in rows))
    finally:
        os._exit(0)


def _pcs(first: int, end: int) -> list[int]:
    return _stable(pc for pc, _ in locations.numbered(first, end))


def _tell_places(before: int, end: int, folder: Path) -> None:
    """Say which places are new since the harness was loaded."""
    import json  # not before: see places_read()

    if end > before and len(list(folder.glob("places.*"))) < _TOLD_MAX:
        (folder / f"places.{os.getpid()}").write_text(json.dumps(places_of(before, end)), "utf-8")


_TOLD_MAX = 100
"""Inputs of one measurement that may say which places are new: mostly each says the same."""


def _reach(target: Target, data: bytes) -> list[tuple[int, int]]:
    """Return the numbers of the counters that an input counts up, with the bit of its range."""
    with Device() as device:
        device.set_buffer_size(1)  # what is counted does not go there
        counters = device.set_counters()
        run_followed(device, target, data)  # what it raises is a finding where inputs are made
        seen = bytearray(_core.probe_count())
        counters.reach(seen)
    return [(found.start(), found[0][0]) for found in _REACHED.finditer(seen)]


def places_of(first: int, end: int) -> list[list[Any]]:
    """Return a row for each place with a number of `first` to `end` - 1: pc, file, first line, last line, function.

    The pc is 0 if it is not known.
    """
    # Not before: most processes fuzz.
    from pykcov.native.locations import symbolize

    pcs = [pc for pc, _ in locations.numbered(first, end)]
    rows = []
    for pc, location in zip(_stable(pcs), symbolize(pcs), strict=True):
        last = max((location.end_line, *location.lines))
        rows.append([pc, location.file, location.line, last, location.function])
    return rows


def version_of(rows: Iterable[Sequence[Any]]) -> str:
    """Return what stands for the code of these places: equal for equal code."""
    pcs = sorted(row[0] for row in rows)
    return blake2b(b"".join(pc.to_bytes(8, "little") for pc in pcs), digest_size=8).hexdigest()


def _stable(pcs: Iterable[int]) -> list[int]:
    """Return pcs as they are on each machine."""
    # Not before: few programs have native code with probes.
    from pykcov.native.images import images, precedence

    native: list[Any] | None = None
    found = []
    for pc in pcs:
        if pc and not is_python(pc):
            native = sorted(images(), key=precedence)[::-1] if native is None else native
            image = next((image for image in native if image.start <= pc < image.end), None)
            where = f"{image.build_id or os.path.basename(image.path)}+{pc - image.bias:#x}" if image else f"{pc:#x}"
            pc = int.from_bytes(blake2b(where.encode(), digest_size=8).digest(), "little") >> 1
        found.append(pc)
    return found
