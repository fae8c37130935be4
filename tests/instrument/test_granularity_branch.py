"""Granularity "branch": fewer probes, which tell inputs apart as those of all blocks do."""

import json.decoder
import json.scanner
import random
import tomllib._parser
from collections.abc import Callable, Iterable
from pathlib import Path
from types import ModuleType

import pytest

import pykcov
from pykcov import _core
from pykcov.instrument.code import instrument_code
from pykcov.instrument.sites import Granularity

PROGRAM = """
def chain(n):
    found = []
    if n & 1:
        found.append(1)
    if n & 2:
        found.append(2)
    elif n & 4:
        found.append(4)
    if n & 8 and n & 16 or n & 32:
        found.append(8)
    return found

def loops(n):
    total = i = 0
    while i < n % 7:
        i += 1
        if i == n % 3:
            continue
        if i == n % 5:
            break
        total += i
    else:
        total = -1
    for j in range(n % 4):
        if j == 2:
            total += 1
        elif n & 1:
            total -= 1
    return total

def failing(n):
    try:
        if n & 1:
            number = [1, 2][n % 4]
        else:
            number = int("x" if n & 2 else "1")
        if number:
            number += 1
    except IndexError:
        number = 0
    except ValueError:
        if n & 4:
            raise
        number = 1
    finally:
        n += 1
    if n & 8:
        with open("/dev/null"):
            number = 2
    return number if n & 16 else -number

def endless(n):
    while True:
        n -= 1
        if n < 0:
            return n
        if n & 1:
            n -= 1
        if n == 4:
            n = 3

def run(n):
    try:
        return chain(n), loops(n), failing(n), endless(n)
    except ValueError:
        return None
"""


def reached(function: Callable[[], object]) -> frozenset[int]:
    """Which places a function reaches."""
    with pykcov.open() as device:
        device.set_buffer_size(100_000)
        buffer = device.mmap()
        device.enable(_core.TRACE_UNIQUE_PC)
        try:
            function()
        except Exception:
            pass
        finally:
            device.disable()
        return frozenset(buffer.pcs())


def instrumented(source: str, name: str, granularity: Granularity, file: str = "<program>") -> dict[str, object]:
    namespace: dict[str, object] = {"__name__": name, "__package__": name.rpartition(".")[0]}
    exec(instrument_code(compile(source, file, "exec"), name, granularity=granularity), namespace)
    return namespace


def classes(run: Callable[[object], object], inputs: Iterable[object]) -> tuple[set[tuple[object, ...]], int]:
    """Which inputs reach the same, and how many places there are."""
    found: dict[frozenset[int], list[object]] = {}
    for each in inputs:
        found.setdefault(reached(lambda each=each: run(each)), []).append(each)
    return {tuple(same) for same in found.values()}, len(frozenset().union(*found))


def test_fewer_places_tell_the_same_inputs_apart() -> None:
    results = {}
    for granularity in ("block", "branch"):
        run = instrumented(PROGRAM, f"program_{granularity}", granularity)["run"]
        results[granularity] = classes(run, range(256))
    assert results["branch"][0] == results["block"][0]
    assert results["branch"][1] < results["block"][1]


DOCUMENT = 'a = [1, 2.5, "x\\u0041"]\n[t.u]\nb = {c = 1979-05-27, d = true}\n'


@pytest.mark.parametrize(
    ("module", "function", "document"),
    [(tomllib._parser, "loads", DOCUMENT), (json.decoder, "py_scanstring", 'a\\u12f4b\\n", "c" : [1, {}]}')],
    ids=["tomllib", "json"],
)
def test_changed_documents_are_told_apart_as_before(module: ModuleType, function: str, document: str) -> None:
    source = random.Random(1)
    inputs = []
    for _ in range(300):
        text = list(document)
        for _ in range(source.randint(0, 3)):
            text[source.randrange(len(text))] = source.choice('abu019[]{}=.\\"\n-')
        inputs.append("".join(text))
    results = []
    for granularity in ("block", "branch"):
        text = Path(str(module.__file__)).read_text()
        namespace = instrumented(text, module.__name__, granularity, str(module.__file__))
        run = namespace[function]
        arguments = (1,) if function == "py_scanstring" else ()
        results.append(classes(lambda each, run=run, arguments=arguments: run(each, *arguments), inputs))
    assert results[1][0] == results[0][0]
    assert results[1][1] < results[0][1]
