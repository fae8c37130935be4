"""What it costs to start: `pykcov run` of an empty script, `pykcov report` of it, and pytest up to its first test.

    benchmarks/start_up.py [--rounds N]

Prints a table in Markdown: processor time of all processes in seconds, the median of all rounds, in each of which every
command runs once; beside each what coverage.py and pytest-cov take for the same. Needs pytest and pytest-cov.
"""

import argparse
import os
import platform
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

_TEST = "import time\n\ndef test_it():\n    print('FIRST', time.process_time())\n"
_PYTEST = ["-m", "pytest", "-s", "-p", "no:cacheprovider"]
_CONFIGURED = "[run]\nsource = .\nbranch = true\n[report]\nshow_missing = true\n"

COMMANDS = {
    "python": ["empty.py"],
    "coverage run": ["-m", "coverage", "run", "empty.py"],
    "pykcov run": ["-m", "pykcov", "run", "empty.py"],
    "coverage report": ["-m", "coverage", "report"],
    "pykcov report": ["-m", "pykcov", "report"],
    "pytest, to the first test": _PYTEST,
    "pytest --cov": [*_PYTEST, "-p", "pytest_cov", "--cov"],
    "pytest --pykcov": [*_PYTEST, "-p", "pytest_pykcov", "--pykcov"],
    "pytest --cov, configured": [*_PYTEST, "-p", "pytest_cov", "--cov", "--cov-config=configured"],
    "pytest --pykcov, configured": [*_PYTEST, "-p", "pytest_pykcov", "--pykcov", "--pykcov-config=configured"],
}


def measure(folder: Path, command: list[str]) -> float:
    """Run Python; return the processor time of it and its children, or what a test has printed of its process."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(
        [sys.executable, *command],
        cwd=folder,
        env={name: value for name, value in os.environ.items() if not name.startswith(("COV", "PYTHONDONTWRITE"))}
        | {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
        capture_output=True,
        text=True,
        check=True,
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if "pytest" in command:
        return float(done.stdout.partition("FIRST ")[2].split()[0])
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=11)
    arguments = parser.parse_args()
    seconds: dict[str, list[float]] = {name: [] for name in COMMANDS}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "empty.py").touch()
        (folder / "test_it.py").write_text(_TEST)
        (folder / "configured").write_text(_CONFIGURED)
        for number in range(arguments.rounds + 1):
            for command, words in COMMANDS.items():
                taken = measure(folder, words)
                if number:  # the first round writes .pyc files
                    seconds[command].append(taken)
    print(
        f"# Start-up\n\n- CPython {platform.python_version()}, {arguments.rounds} rounds, {time.strftime('%Y-%m-%d')}\n"
    )
    print("| command | processor time, s | smallest |\n| --- | ---: | ---: |")
    for command, taken_by in seconds.items():
        print(f"| {command} | {statistics.median(taken_by):.3f} | {min(taken_by):.3f} |")


if __name__ == "__main__":
    main()
