"""Proof that the rewriter loses nothing: takes the probes out again and compares with the original.

    tools/roundtrip.py [--python PYTHON] [--tests] [--sample N] [--jobs N] [FILE...]
    tools/roundtrip.py --time [--python PYTHON] [--tests] [--sample N] [FILE...]

Without files: every .py under the standard library of the Python that runs it, its tests left out unless --tests.
Each file is compiled and rewritten in both granularities; `dis` of every code object, probes taken out, must equal that
of the original instruction by instruction: operations, arguments, jump targets, source positions, exception ranges.
Prints counts; exits with 1 if anything differs. --time compares the cost of rewriting with that of compiling.
"""

import argparse
import dis
import os
import platform
import sys
import sysconfig
import time
import warnings
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from types import CodeType
from typing import Any, NamedTuple

from pykcov.instrument.rewrite import Granularity, Site, rewrite

GRANULARITIES: tuple[Granularity, ...] = ("block", "line")
EVENT = ["LOAD_CONST", "UNARY_INVERT", "POP_TOP"]
KEPT = (
    *("co_name", "co_qualname", "co_filename", "co_firstlineno", "co_flags", "co_names", "co_varnames", "co_cellvars"),
    *("co_freevars", "co_argcount", "co_kwonlyargcount", "co_posonlyargcount", "co_nlocals"),
)
TEST_FOLDERS = {"test", "tests", "idle_test"}


class Mark:
    """Stands for a probe."""

    def __init__(self, site: Site) -> None:
        """Remember the site."""
        self.site = site

    def __invert__(self) -> None:
        """Make the event happen."""


def marks(_code: CodeType, sites: Sequence[Site]) -> list[Mark]:
    """Make the probes of a code object."""
    return [Mark(site) for site in sites]


class Instruction(NamedTuple):
    """An instruction with its EXTENDED_ARGs. It refers to another one by its number, and to constants themselves."""

    name: str
    argument: Any
    positions: Any


class Stripped(NamedTuple):
    """A code object without its probes."""

    instructions: list[Instruction]
    starts: list[int]
    """Where they are, in code units."""
    handled: list[tuple[int, int, int, int, bool]]
    """First instruction, the one behind the last, handler, depth, lasti."""
    sites: dict[int, Site]
    """Number of an instruction -> the site before it."""


class Different(AssertionError):
    """What came out is not what went in."""


def strip(code: CodeType) -> Stripped:
    """Take the probes out of a code object. Raises Different if one of them is not where it must be."""
    instructions = [i for i in dis.get_instructions(code) if i.opname != "EXTENDED_ARG"]
    starts = _starts(code, instructions)
    kept: list[int] = []
    sites: dict[int, Site] = {}
    at = 0
    while at < len(instructions):
        instruction = instructions[at]
        if instruction.opname == "LOAD_CONST" and type(instruction.argval) is Mark:
            event, following = instructions[at : at + 3], instructions[at + 3]
            if [i.opname for i in event] != EVENT or type(following.argval) is Mark:
                raise Different(f"a torn probe at {instruction.offset}")
            if any(i.positions != following.positions for i in event):
                raise Different(f"the probe at {instruction.offset} is at another source position than what follows")
            sites[len(kept)] = instruction.argval.site
            at += 3
        kept.append(at)
        at += 1
    numbers = _numbers([starts[at] for at in kept], len(code.co_code) // 2)
    probed = {starts[kept[number]] for number in sites}

    def number(offset: int) -> int:
        if offset // 2 in probed:
            raise Different(f"the probe before {offset} is passed by")
        return numbers[offset // 2]

    def argument(instruction: dis.Instruction) -> Any:
        if instruction.opcode in dis.hasjrel:
            return number(instruction.argval)
        return instruction.argval if instruction.opcode in dis.hasconst else instruction.arg

    return Stripped(
        [Instruction(i.opname, argument(i), i.positions) for i in map(instructions.__getitem__, kept)],
        [starts[at] for at in kept],
        [
            (number(entry.start), number(entry.end), number(entry.target), entry.depth, entry.lasti)
            for entry in dis.Bytecode(code).exception_entries  # type: ignore[attr-defined]
        ],
        sites,
    )


def _starts(code: CodeType, instructions: list[dis.Instruction]) -> list[int]:
    """Return where the instructions start, or the first EXTENDED_ARG of each, in code units."""
    opcodes = code.co_code[::2]
    starts = []
    for instruction in instructions:
        at = instruction.offset // 2
        while at and opcodes[at - 1] == dis.EXTENDED_ARG:
            at -= 1
        starts.append(at)
    return starts


def _numbers(starts: list[int], size: int) -> list[int]:
    """Return, for each code unit, the number of the first instruction that starts there or later."""
    numbers: list[int] = []
    for number, start in enumerate(starts):
        numbers += [number] * (start + 1 - len(numbers))
    return numbers + [len(starts)] * (size + 1 - len(numbers))


def compare(original: CodeType, rewritten: CodeType, counts: Counter[str]) -> None:
    """Raise Different unless a rewritten code object is the original with probes, and so for those nested in it."""
    try:
        before, after = strip(original), strip(rewritten)
        _compare(original, before, rewritten, after)
    except Different as error:
        error.add_note(f"{original.co_filename}:{original.co_firstlineno} {original.co_qualname}")
        raise
    counts["code objects"] += 1
    counts["instructions"] += len(before.instructions)
    counts["exception ranges"] += len(before.handled)
    counts["probes"] += len(after.sites)
    counts["deeper stacks"] += rewritten.co_stacksize - original.co_stacksize
    for old, new in zip(original.co_consts, rewritten.co_consts, strict=False):
        if isinstance(old, CodeType):
            compare(old, new, counts)


def _compare(original: CodeType, before: Stripped, rewritten: CodeType, after: Stripped) -> None:
    for number, (old, new) in enumerate(zip(before.instructions, after.instructions, strict=True)):
        if old[::2] != new[::2] or not _same(old.argument, new.argument):
            raise Different(f"instruction {number} is {new} instead of {old}")
    if before.handled != after.handled:
        raise Different(f"exception ranges {after.handled} instead of {before.handled}")
    for name in KEPT:
        if getattr(original, name) != getattr(rewritten, name):
            raise Different(f"{name} is {getattr(rewritten, name)} instead of {getattr(original, name)}")
    constants = rewritten.co_consts[: len(original.co_consts)]
    if not all(map(_same, original.co_consts, constants)):
        raise Different(f"constants {constants} instead of {original.co_consts}")
    if [before.starts[number] for number in after.sites] != [site.offset for site in after.sites.values()]:
        raise Different("a site says another offset than that of the instruction behind its probe")
    if rewritten.co_stacksize - original.co_stacksize not in (0, 1):
        raise Different(f"stack size {rewritten.co_stacksize} instead of {original.co_stacksize}")


def _same(old: object, new: object) -> bool:
    return old is new or (type(old) is type(new) and (isinstance(old, CodeType) or old == new))


def source_files(tests: bool) -> Iterator[Path]:
    """Yield the files of the standard library."""
    for folder, folders, names in os.walk(sysconfig.get_path("stdlib")):
        skipped = {"site-packages", "__pycache__"} | (set() if tests else TEST_FOLDERS)
        folders[:] = sorted(set(folders) - skipped)
        yield from (Path(folder, name) for name in sorted(names) if name.endswith(".py"))


def compiled(path: Path) -> CodeType | None:
    """Compile a file; None if it is no Python (the tests hold files that are meant to be wrong)."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return compile(path.read_bytes(), str(path), "exec", dont_inherit=True)
        except (SyntaxError, ValueError):
            return None


def check(path: Path) -> dict[str, Counter[str]]:
    """Rewrite a file and compare; return counts by granularity. Raises Different."""
    original = compiled(path)
    counts = {granularity: Counter[str]() for granularity in GRANULARITIES}
    if original is not None:
        for granularity in GRANULARITIES:
            compare(original, rewrite(original, marks, granularity=granularity), counts[granularity])
            counts[granularity]["files"] += 1
    return counts


def check_all(paths: Iterable[Path], jobs: int) -> int:
    """Check files in several processes, print counts, return the exit status."""
    totals = {granularity: Counter[str]() for granularity in GRANULARITIES}
    with ProcessPoolExecutor(jobs) as pool:
        for counts in pool.map(check, paths, chunksize=4):
            for granularity, count in counts.items():
                totals[granularity] += count
    for granularity, total in totals.items():
        shown = ", ".join(f"{number} {what}" for what, number in total.items())
        print(f"CPython {platform.python_version()}, {granularity}: 0 differences in {shown}")
        print(f"  {1000 * total['probes'] / total['instructions']:.0f} probes per 1000 instructions")
    return 0


def measure(paths: Sequence[Path]) -> int:
    """Print how long rewriting takes, over compiling."""
    compiling = 0.0
    rewriting = dict.fromkeys(GRANULARITIES, 0.0)
    for path in paths:
        source = path.read_bytes()
        start = time.perf_counter()
        code = compile(source, str(path), "exec", dont_inherit=True)
        compiling += time.perf_counter() - start
        for granularity in GRANULARITIES:
            start = time.perf_counter()
            rewrite(code, lambda _, sites: [None] * len(sites), granularity=granularity)
            rewriting[granularity] += time.perf_counter() - start
    print(f"CPython {platform.python_version()}: compiling {len(paths)} files {compiling:.2f} s")
    for granularity, seconds in rewriting.items():
        print(f"  rewriting, {granularity}: {seconds:.2f} s, {seconds / compiling:.2f} times compiling")
    return 0


def main() -> int:
    """Read the arguments and do what they say."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--python", help="run under this Python (pykcov is installed there)")
    parser.add_argument("--tests", action="store_true", help="also the tests in the standard library")
    parser.add_argument("--sample", type=int, default=1, metavar="N", help="only every Nth file")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, metavar="N", help="processes")
    parser.add_argument("--time", action="store_true", help="compare the time with that of compiling")
    parser.add_argument("files", nargs="*", type=Path)
    options = parser.parse_args()
    if options.python:
        others = [argument for argument in sys.argv[1:] if argument not in ("--python", options.python)]
        os.execvp(options.python, [options.python, __file__, *others])
    paths = (options.files or list(source_files(options.tests)))[:: options.sample]
    return measure([path for path in paths if compiled(path)]) if options.time else check_all(paths, options.jobs)


if __name__ == "__main__":
    sys.exit(main())
