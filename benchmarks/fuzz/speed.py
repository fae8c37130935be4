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
    times: dict[str, list[float]] = {"pykcov": [], "atheris": []}
    with tempfile.TemporaryDirectory() as folder:
        scratch = Path(folder)
        found = seeds.inputs(name, SIZES[size], count)
        seeds.write(scratch / "all", found)
        seeds.write(scratch / "one", found[:1])
        for _ in range(rounds):
            for engine in times:
                words = command(engine, HARNESSES / f"fuzz_{name}.py", scratch)
                flags = ["-runs=0", "-max_len=100000", "-shuffle=0", "-timeout=300"]
                one, _ = processor_time([*words, str(scratch / "one"), *flags])
                took, errors = processor_time([*words, str(scratch / "all"), *flags])
                if "DONE" not in errors:
                    raise SystemExit(f"{name} {size} {engine} did not end as it should:\n{errors[-2000:]}")
                times[engine].append((took - one) / (count - 1) * 1e6)
    return {engine: statistics.median(found) for engine, found in times.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("names", nargs="*", default=PARSERS)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--count", type=int, default=0)
    parser.add_argument("--size", action="append", choices=[*SIZES])
    parser.add_argument("-o", "--output", type=Path)
    options = parser.parse_args()
    rows = []
    for size in options.size or SIZES:
        ratios = []
        for name in options.names or PARSERS:
            count = options.count or {"tiny": 2000, "1 KB": 300, "4 KB": 100}[size]
            row = measure(name, size, count, options.rounds)
            ratio = row["atheris"] / row["pykcov"]
            ratios.append(ratio)
            rows.append({"harness": name, "size": size, "ratio": ratio, **row})
            print(f"{name:12} {size:5} {row['pykcov']:9.1f} us {row['atheris']:9.1f} us  {ratio:5.2f}", flush=True)
        print(f"geometric mean, {size}: {statistics.geometric_mean(ratios):.2f}, least {min(ratios):.2f}", flush=True)
    if options.output:
        options.output.write_text(json.dumps(rows, indent=1))


if __name__ == "__main__":
    os.environ.setdefault("PYTHONHASHSEED", "0")
    main()
