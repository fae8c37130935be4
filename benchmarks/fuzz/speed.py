"""Executions a second, the same inputs replayed by pykcov and by Atheris: libFuzzer runs a corpus and ends.

Time is processor time, less that of a run with one input: start, imports and instrumentation are not in it.
"""

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

import seeds

HERE = Path(__file__).parent
HARNESSES = HERE / "harnesses"
PARSERS = [
    *("markdown", "htmlparser", "html5lib", "toml", "tomllib", "dateutil", "json", "yaml", "pyasn1", "pygments"),
    *("markdown_it", "tarfile", "threaded"),
]
SIZES = {"tiny": 24, "1 KB": 1024, "4 KB": 4096}


def command(engine: str, harness: Path, scratch: Path) -> list[str]:
    if engine == "atheris":
        return [sys.executable, str(harness), f"-artifact_prefix={scratch}/"]
    return [sys.executable, "-m", "pykcov", "fuzz", "--minimize=0", "-q", f"-d{scratch}/out", str(harness)]


def processor_time(words: list[str]) -> tuple[float, str]:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime, done.stdout


def measure(name: str, size: str, count: int, rounds: int) -> dict[str, float]:
    """Microseconds an execution, by engine."""
    times: dict[str, list[float]] = {"bare": [], "pykcov": [], "atheris": []}
    harness = HARNESSES / f"fuzz_{name}.py"
    with tempfile.TemporaryDirectory() as folder:
        scratch = Path(folder)
        found = seeds.inputs(name, SIZES[size], count)
        seeds.write(scratch / "all", found)
        _delete_failing(harness, scratch / "all")
        left = sorted((scratch / "all").iterdir())
        seeds.write(scratch / "one", [left[0].read_bytes()])
        for _ in range(rounds):
            for engine in times:
                times[engine].append(_one_round(engine, harness, scratch) / (len(left) - 1) * 1e6)
    return {engine: statistics.median(found) for engine, found in times.items()}


def _delete_failing(harness: Path, corpus: Path) -> None:
    words = [sys.executable, str(HERE / "bare.py"), str(harness), str(corpus), "--filter"]
    subprocess.run(words, check=True, capture_output=True)


def _one_round(engine: str, harness: Path, scratch: Path) -> float:
    """Processor time for all inputs but one."""
    if engine == "bare":
        words, flags = [sys.executable, str(HERE / "bare.py"), str(harness)], []
    else:
        words = command(engine, harness, scratch)
        flags = ["-runs=0", "-max_len=100000", "-shuffle=0", "-timeout=300"]
    one, _ = processor_time([*words, str(scratch / "one"), *flags])
    took, output = processor_time([*words, str(scratch / "all"), *flags])
    if "DONE" not in output:
        raise SystemExit(f"{harness.name} under {engine} did not end as it should:\n{output[-2000:]}")
    return took - one


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("names", nargs="*", default=PARSERS)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument(
        "--count", type=int, default=0, help="inputs (default: 2000 tiny ones, 300 of 1 KB, 100 of 4 KB)"
    )
    parser.add_argument("--size", action="append", choices=[*SIZES])
    parser.add_argument("-o", "--output", type=Path)
    options = parser.parse_args()
    rows = []
    print(
        "us an execution: bare, pykcov, Atheris; Atheris over pykcov; Atheris over bare, which is the most there can be"
    )
    for size in options.size or SIZES:
        ratios, limits = [], []
        for name in options.names or PARSERS:
            row = measure(name, size, options.count or {"tiny": 2000, "1 KB": 300, "4 KB": 100}[size], options.rounds)
            ratios.append(row["atheris"] / row["pykcov"])
            limits.append(row["atheris"] / row["bare"])
            rows.append({"harness": name, "size": size, **row})
            cells = " ".join(f"{row[engine]:9.1f}" for engine in ("bare", "pykcov", "atheris"))
            print(f"{name:12} {size:5} {cells}  {ratios[-1]:5.2f} {limits[-1]:5.2f}", flush=True)
        means = f"{statistics.geometric_mean(ratios):5.2f} {statistics.geometric_mean(limits):5.2f}"
        print(f"geometric mean, {size}: {means}; least {min(ratios):.2f}", flush=True)
    if options.output:
        options.output.write_text(json.dumps(rows, indent=1))


if __name__ == "__main__":
    os.environ.setdefault("PYTHONHASHSEED", "0")
    main()
