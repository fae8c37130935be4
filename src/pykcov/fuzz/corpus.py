"""What the inputs of a corpus reach: the smallest part of it that reaches as much, and which input adds what."""

import json
import os
import sys
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path
from subprocess import DEVNULL, Popen
from typing import NamedTuple, NoReturn

from pykcov import _core
from pykcov.device import Device
from pykcov.fuzz.harness import Harness
from pykcov.fuzz.settings import Settings
from pykcov.locations import Location


class Reached(NamedTuple):
    """What one input reaches."""

    path: Path
    size: int
    places: frozenset[int]
    """The pcs."""


def files_of(folders: Iterable[Path]) -> list[Path]:
    """Return the inputs in folders and below them, and files that are named themselves, each content once."""
    seen: set[bytes] = set()
    found = []
    for folder in folders:
        for path in sorted(folder.rglob("*")) if folder.is_dir() else [folder]:
            if path.is_file() and path.name[0] != "." and (data := path.read_bytes()) not in seen:
                seen.add(data)
                found.append(path)
    return found


def smallest(inputs: Sequence[Reached]) -> list[Reached]:
    """Return a part of the inputs that reaches all that they reach together: small ones, and few of them.

    Greedy: the one that adds most for its size comes first. Then those that the others make superfluous go.
    """
    missing = frozenset[int]().union(*(one.places for one in inputs))
    left = sorted(inputs, key=lambda one: (one.size, one.path))
    chosen: list[Reached] = []
    while missing:
        best = max(left, key=lambda one: (len(one.places & missing) / (one.size + 16), -one.size))
        chosen.append(best)
        left.remove(best)
        missing -= best.places
    for one in sorted(chosen, key=lambda one: -one.size):
        others = frozenset[int]().union(*(other.places for other in chosen if other is not one))
        if one.places <= others:
            chosen.remove(one)
    return sorted(chosen, key=lambda one: one.path)


class Coverage(NamedTuple):
    """What a corpus reaches."""

    inputs: list[Reached]
    locations: dict[int, Location]
    failed: list[tuple[Path, str]]
    """Inputs that the target raised something with, and what."""


def measure(settings: Settings, paths: Sequence[Path]) -> Coverage:
    """Run each input once in another process, which runs the harness. RuntimeError if that cannot be done."""
    with tempfile.TemporaryDirectory(prefix="pykcov-corpus-") as folder:
        answer = Path(folder, "answer")
        request = {"paths": [str(path.absolute()) for path in paths], "answer": str(answer)}
        process = Popen(
            settings._replace(measure=json.dumps(request)).command_line(),
            stdout=DEVNULL,
        )
        if process.wait() or not answer.is_file():
            raise RuntimeError(f"the harness ended early, with exit code {process.returncode}")
        told = json.loads(answer.read_bytes())
    locations = [Location._make([*row[:-2], tuple(row[-2]), row[-1]]) for row in told["locations"]]
    inputs = [
        Reached(path, path.stat().st_size, frozenset(places))
        for path, places in zip(paths, told["places"], strict=True)
    ]
    return Coverage(
        inputs,
        {location.pc: location for location in locations},
        [(path, problem) for path, problem in zip(paths, told["problems"], strict=True) if problem],
    )


def serve(harness: Harness, settings: Settings) -> NoReturn:
    """Do what measure() asks for, in the process that has run the harness. Ends it."""
    # Not before: only the process that measures needs these.
    from pykcov.native.locations import symbolize
    from pykcov.remote import carriers

    assert settings.measure is not None
    request = json.loads(settings.measure)
    carriers.install()
    all_places: list[list[int]] = []
    problems: list[str] = []
    for path in request["paths"]:
        places, problem = _reach(harness, Path(path).read_bytes())
        all_places.append(places)
        problems.append(problem)
    pcs = sorted({pc for places in all_places for pc in places})
    told = {"places": all_places, "problems": problems, "locations": [list(one) for one in symbolize(pcs)]}
    Path(request["answer"]).write_text(json.dumps(told), "utf-8")
    sys.stdout.flush()
    os._exit(0)


def _reach(harness: Harness, data: bytes) -> tuple[list[int], str]:
    group = _core.Group()
    problem = ""
    with Device() as device:
        device.set_buffer_size(_core.BUFFER_WORDS_MAX)
        buffer = device.mmap()
        token = _core.group_variable.set(group)
        try:
            device.remote_attach(follow=True)
            device.enable(_core.TRACE_UNIQUE_PC)
            _core.follow()
            harness.target(data)
        except BaseException as error:
            problem = type(error).__name__
        finally:
            _core.group_variable.reset(token)
            _core.follow()
        device.disable(wait=False)
        places = buffer.pcs().tolist()
        _core.unregister(_core.REMOTE_COMMON, group, wait=False)
        device.close(wait=False)
    return places, problem
