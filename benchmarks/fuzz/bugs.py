"""Time and executions to known bugs, under pykcov and under Atheris: the same libFuzzer, the same seeds, in turns.

A campaign ends at its first finding, or when its time is over. Time is processor time of all processes, start and
imports included, without the time that an input hangs before libFuzzer gives it up.
"""

import argparse
import json
import os
import re
import resource
import statistics
import struct
import subprocess
import tempfile
import time
from pathlib import Path

from speed import HARNESSES, command

MICRO = [
    *("magic_1", "magic_2", "magic_4", "magic_8", "magic_text", "unequal_text", "startswith_chain"),
    *("dictionary_dispatch", "set_membership", "floats", "float_text", "match_200", "checksum"),
]
BUGS = [
    *("markdown", "htmlparser", "toml", "dateutil", "ecdsa_old", "ecdsa", "pyasn1", "pypdf", "pygments", "zipp"),
    "markdown_it",
]


def processor_time(words: list[str], environment: dict[str, str]) -> tuple[float, str]:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(
        words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace", env=environment
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime, done.stdout


def hang_time(took: float, noted: Path, words: list[str], environment: dict[str, str]) -> float:
    """Return how much of the time of all processes the last execution took.

    The harness has noted when that began in its process. What the others take, and the end, is measured with one
    execution.
    """
    (began,) = struct.unpack("d", noted.read_bytes())
    all_of_one, _ = processor_time(words, environment)
    (began_of_one,) = struct.unpack("d", noted.read_bytes())
    return took - began - (all_of_one - began_of_one)


def campaign(engine: str, target: str, seed: int, seconds: int, runs: int) -> dict[str, float | bool | int]:
    """Run one; say whether something was found, after how long and how many executions, and what was covered."""
    micro = target in MICRO
    environment = os.environ | {"MICRO": target, "PYTHONHASHSEED": "0"}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)  # users have it seldom, and it makes each start a first one
    with tempfile.TemporaryDirectory() as folder:
        scratch = Path(folder)
        (scratch / "corpus").mkdir()
        words = command(engine, HARNESSES / f"fuzz_{'micro' if micro else target}.py", scratch)
        limits = [f"-seed={seed}", f"-max_total_time={seconds}", "-timeout=5", f"-runs={runs or -1}"]
        noted = scratch / "began"
        noted.touch()
        environment["BEGAN"] = str(noted)
        start = time.monotonic()
        took, errors = processor_time(
            [*words, str(scratch / "corpus"), *limits, "-print_final_stats=1", "-rss_limit_mb=0"], environment
        )
        wall = time.monotonic() - start
        if "libFuzzer: timeout after" in errors:
            took -= hang_time(took, noted, [*words, "-runs=1"], environment)
    final = re.findall(r"stat::number_of_executed_units: (\d+)", errors)
    executions = final or re.findall(r"^#(\d+)", errors, re.MULTILINE)
    covered = re.findall(r" cov: (\d+)", errors)
    found = "Uncaught Python exception" in errors or "ERROR: libFuzzer: " in errors or "BINGO" in errors
    return {
        "found": found,
        "seconds": took,
        "wall": wall,
        "executions": int(executions[-1]) if executions else 0,
        "cov": int(covered[-1]) if covered else 0,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("targets", nargs="*", default=[*MICRO, *BUGS])
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--runs", type=int, default=0, help="end after so many executions, too (default: none)")
    parser.add_argument("-o", "--output", type=Path)
    options = parser.parse_args()
    rows = []
    heads = f"{'found':>14} {'s':>7} {'executions':>11}"
    print(f"{'':20} {heads} | {heads}\n{'target':20} {'pykcov':>34} | {'Atheris':>34}")
    for target in options.targets or [*MICRO, *BUGS]:
        results: dict[str, list[dict[str, float | bool | int]]] = {"pykcov": [], "atheris": []}
        for seed in range(1, options.seeds + 1):
            for engine, runs in results.items():
                runs.append(campaign(engine, target, seed, options.seconds, options.runs))
        cells = []
        for runs in results.values():
            hits = [run for run in runs if run["found"]]
            middle = (
                (
                    f"{statistics.median(float(run['seconds']) for run in hits):7.2f}",
                    f"{statistics.median(int(run['executions']) for run in hits):11.0f}",
                )
                if hits
                else (f"{'-':>7}", f"{'-':>11}")
            )
            cells.append(f"{len(hits)} of {len(runs):>9} {middle[0]} {middle[1]}")
        print(f"{target:20} {cells[0]} | {cells[1]}", flush=True)
        rows.append({"target": target, **results})
        if options.output:
            options.output.write_text(json.dumps(rows, indent=1))


if __name__ == "__main__":
    main()
