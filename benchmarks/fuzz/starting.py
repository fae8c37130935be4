"""How long it takes until the first input runs: instrument_all() over a large package, pykcov beside Atheris.

    python benchmarks/fuzz/starting.py [--turns 3] [--no-atheris] [MODULE...]

The harness imports the modules, has all functions that are alive instrumented, and runs one input. Cold: with an empty
cache; warm: with that of the run before. Seconds are of the processor, medians of the turns; those of the wall clock
stand behind them.
"""

import argparse
import os
import re
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import NamedTuple

MODULES = ["sqlalchemy", "sqlalchemy.orm", "sqlalchemy.dialects.sqlite"]
HARNESS = """
import sys
import {atheris} as atheris
{imports}

def TestOneInput(data):
    len(data)

atheris.instrument_all()
atheris.Setup(sys.argv, TestOneInput)
atheris.Fuzz()
"""


class Start(NamedTuple):
    functions: int
    processor: float
    wall: float


def start(script: Path, cache: Path) -> Start:
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    environment["PYKCOV_CACHE"] = str(cache)
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    done = subprocess.run(
        [sys.executable, str(script), "-runs=1"], env=environment, capture_output=True, text=True, check=False
    )
    wall, after = time.monotonic() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
    number = re.search(r"(\d+) functions", done.stderr)
    if number is None or "Done " not in done.stderr:
        sys.exit(f"{script.name} did not start:\n{done.stderr[-2000:]}")
    return Start(int(number[1]), after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, wall)


def show(name: str, starts: list[Start]) -> None:
    processor, wall = median(one.processor for one in starts), median(one.wall for one in starts)
    each = processor / starts[0].functions * 5000
    print(f"{name:12} {starts[0].functions:6} functions  {processor:6.2f} s ({wall:6.2f} s)  of 5,000: {each:5.2f} s")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--no-atheris", action="store_true")
    parser.add_argument("modules", nargs="*", default=MODULES)
    options = parser.parse_args()
    imports = "\n".join(f"import {name}" for name in options.modules)
    found: dict[str, list[Start]] = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        scripts = {}
        for atheris in ("pykcov.atheris", *(() if options.no_atheris else ("atheris",))):
            scripts[atheris] = folder / f"fuzz_{atheris.replace('.', '_')}.py"
            scripts[atheris].write_text(HARNESS.format(atheris=atheris, imports=imports))
        start(scripts["pykcov.atheris"], folder / "unused")  # so that .pyc files are there
        for turn in range(options.turns):
            cache = folder / f"cache{turn}"
            for state in ("cold", "warm"):
                found.setdefault(state, []).append(start(scripts["pykcov.atheris"], cache))
            if "atheris" in scripts:
                found.setdefault("atheris", []).append(start(scripts["atheris"], cache))
    for state, starts in found.items():
        show(state if state == "atheris" else f"pykcov {state}", starts)


if __name__ == "__main__":
    main()
