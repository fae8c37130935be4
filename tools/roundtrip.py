"""Proof that the rewriter loses nothing: takes the probes out again and compares with the original.

    tools/roundtrip.py [--python PYTHON] [--tests] [--sample N] [--jobs N] [FILE...]
    tools/roundtrip.py --time [--python PYTHON] [--tests] [--sample N] [FILE...]

Without files: every .py under the standard library of the Python that runs it, its tests left out unless --tests.
Each file is compiled and rewritten in all granularities, and with comparisons; `dis` of every code object, probes
taken out, must equal that of the original instruction by instruction: operations, arguments, jump targets, source
positions, exception ranges.
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
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from types import CodeType
from typing import Any, NamedTuple, Self

from pykcov.instrument.comparisons import METHOD_OPERATIONS, METHODS
from pykcov.instrument.opcodes import METHOD_BELOW_OBJECT
from pykcov.instrument.rewrite import Granularity, Site, rewrite
from pykcov.instrument.versions import fact

VARIANTS: dict[str, tuple[Granularity, bool]] = {
    "block": ("block", False),
    "line": ("line", False),
    "line with comparisons": ("line", True),
    "access": ("access", False),
    "arc": ("arc", False),
    "arc with comparisons": ("arc", True),
}
EVENT = ["LOAD_CONST", fact("event"), "POP_TOP"]
OPERANDS = {"COPY", "LOAD_CONST", "LOAD_FAST", "LOAD_FAST_BORROW", "LOAD_SMALL_INT", "LOAD_COMMON_CONSTANT"}
# With a start, without one.
NOWHERE = (None, None, None, None)
COMPARE_EVENTS = [
    [{"COPY"}, OPERANDS, {"BUILD_SLICE"}, {"LOAD_CONST"}, OPERANDS, {"STORE_SUBSCR"}],
    [{"COPY"}, {"LOAD_CONST"}, OPERANDS, {"STORE_SUBSCR"}],
    [{"LOAD_CONST"}, {"COPY"}, {"DELETE_SUBSCR"}],
]
MARK_FROM_END = 3
KEPT = (
    *("co_name", "co_qualname", "co_filename", "co_firstlineno", "co_flags", "co_names", "co_varnames", "co_cellvars"),
    *("co_freevars", "co_argcount", "co_kwonlyargcount", "co_posonlyargcount", "co_nlocals"),
)
# A probe before one of these would come between instructions that belong together.
NEVER_PROBED = {
    *("RESUME", "PUSH_EXC_INFO", "END_FOR", "END_SEND", "END_ASYNC_FOR", "CLEANUP_THROW", "CACHE", "NOT_TAKEN"),
}
TEST_FOLDERS = {"test", "tests", "idle_test"}


class Mark:
    """Stands for a probe."""

    def __init__(self, site: Site, code: CodeType) -> None:
        """Remember the site, and whether it is that of a pad or detour of this code, which have offsets behind it."""
        self.site = site
        self.is_beside = site.offset >= len(code.co_code) // 2

    def __invert__(self) -> None:
        """Make the event happen."""

    def __aiter__(self) -> Self:
        """Make it happen on 3.11."""
        return self

    def __anext__(self) -> None:
        """Be what GET_AITER wants."""

    def __setitem__(self, right: object, left: object) -> None:
        """Observe a comparison."""

    def __delitem__(self, accessed: object) -> None:
        """Observe an access."""


def marks(code: CodeType, sites: Sequence[Site]) -> list[Mark]:
    """Make the probes of a code object."""
    return [Mark(site, code) for site in sites]


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
    sites: dict[int, list[Site]]
    """Number of an instruction -> the sites before it."""


class Different(AssertionError):
    """What came out is not what went in."""


def strip(code: CodeType) -> Stripped:
    """Take the probes out of a code object. Raises Different if one of them is not where it must be."""
    instructions = [i for i in dis.get_instructions(code) if i.opname != "EXTENDED_ARG"]
    starts = _starts(code, instructions)
    plain_loads = _plain_loads(instructions)
    behind = _behind_detours(instructions)
    kept: list[int] = []
    sites: dict[int, list[Site]] = {}
    pads: set[int] = set()
    event: list[dis.Instruction] = []
    at = 0
    while at < behind:
        if at - 1 in plain_loads:  # PUSH_NULL.
            at += 1
            continue
        if length := _event_length(instructions, at) or _jumps_over_probes(instructions, starts, at):
            event += instructions[at : at + length]
            at += length
            continue
        if event:
            if any(i.positions != instructions[at].positions for i in event):
                raise Different(f"the probe at {event[0].offset} is at another source position than what follows")
            there = [i.argval for i in event if type(i.argval) is Mark]
            pads.update(len(kept) for mark in there if mark.is_beside)
            sites[len(kept)] = [mark.site for mark in there if not mark.is_beside]
            event = []
        kept.append(at)
        at += 1
    numbers = _numbers([starts[at] for at in kept], len(code.co_code) // 2)
    probed = {starts[kept[number]] for number in sites}
    with_pads = {starts[kept[number]] for number in pads}
    changed = [instructions[load] for load in plain_loads]

    def number(offset: int, jumps: bool = False) -> int:
        # Only jumps to the blocks that they are to be told apart for may.
        if offset // 2 in probed and not (jumps and offset // 2 in with_pads):
            raise Different(f"the probe before {offset} is passed by")
        return numbers[offset // 2]

    def argument(instruction: dis.Instruction) -> Any:
        if instruction.opcode in dis.hasjrel:
            return number(instruction.argval, jumps=True)
        if instruction in changed:
            return instruction.arg | 1  # type: ignore[operator]
        return instruction.argval if instruction.opcode in dis.hasconst else instruction.arg

    return Stripped(
        [Instruction(i.opname, argument(i), i.positions) for i in map(instructions.__getitem__, kept)],
        [starts[at] for at in kept],
        _handled(code, instructions, starts, behind, number),
        sites,
    )


def _behind_detours(instructions: list[dis.Instruction]) -> int:
    """Return how many instructions there are before the detours of exceptions."""
    at = len(instructions)
    while at > len(EVENT) and instructions[at - 1].opname in ("RERAISE", "JUMP_BACKWARD_NO_INTERRUPT"):
        event = at - 1 - len(EVENT)
        if type(instructions[event].argval) is not Mark or instructions[event].positions != NOWHERE:
            break
        at = event
    return at


def _jumps_over_probes(instructions: list[dis.Instruction], starts: list[int], at: int) -> int:
    """Return 1 if there is a jump over the other pads of a block, else 0."""
    jump = instructions[at]
    if jump.opname != "JUMP_FORWARD" or not _event_length(instructions, at + 1):
        return 0
    if jump.positions != instructions[at + 1].positions:
        return 0  # One of the original, to the next instruction.
    at += 1
    while at < len(instructions) and starts[at] * 2 < jump.argval:
        at += 1 if instructions[at].opname == "JUMP_FORWARD" else _event_length(instructions, at) or len(instructions)
    return int(at < len(instructions))


def _handled(
    code: CodeType, instructions: list[dis.Instruction], starts: list[int], behind: int, number: Callable[[int], int]
) -> list[tuple[int, int, int, int, bool]]:
    """Return the exception table without detours, with ranges of one handler that touch as one."""
    goes_on: dict[int, int | None] = {}
    for at in range(behind, len(instructions), len(EVENT) + 1):
        end = instructions[at + len(EVENT)]
        goes_on[starts[at] * 2] = None if end.opname == "RERAISE" else end.argval
    found: list[tuple[int, int, int, int, bool]] = []
    for entry in dis.Bytecode(code).exception_entries:  # type: ignore[attr-defined]
        target = goes_on.get(entry.target, entry.target)
        if target is None:
            continue
        start, end = number(entry.start), number(entry.end)
        rest = number(target), entry.depth, entry.lasti
        if found and found[-1][1] == start and found[-1][2:] == rest:
            start = found.pop()[0]
        found.append((start, end, *rest))
    return found


def _event_length(instructions: list[dis.Instruction], at: int) -> int:
    """Return how many instructions the event of a probe takes, 0 if none begins here."""
    for shape in COMPARE_EVENTS:
        event = instructions[at : at + len(shape)]
        if len(event) == len(shape) and all(i.opname in names for i, names in zip(event, shape, strict=True)):
            mark = event[-MARK_FROM_END].argval
            if type(mark) is Mark and mark.site.operation:
                return len(shape)
    if type(instructions[at].argval) is not Mark:
        return 0
    if [i.opname for i in instructions[at : at + len(EVENT)]] != EVENT or instructions[at].argval.site.operation:
        raise Different(f"a torn probe at {instructions[at].offset}")
    return len(EVENT)


def _plain_loads(instructions: list[dis.Instruction]) -> set[int]:
    """Return which loads of an attribute, with PUSH_NULL behind them, were loads of a method: calls nest."""
    loads: list[int] = []
    called = set()
    for at, instruction in enumerate(instructions):
        if METHOD_BELOW_OBJECT and _called_name(instruction) in METHODS:
            if instructions[at + 1].opname == "PUSH_NULL":
                loads.append(at)
        elif type(instruction.argval) is Mark and METHOD_BELOW_OBJECT:
            operation = instruction.argval.site.operation
            first = at - 1 if instructions[at - 1].opname == "COPY" else at - 3
            early = instructions[first].arg == 1  # COPY 1: before the method is loaded.
            if operation in METHOD_OPERATIONS and not early:
                # One that is called already: the compiler may have copied the call to where an argument branches.
                candidates = [*sorted(called), *loads]
                load = next(
                    (at for at in reversed(candidates) if METHODS[_called_name(instructions[at])] == operation), None
                )
                if load is None:
                    raise Different(f"the method of the call at {instruction.offset} is not loaded")
                if load in loads:
                    loads.remove(load)
                called.add(load)
    return {load for load in called if instructions[load].opname == "LOAD_ATTR"}


def _called_name(instruction: dis.Instruction) -> str:
    """Return the name of the method or local variable that an instruction loads, and that may be called."""
    if instruction.opname == "LOAD_ATTR" or instruction.opname.startswith("LOAD_FAST"):
        # Of two variables the second.
        return instruction.argval[-1] if isinstance(instruction.argval, tuple) else instruction.argval
    return ""


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


def compare(original: CodeType, rewritten: Sequence[tuple[CodeType, Counter[str]]]) -> None:
    """Raise Different unless each rewritten code object is the original with probes, and so for those nested in it.

    Count what was compared.
    """
    before = strip(original)
    for code, counts in rewritten:
        try:
            after = strip(code)
            _compare(original, before, code, after)
        except Different as error:
            error.add_note(f"{original.co_filename}:{original.co_firstlineno} {original.co_qualname}")
            raise
        counts["code objects"] += 1
        counts["instructions"] += len(before.instructions)
        counts["exception ranges"] += len(before.handled)
        counts["probes"] += sum(map(len, after.sites.values()))
        counts["deeper stacks"] += code.co_stacksize - original.co_stacksize
    for at, constant in enumerate(original.co_consts):
        if isinstance(constant, CodeType):
            compare(constant, [(code.co_consts[at], counts) for code, counts in rewritten])


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
    if len(constants) < len(original.co_consts) or not all(map(_same, original.co_consts, constants)):
        raise Different(f"constants {constants} instead of {original.co_consts}")
    for number, sites in after.sites.items():
        if {site.offset for site in sites} - {before.starts[number]}:
            raise Different("a site says another offset than that of the instruction behind its probe")
        if before.instructions[number].name in NEVER_PROBED:
            raise Different(f"a probe before {before.instructions[number].name}")
        if [site.operation > 0 for site in sites] not in ([], [False], [True], [False, True]):
            raise Different(f"sites {sites} at one place")
    has_detours = any(type(constant) is Mark and constant.is_beside for constant in rewritten.co_consts)
    compares = any(site.operation for sites in after.sites.values() for site in sites)
    if (
        not original.co_stacksize
        <= rewritten.co_stacksize
        <= original.co_stacksize + (3 if compares else 1 + has_detours)
    ):
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
    counts = {name: Counter[str]() for name in VARIANTS}
    if original is not None:
        compare(
            original,
            [
                (rewrite(original, marks, granularity=granularity, compare=comparing), counts[name])
                for name, (granularity, comparing) in VARIANTS.items()
            ],
        )
        for count in counts.values():
            count["files"] += 1
    return counts


def check_all(paths: Iterable[Path], jobs: int) -> int:
    """Check files in several processes, print counts, return the exit status."""
    totals = {name: Counter[str]() for name in VARIANTS}
    with ProcessPoolExecutor(jobs) as pool:
        for counts in pool.map(check, paths, chunksize=4):
            for name, count in counts.items():
                totals[name] += count
    for name, total in totals.items():
        shown = ", ".join(f"{number} {what}" for what, number in total.items())
        print(f"CPython {platform.python_version()}, {name}: 0 differences in {shown}")
        print(f"  {1000 * total['probes'] / total['instructions']:.0f} probes per 1000 instructions")
    return 0


def measure(paths: Sequence[Path]) -> int:
    """Print how long rewriting takes, over compiling."""
    compiling = 0.0
    rewriting = dict.fromkeys(VARIANTS, 0.0)
    for path in paths:
        source = path.read_bytes()
        start = time.perf_counter()
        code = compile(source, str(path), "exec", dont_inherit=True)
        compiling += time.perf_counter() - start
        for name, (granularity, comparing) in VARIANTS.items():
            start = time.perf_counter()
            rewrite(code, lambda _, sites: [None] * len(sites), granularity=granularity, compare=comparing)
            rewriting[name] += time.perf_counter() - start
    print(f"CPython {platform.python_version()}: compiling {len(paths)} files {compiling:.2f} s")
    for name, seconds in rewriting.items():
        print(f"  rewriting, {name}: {seconds:.2f} s, {seconds / compiling:.2f} times compiling")
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
        command = ["--tests"] * options.tests + ["--time"] * options.time + [f"--sample={options.sample}"]
        command += [f"--jobs={options.jobs}", *map(str, options.files)]
        os.execvp(options.python, [options.python, __file__, *command])
    paths = (options.files or list(source_files(options.tests)))[:: options.sample]
    return measure([path for path in paths if compiled(path)]) if options.time else check_all(paths, options.jobs)


if __name__ == "__main__":
    sys.exit(main())
