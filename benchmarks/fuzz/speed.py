"""Executions a second, the same inputs replayed by pykcov, by Atheris and bare.

Three processes take turns: one pass over the inputs each, mostly tens of milliseconds of processor time, so that what
slows the machine down slows down all of them. Start, imports and instrumentation are not in it. The ratios are medians
of those within a turn.
"""

import argparse
import json
import os
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import seeds

HERE = Path(__file__).parent
HARNESSES = HERE / "harnesses"
PARSERS = ["json", "toml", "tomllib", "dateutil", "htmlparser", "html5lib", "markdown", "markdown_it", "pyasn1", "yaml"]
SIZES = {"tiny": 24, "1 KB": 1024, "4 KB": 4096}
INPUTS = {"tiny": 300, "1 KB": 20, "4 KB": 6}
ENGINES = ("bare", "pykcov", "atheris")
# Seconds that are not measured: code is imported, specialized, and exchanged.
WARM_UP = 0.5


class Player:
    """A process that replays the inputs, a pass at a time."""

    def __init__(self, engine: str, harness: Path, inputs: Path, scratch: Path) -> None:
        self._go, self._took = (scratch / f"{engine}-{name}" for name in ("go", "took"))
        os.mkfifo(self._go)
        os.mkfifo(self._took)
        self._process = subprocess.Popen(
            _player(engine, inputs, scratch),
            env=os.environ
            | {"TURNS_HARNESS": str(harness), "TURNS_INPUTS": str(inputs)}
            | {"TURNS_GO": str(self._go), "TURNS_TOOK": str(self._took)},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

    def play(self) -> float:
        """Return the seconds of a pass."""
        self._go.write_bytes(b"")
        return float(self._took.read_text())

    def warm_up(self) -> None:
        spent = 0.0
        while spent < WARM_UP:
            spent += self.play()

    def end(self) -> None:
        os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()


def _player(engine: str, inputs: Path, scratch: Path) -> list[str]:
    turns = HERE / "turns.py"
    if engine == "bare":
        return [sys.executable, str(HERE / "bare.py"), str(turns)]
    corpus = scratch / f"{engine}-corpus"
    corpus.mkdir()
    shutil.copy(min(inputs.iterdir()), corpus)
    return [*command(engine, turns, scratch), str(corpus), "-seed=1", "-len_control=0", "-timeout=300"]


def command(engine: str, harness: Path, scratch: Path) -> list[str]:
    """Return what runs a harness under an engine; corpora and flags of libFuzzer come behind it."""
    if engine == "atheris":
        return [sys.executable, str(harness), f"-artifact_prefix={scratch}/"]
    return [sys.executable, "-m", "pykcov", "fuzz", "--minimize=0", "-q", f"--directory={scratch}/out", str(harness)]


@contextmanager
def players(harness: Path, inputs: Path, scratch: Path) -> Iterator[dict[str, Player]]:
    """Start one process an engine, and end them."""
    started = {engine: Player(engine, harness, inputs, scratch) for engine in ENGINES}
    try:
        yield started
    finally:
        for player in started.values():
            player.end()


def measure(name: str, size: str, turns: int) -> dict[str, list[float]]:
    """Return the microseconds an execution of each turn, by engine."""
    harness = HARNESSES / f"fuzz_{name}.py"
    with tempfile.TemporaryDirectory() as folder:
        scratch = Path(folder)
        inputs = scratch / "inputs"
        seeds.write(inputs, seeds.inputs(name, SIZES[size], INPUTS[size]))
        words = [sys.executable, str(HERE / "bare.py"), str(harness), "--filter", str(inputs)]
        subprocess.run(words, check=True, capture_output=True)
        with players(harness, inputs, scratch) as started:
            for player in started.values():
                player.warm_up()
            passes = [{engine: player.play() for engine, player in started.items()} for _ in range(turns)]
        count = len([*inputs.iterdir()])
    return {engine: [took[engine] / count * 1e6 for took in passes] for engine in ENGINES}


def ratio(times: dict[str, list[float]], engine: str) -> float:
    """Return how many times as long as an engine Atheris takes."""
    return statistics.median(a / b for a, b in zip(times["atheris"], times[engine], strict=True))


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("names", nargs="*", default=PARSERS)
    parser.add_argument("--turns", type=int, default=15)
    parser.add_argument("--size", action="append", choices=[*SIZES])
    parser.add_argument("-o", "--output", type=Path)
    options = parser.parse_args()
    rows = []
    print("us an execution: bare, pykcov, Atheris; Atheris over pykcov, and over bare, which is the most there can be")
    for size in options.size or SIZES:
        ratios, limits = [], []
        for name in options.names or PARSERS:
            times = measure(name, size, options.turns)
            ratios.append(ratio(times, "pykcov"))
            limits.append(ratio(times, "bare"))
            rows.append({"harness": name, "size": size, "times": times, "ratio": ratios[-1], "limit": limits[-1]})
            cells = " ".join(f"{statistics.median(times[engine]):9.1f}" for engine in ENGINES)
            print(f"{name:12} {size:5} {cells}  {ratios[-1]:5.2f} {limits[-1]:5.2f}", flush=True)
        means = f"{statistics.geometric_mean(ratios):5.2f} {statistics.geometric_mean(limits):5.2f}"
        print(f"geometric mean, {size}: {means}; least {min(ratios):.2f}", flush=True)
    if options.output:
        options.output.write_text(json.dumps(rows, indent=1))


if __name__ == "__main__":
    os.environ.setdefault("PYTHONHASHSEED", "0")
    main()
