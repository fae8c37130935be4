"""What the tests of the rewriter share: probes that remember, and programs run bare and rewritten."""

import importlib.util
import sys
from collections.abc import Callable, Iterator, Sequence
from opcode import opmap
from pathlib import Path
from types import CodeType, FrameType, ModuleType
from typing import Any, Self

from coverage.parser import PythonParser

from pykcov import _core
from pykcov.instrument.rewrite import Granularity, Site, rewrite

GRANULARITIES: tuple[Granularity, ...] = ("block", "line", "arc")


class Recorder:
    """Makes probes that remember their hits, in order."""

    def __init__(self) -> None:
        self.hits: list[tuple[str, Site]] = []
        self.sites: dict[str, Sequence[Site]] = {}

    def __call__(self, code: CodeType, sites: Sequence[Site]) -> list["Probe"]:
        self.sites[code.co_qualname] = sites
        return [Probe(self.hits, code.co_qualname, site) for site in sites]

    def lines(self) -> dict[str, set[int]]:
        """Return qualified name -> lines hit."""
        found: dict[str, set[int]] = {}
        for name, site in self.hits:
            found.setdefault(name, set()).update(site.lines)
        return found

    def arcs(self) -> set[tuple[int, int]]:
        """Return the arcs that ran."""
        lines = {line for _, site in self.hits for line in site.lines}
        return {arc for _, site in self.hits for arc in site.arcs if arc[1] < 0 or arc[1] in lines}


class Probe:
    """Remembers each hit."""

    def __init__(self, hits: list[tuple[str, Site]], name: str, site: Site) -> None:
        self.record = hits, name, site

    def __invert__(self) -> None:
        self.__aiter__()

    def __aiter__(self) -> Self:  # on 3.11
        hits, name, site = self.record
        hits.append((name, site))
        return self

    def __anext__(self) -> None:
        raise AssertionError


_silent: list[_core.Probe] = []


def silent(_code: CodeType, sites: Sequence[Site]) -> Sequence[_core.Probe | _core.CompareProbe]:
    """Return probes that are of C, always the same: for tests in which none may be noticed, not even a call."""
    if len(_silent) < len(sites):
        _silent.extend(_core.probes(range(len(_silent), len(sites))))
    observing = _core.compare_probes([(0, 1, 0)])[0]
    return [observing if site.operation else probe for site, probe in zip(sites, _silent, strict=False)]


def nested(code: CodeType) -> Iterator[CodeType]:
    """Yield a code object and those in it."""
    yield code
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from nested(constant)


def function_code(source: str, name: str = "f") -> CodeType:
    """Return the code of a function in a source."""
    return next(code for code in nested(compile(source, "<source>", "exec")) if code.co_qualname == name)


def with_lines(code: CodeType, lines: list[int | None]) -> CodeType:
    """Give each code unit a line, and no columns."""
    table = bytearray()
    before = code.co_firstlineno
    for line in lines:
        if line is None:
            table.append(0x80 | 15 << 3)
        else:
            difference = line - before
            table += bytes((0x80 | 13 << 3, -difference << 1 | 1 if difference < 0 else difference << 1))
            before = line
    return code.replace(co_linetable=bytes(table))


class LineEvents:
    """The line events of code from one file, as a debugger gets them: (qualified name, line), in order."""

    def __init__(self, filename: str) -> None:
        self.filename = filename
        self.seen: list[tuple[str, int]] = []

    def __enter__(self) -> "LineEvents":
        self.before = sys.gettrace()
        sys.settrace(self._trace)
        return self

    def __exit__(self, *_: object) -> None:
        sys.settrace(self.before)

    def _trace(self, frame: FrameType, event: str, _argument: object) -> Callable[..., Any] | None:
        if frame.f_code.co_filename != self.filename:
            return None
        if event == "line":
            self.seen.append((frame.f_code.co_qualname, frame.f_lineno))
        return self._trace

    def lines(self) -> dict[str, set[int]]:
        """Return qualified name -> lines run."""
        found: dict[str, set[int]] = {}
        for name, line in self.seen:
            found.setdefault(name, set()).add(line)
        return found


class ArcEvents(LineEvents):
    """The arcs of code from one file, as coverage.py's tracer makes them of a debugger's events.

    But for one: it takes an exception that is thrown into a coroutine, through what that awaits, for a call.
    """

    def __init__(self, filename: str) -> None:
        super().__init__(filename)
        self.arcs: set[tuple[int, int]] = set()
        self._last: dict[FrameType, int] = {}

    def _trace(self, frame: FrameType, event: str, _argument: object) -> Callable[..., Any] | None:
        code = frame.f_code
        if code.co_filename != self.filename:
            return None
        bytecode = code.co_code
        if event == "call":
            # Generators and coroutines that are resumed have been here before.
            self._last[frame] = frame.f_lineno if frame in self._last else -code.co_firstlineno
        elif event == "line":
            self.seen.append((code.co_qualname, frame.f_lineno))
            self.arcs.add((self._last[frame], frame.f_lineno))
            self._last[frame] = frame.f_lineno
        elif event == "return":
            last = self._last[frame]  # It stays: throw() resumes a generator without an event.
            lasti = frame.f_lasti
            if lasti != len(bytecode) - 2:
                lasti += 2 * (sys.version_info < (3, 13) or sys.version_info >= (3, 14))
                if bytecode[lasti] == opmap["RESUME"]:
                    return self._trace
            self.arcs.add((last, -code.co_firstlineno))
        return self._trace


def branch_arcs(parser: PythonParser, arcs: set[tuple[int, int]]) -> set[tuple[int, int]]:
    """Return those of some arcs that coverage.py reports."""
    branching = {line for line, exits in parser.exit_counts().items() if exits > 1}
    return {arc for arc in parser.translate_arcs(arcs) & parser.arcs() if arc[0] in branching}


def roundtrip() -> ModuleType:
    """Return tools/roundtrip.py."""
    path = Path(__file__).parents[2] / "tools" / "roundtrip.py"
    spec = importlib.util.spec_from_file_location("roundtrip", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["roundtrip"] = module
    spec.loader.exec_module(module)
    return module


__all__ = [
    "GRANULARITIES",
    "ArcEvents",
    "LineEvents",
    "Probe",
    "Recorder",
    "branch_arcs",
    "function_code",
    "nested",
    "rewrite",
    "roundtrip",
    "silent",
    "with_lines",
]
