"""Locations after as many executions under pykcov and under Atheris: what the corpora reach, by the same measure.

The engines count differently (pykcov leaves out probes of blocks that others imply), so the inputs that each has kept
run once more, with a probe in every block. Targets that fail early are not among these: Atheris ends there.
"""

import argparse
import json
import os
import statistics
import subprocess
import tempfile
from pathlib import Path

from speed import HARNESSES, command

from pykcov.fuzz.corpus import files_of, measure
from pykcov.fuzz.settings import Settings

PARSERS = ["json", "tomllib", "html5lib", "yaml", "markdown_it"]


def locations(engine: str, name: str, seed: int, runs: int) -> int:
    """Return how many blocks the corpus of a campaign reaches that began with none."""
    harness = HARNESSES / f"fuzz_{name}.py"
    with tempfile.TemporaryDirectory() as folder:
        corpus = Path(folder, "corpus")
        corpus.mkdir()
        words = [*command(engine, harness, Path(folder)), str(corpus), f"-seed={seed}", f"-runs={runs}"]
        environment = os.environ | {"PYTHONHASHSEED": "0"}
        done = subprocess.run(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=environment)
        if done.returncode:
            raise SystemExit(f"{name} ended early under {engine}: {done.stdout[-1000:].decode('utf-8', 'replace')}")
        reached = measure(Settings(str(harness)), files_of([corpus]))
    return len(reached.locations)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("targets", nargs="*", default=PARSERS)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--runs", type=int, default=20000)
    parser.add_argument("-o", "--output", type=Path)
    options = parser.parse_args()
    rows = []
    print(f"blocks reached after {options.runs} executions, medians of {options.seeds} seeds")
    for name in options.targets:
        found = {
            engine: [locations(engine, name, seed, options.runs) for seed in range(1, options.seeds + 1)]
            for engine in ("pykcov", "atheris")
        }
        middle = {engine: statistics.median(counts) for engine, counts in found.items()}
        ratio = middle["pykcov"] / middle["atheris"]
        print(f"{name:12} pykcov {middle['pykcov']:6.0f}  Atheris {middle['atheris']:6.0f}  {ratio:5.2f}", flush=True)
        rows.append({"target": name, **found})
        if options.output:
            options.output.write_text(json.dumps(rows, indent=1))


if __name__ == "__main__":
    main()
