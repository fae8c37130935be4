"""What putting probes in costs: the time of a cold rewrite, of an import from the cache, and the memory.

    benchmarks/instrumenting.py [--sample N] [--rounds N] [--only cold,warm,memory] [--tree NAME]... [-o FILE]

cold: rewriting a module and registering its probes, over compiling its source; the whole standard library.
warm: importing all modules of a package with probes from the cache, over importing them plain; both from .pyc files.
memory: code objects with probes over bare ones, and what is kept besides.

All figures are of processor time, the two sides taken in turn; --sample N takes every Nth module of the library.
"""

import argparse
import gc
import json
import marshal
import os
import platform
import statistics
import subprocess
import sys
import sysconfig
import tempfile
import time
import tracemalloc
import warnings
from collections.abc import Callable, Iterator, Sequence
from importlib.util import find_spec
from pathlib import Path
from types import CodeType
from typing import Any, Literal, NamedTuple

from pykcov.instrument.code import instrument_code
from pykcov.instrument.rewrite import rewrite

Granularity = Literal["block", "line"]
TREES = ("stdlib", "django", "sympy", "pip._vendor")
NOT_LIBRARY = {"site-packages", "__pycache__", "test", "tests", "idle_test"}


class Variant(NamedTuple):
    """Which probes."""

    granularity: Granularity
    compare: bool

    def __str__(self) -> str:
        return f"{self.granularity}{' + comparisons' if self.compare else ''}"


VARIANTS = [Variant("block", False), Variant("line", False), Variant("block", True), Variant("line", True)]


def sources(sample: int) -> list[Path]:
    """The files of the standard library that compile, without its tests."""
    return list(_sources())[::sample]


def _sources() -> Iterator[Path]:
    for folder, folders, names in os.walk(sysconfig.get_path("stdlib")):
        folders[:] = sorted(set(folders) - NOT_LIBRARY)
        yield from (Path(folder, name) for name in sorted(names) if name.endswith(".py"))


def compiled(path: Path) -> CodeType | None:
    """The code of a file; None if it is no Python, as some templates in the library."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return compile(path.read_bytes(), str(path), "exec", dont_inherit=True)
        except (SyntaxError, ValueError):
            return None


def timed(call: Callable[[], Any]) -> tuple[float, Any]:
    start = time.process_time()
    result = call()
    return time.process_time() - start, result


def cold(paths: Sequence[Path], rounds: int) -> list[str]:
    """Rows of the table."""
    compiling: list[float] = []
    rewriting: dict[Variant, list[float]] = {variant: [] for variant in VARIANTS}
    whole: dict[Variant, list[float]] = {variant: [] for variant in VARIANTS}
    for number in range(rounds):
        sums = dict.fromkeys([*VARIANTS], (0.0, 0.0))
        base = 0.0
        for path in paths:
            seconds, code = timed(lambda path=path: compiled(path))
            if code is None:
                continue
            base += seconds
            for variant in VARIANTS:
                options: dict[str, Any] = variant._asdict()
                # Code whose parts were not looked at yet, as that of a compiler.
                fresh = marshal.loads(marshal.dumps(code))
                first, _ = timed(
                    lambda fresh=fresh, options=options: rewrite(fresh, lambda _, sites: [None] * len(sites), **options)
                )
                fresh = marshal.loads(marshal.dumps(code))
                module = f"{path}.{variant}.{number}"
                second, _ = timed(
                    lambda fresh=fresh, options=options, module=module: instrument_code(fresh, module, **options)
                )
                sums[variant] = sums[variant][0] + first, sums[variant][1] + second
        compiling.append(base)
        for variant, (first, second) in sums.items():
            rewriting[variant].append(first / base)
            whole[variant].append(second / base)
    return [
        f"Cold: {len(paths)} files of the standard library, compiled in {statistics.median(compiling):.2f} s.\n",
        "| probes | rewriting / compile() | rewriting and registering / compile() |",
        "| --- | ---: | ---: |",
        *(
            f"| {variant} | {statistics.median(rewriting[variant]):.2f} | {statistics.median(whole[variant]):.2f} |"
            for variant in VARIANTS
        ),
    ]


def allocated() -> int:
    gc.collect()
    return tracemalloc.get_traced_memory()[0]


def memory(paths: Sequence[Path]) -> list[str]:
    """Rows of the table; each variant in a process of its own."""
    rows = [
        "| probes | bare, MB | code objects / bare | with locations, probes and originals / bare |",
        "| --- | ---: | ---: | ---: |",
    ]
    for variant in VARIANTS:
        command = [sys.executable, __file__, "--memory-of", json.dumps(variant)]
        # By standard input: a command line has no room for the names of all files.
        done = subprocess.run(command, input="\n".join(map(str, paths)), capture_output=True, text=True, check=True)
        bare, code, everything = json.loads(done.stdout)
        rows.append(f"| {variant} | {bare / 1e6:.1f} | {code / bare:.2f} | {everything / bare:.2f} |")
    return rows


def memory_of(variant: Variant, paths: Sequence[Path]) -> tuple[int, int, int]:
    """Bytes of the bare code, of code with probes, and of the latter with all that is kept besides."""
    files = [(str(path), marshal.dumps(code)) for path in paths if (code := compiled(path)) is not None]
    options: dict[str, Any] = variant._asdict()
    tracemalloc.start()

    def grown(make: Callable[[str, bytes], object]) -> int:
        before = allocated()
        kept = [make(name, data) for name, data in files]
        size = allocated() - before
        del kept
        return size

    bare = grown(lambda _, data: marshal.loads(data))
    nothing = lambda _, sites: [None] * len(sites)  # noqa: E731
    code = grown(lambda _, data: rewrite(marshal.loads(data), nothing, **options))
    everything = grown(lambda name, data: instrument_code(marshal.loads(data), name, **options))
    return bare, code, everything


def modules_of(tree: str) -> list[str]:
    """The modules of a package, or of the standard library, that can be imported without doing anything."""
    script = f"""
import importlib, io, os, pkgutil, sys, warnings
warnings.simplefilter("ignore")
tree = {tree!r}
if tree == "stdlib":
    skip = {{"antigravity", "this", "idlelib", "turtledemo", "test", "lib2to3", "tkinter", "turtle", "__main__"}}
    names = [name for name in sorted(sys.stdlib_module_names) if name not in skip and not name.startswith("_")]
else:
    names = [tree]
found = []
devnull = open(os.devnull, "w")
def walk(name):
    if any(part in {{"tests", "test", "__main__"}} or part.startswith("test_") for part in name.split(".")):
        return
    try:
        sys.stdout = sys.stderr = devnull
        module = importlib.import_module(name)
    except BaseException:
        return
    finally:
        sys.stdout, sys.stderr = sys.__stdout__, sys.__stderr__
    found.append(name)
    if hasattr(module, "__path__"):
        for info in pkgutil.iter_modules(module.__path__, name + "."):
            walk(info.name)
if tree == "django":
    import django.conf
    django.conf.settings.configure()
for name in names:
    walk(name)
print("\\n".join(found), flush=True)
os._exit(0)
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    return done.stdout.split()


IMPORTING = """
import importlib, os, sys, time, warnings
warnings.simplefilter("ignore")
tree, names = sys.argv[1], sys.stdin.read().split()
{prepare}
sys.stdout = open(os.devnull, "w")
sys.stderr = open(os.devnull, "w")
if tree == "django":
    import django.conf
    django.conf.settings.configure()
start = time.process_time_ns()
for name in names:
    importlib.import_module(name)
taken = time.process_time_ns() - start
os.write(int(sys.argv[2]), str(taken).encode())
os._exit(0)
"""
PREPARE = """
import pykcov
include = [] if tree == "stdlib" else [tree]
hook = pykcov.instrument_imports(include=include, granularity={granularity!r}, compare={compare!r})
"""


def importing(tree: str, names: list[str], variant: Variant | None) -> int:
    """Nanoseconds that a new process takes to import the modules."""
    prepare = "import pykcov\n" if variant is None else PREPARE.format(**variant._asdict())
    reading, writing = os.pipe()
    # What pykcov itself imports is imported in both.
    subprocess.run(
        [sys.executable, "-c", IMPORTING.format(prepare=prepare), tree, str(writing)],
        input="\n".join(names),
        text=True,
        check=True,
        pass_fds=[writing],
        env={**os.environ, "PYTHONHASHSEED": "0"},
    )
    os.close(writing)
    with open(reading) as stream:
        return int(stream.read())


def warm(trees: Sequence[str], rounds: int) -> list[str]:
    """Rows of the table."""
    rows = [
        "| modules | plain, ms | " + " | ".join(f"{variant}, warm" for variant in VARIANTS) + " | block, cold |",
        "| --- " + "| ---: " * (len(VARIANTS) + 2) + "|",
    ]
    missing = []
    with tempfile.TemporaryDirectory() as folder:
        os.environ["PYTHONPYCACHEPREFIX"] = folder
        os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
        for tree in trees:
            try:
                there = tree == "stdlib" or find_spec(tree) is not None
            except ModuleNotFoundError:
                there = False
            if not there:
                missing.append(tree)
                continue
            names = modules_of(tree)
            importing(tree, names, None)
            cold_one = importing(tree, names, VARIANTS[0])
            for variant in VARIANTS:
                importing(tree, names, variant)
            plain: list[int] = []
            ratios: dict[Variant, list[float]] = {variant: [] for variant in VARIANTS}
            for _ in range(rounds):
                plain.append(importing(tree, names, None))
                for variant in VARIANTS:
                    ratios[variant].append(importing(tree, names, variant) / plain[-1])
            middle = statistics.median(plain)
            cells = [f"{statistics.median(ratios[variant]):.2f}" for variant in VARIANTS]
            rows.append(
                f"| {tree} ({len(names)}) | {middle / 1e6:.0f} | {' | '.join(cells)} | {cold_one / middle:.2f} |"
            )
    return rows + [f"\nNot installed: {', '.join(missing)}"] * bool(missing)


def main() -> int:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sample", type=int, default=1, metavar="N")
    parser.add_argument("--rounds", type=int, default=5, metavar="N")
    parser.add_argument("--only", default="cold,warm,memory")
    parser.add_argument("--tree", action="append", choices=TREES)
    parser.add_argument("--memory-of", help=argparse.SUPPRESS)
    parser.add_argument("-o", "--output", type=Path)
    options = parser.parse_args()
    if options.memory_of:
        variant = Variant(*json.loads(options.memory_of))
        print(json.dumps(memory_of(variant, [Path(line) for line in sys.stdin.read().splitlines()])))
        return 0
    parts = options.only.split(",")
    lines = [f"# Putting probes in: CPython {platform.python_version()}\n"]
    if "cold" in parts:
        lines += [*cold(sources(options.sample), options.rounds), ""]
    if "warm" in parts:
        lines += [*warm(options.tree or TREES, options.rounds), ""]
    if "memory" in parts:
        lines += memory(sources(options.sample))
    print("\n".join(lines))
    if options.output:
        options.output.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
