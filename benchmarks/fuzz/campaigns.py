"""Whole campaigns beside Atheris: executions for the same processor time, start included, from an empty corpus.

Each engine makes its own inputs, as it would. The processes take turns, one campaign each with the same seed; a
command's processor time is that of all its processes. What pykcov finds to reach more takes longer to run, too.
The start alone is measured by campaigns of one execution. pykcov's files are compiled beforehand, as pip has compiled
those of Atheris: where PYTHONDONTWRITEBYTECODE is set nobody else would, and each start would do it anew.

--copy adds pykcov on the copy of libFuzzer that Atheris brings, in place of its own.
"""

import argparse
import compileall
import os
import shutil
import statistics
import subprocess
import tempfile
from pathlib import Path

import speed

import pykcov

HARNESSES = {
    "expat": 400_000,
    "ujson": 300_000,
    "argparse": 4_000,
    "docopt": 8_000,
    "click": 8_000,
    "ply": 20_000,
    "h11": 60_000,
    "flask": 2_000,
    "asteval": 15_000,
    "hypothesis_lxml": 1_000,
}
"""Executions that take a few seconds."""


def without_own_libfuzzer(scratch: Path) -> Path:
    """Make a pykcov that falls back to the libFuzzer of Atheris; return the folder to import it from."""
    package = Path(pykcov.__file__).parent
    shutil.copytree(package, scratch / "pykcov", ignore=shutil.ignore_patterns("_libfuzzer.*", "__pycache__"))
    return scratch


def campaign(engine: str, name: str, executions: int, seed: int, path: str | None) -> float:
    """Return the seconds of processor time of a campaign."""
    with tempfile.TemporaryDirectory() as folder:
        scratch = Path(folder)
        corpus = scratch / "corpus"
        corpus.mkdir()
        words = speed.command(engine, speed.HARNESSES / f"fuzz_{name}.py", scratch)
        environment = os.environ | ({"PYTHONPATH": os.pathsep.join(filter(None, [path, os.environ.get("PYTHONPATH")]))})
        process = subprocess.Popen(
            [*words, str(corpus), f"-atheris_runs={executions}", f"-seed={seed}"],
            env=environment,
            cwd=scratch,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        )
        assert process.stderr is not None
        said = process.stderr.read()
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            raise RuntimeError(f"{name} under {engine} ended with {process.returncode}: {said[-2000:].decode()}")
        return usage.ru_utime + usage.ru_stime


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("names", nargs="*", default=[*HARNESSES])
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--scale", type=float, default=1, help="of the number of executions")
    parser.add_argument("--copy", action="store_true")
    options = parser.parse_args()
    compileall.compile_dir(Path(pykcov.__file__).parent, quiet=1)
    engines = ["pykcov", "atheris", *(["copy"] if options.copy else [])]
    print("seconds of a campaign, and of one execution; Atheris over pykcov, of the whole and of the start")
    with tempfile.TemporaryDirectory() as folder:
        paths = {"copy": str(without_own_libfuzzer(Path(folder)))} if options.copy else {}
        for name in options.names or HARNESSES:
            count = max(int(HARNESSES[name] * options.scale), 2)
            took: dict[str, list[float]] = {engine: [] for engine in engines}
            starts: dict[str, list[float]] = {engine: [] for engine in engines}
            for seed in range(1, options.turns + 1):
                for engine in engines:
                    under = "pykcov" if engine == "copy" else engine
                    starts[engine].append(campaign(under, name, 1, seed, paths.get(engine)))
                    took[engine].append(campaign(under, name, count, seed, paths.get(engine)))
            cells = " ".join(
                f"{statistics.median(took[engine]):7.2f} {statistics.median(starts[engine]):5.2f}" for engine in engines
            )
            print(f"{name:16} {count:7} {cells}  {_ratio(took):5.2f} {_ratio(starts):5.2f}", flush=True)


def _ratio(times: dict[str, list[float]]) -> float:
    return statistics.median(a / b for a, b in zip(times["atheris"], times["pykcov"], strict=True))


if __name__ == "__main__":
    os.environ.setdefault("PYTHONHASHSEED", "0")
    main()
