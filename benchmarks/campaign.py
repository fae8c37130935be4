"""Executions of a campaign of two workers over one `pykcov fuzz`, and what slices cost: `make bench-campaign`.

Both begin with the same corpus and run for the same time, in turns. The machine has to have two processors that nobody
else uses; the ratio of executions a second of processor time, times two, is what it would be then, and does not
depend on others. The cost of slices: processor time that is not spent on new inputs.
"""

import argparse
import re
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from resource import RUSAGE_CHILDREN, getrusage

from pykcov.campaign import worker
from pykcov.campaign.slices import Slice, Target
from pykcov.campaign.store.store import Store
from pykcov.campaign.store.summary import target_summaries

HARNESS = """
import {module}

def FuzzerRunOne(data):
    text = data.decode("utf-8", "replace")
    try:
        {call}
    except (ValueError, LookupError, {errors}):
        pass
"""
TARGETS = {
    "tomllib": ("tomllib", "tomllib.loads(text)", ""),
    "html": ("html.parser", "html.parser.HTMLParser().feed(text)", "AssertionError"),
    "configparser": ("configparser", "configparser.ConfigParser().read_string(text)", "configparser.Error"),
    "email": ("email", "email.message_from_string(text)", ""),
    "urllib": ("urllib.parse", "urllib.parse.urlsplit(text)", ""),
}
INCLUDE = {"html": ("html", "_markupbase"), "email": ("email",), "urllib": ("urllib",)}


def make(folder: Path) -> None:
    for name, (module, call, errors) in TARGETS.items():
        (folder / f"fuzz_{name}.py").write_text(HARNESS.format(module=module, call=call, errors=errors))


def options(name: str) -> list[str]:
    return [word for module in INCLUDE.get(name, (name,)) for word in ("--include", module)]


def processor_time() -> float:
    return sum(getrusage(RUSAGE_CHILDREN)[:2])


def fuzz(name: str, folder: Path, corpus: Path, seconds: int, seed: int) -> tuple[int, float]:
    """Return executions and processor seconds of one process."""
    command = [sys.executable, "-m", "pykcov", "fuzz", *options(name), "--keep-going", "1000", "--minimize", "0"]
    command += [f"fuzz_{name}.py", str(corpus), f"-max_total_time={seconds}", f"-seed={seed}"]
    before = processor_time()
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, errors="replace")
    found = re.search(r"pykcov: (\d+) executions", done.stderr)
    assert found is not None, done.stderr[-2000:]
    return int(found[1]), processor_time() - before


def campaign(name: str, folder: Path, corpus: Path, seconds: int, seed: int, slice_seconds: int) -> tuple[int, float]:
    """Return the same of two workers."""
    store = folder / f"{name}-{seed}-{time.monotonic_ns()}.db"
    ours = [sys.executable, "-m", "pykcov", "campaign"]
    include = ", ".join(f'"{each}"' for each in INCLUDE.get(name, (name,)))
    (folder / "pyproject.toml").write_text(f"[tool.pykcov.campaign]\ninclude = [{include}]\n")
    harness = f"fuzz_{name}.py"
    imported = [*ours, "import", "--store", str(store), "--target", harness, str(corpus)]
    subprocess.run(imported, cwd=folder, check=True, capture_output=True)
    before = processor_time()
    command = [*ours, "run", "--store", str(store), "--workers", "2", "--for", str(seconds), "--seed", str(seed)]
    done = subprocess.run(
        [*command, "--slice", str(slice_seconds), harness], cwd=folder, capture_output=True, text=True
    )
    spent = processor_time() - before
    assert done.returncode in (0, 77), done.stderr
    with Store(str(store), create=False) as opened:
        return target_summaries(opened)[0].record.executions, spent


def overhead(name: str, folder: Path, corpus: Path, seconds: int, count: int) -> list[float]:
    """Return of slices which part of the processor time went elsewhere than into new inputs."""
    target = Target(f"fuzz_{name}.py", str(folder), include=INCLUDE.get(name, (name,)))
    inputs = {path.name: path.read_bytes() for path in corpus.iterdir()}
    work = Slice("bench", target, "", 0, 1, measure=tuple(inputs), inputs=inputs)
    digests = tuple(worker.run(work).reach)
    costs = []
    for seed in range(1, count + 1):
        result = worker.run(work._replace(seconds=seconds, seed=seed, corpus=digests, measure=(), inputs={}))
        useful = result.fuzzing_processor * (1 - len(digests) / result.executions)
        costs.append(1 - useful / result.processor)
        digests += tuple(result.new)
    return costs


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=int, default=30)
    parser.add_argument("--slice", type=int, default=30)
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--overhead", type=int, default=0, metavar="SLICES", help="measure the cost of slices instead")
    parser.add_argument("targets", nargs="*", default=list(TARGETS))
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="pykcov-bench-") as name:
        folder = Path(name)
        make(folder)
        for target in given.targets:
            corpus = folder / f"corpus-{target}"
            corpus.mkdir()
            fuzz(target, folder, corpus, 10, 1)
            if given.overhead:
                costs = overhead(target, folder, corpus, given.slice, given.overhead)
                print(f"{target}: {', '.join(f'{100 * each:.1f} %' for each in costs)} of slices", flush=True)
                continue
            walls, normed = [], []
            for turn in range(given.turns):
                executions, spent = fuzz(target, folder, copy(corpus, folder), given.seconds, turn + 1)
                of_two, spent_by_two = campaign(target, folder, corpus, given.seconds, turn + 1, given.slice)
                walls.append(of_two / executions)
                normed.append(2 * (of_two / spent_by_two) / (executions / spent))
            print(
                f"{target}: executions of two workers over one: median {statistics.median(walls):.2f} "
                f"({', '.join(f'{each:.2f}' for each in walls)}); by processor time "
                f"{statistics.median(normed):.2f} ({', '.join(f'{each:.2f}' for each in normed)})",
                flush=True,
            )
    worker.close()


def copy(corpus: Path, folder: Path) -> Path:
    own = Path(tempfile.mkdtemp(dir=folder))
    for path in corpus.iterdir():
        (own / path.name).write_bytes(path.read_bytes())
    return own


if __name__ == "__main__":
    main()
