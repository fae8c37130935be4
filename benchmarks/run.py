"""Measures what tracing costs: each workload in each configuration, side by side. `--help` says what can be chosen.

Each configuration of a workload has a process of its own, since instrumentation cannot be undone. The processes live
side by side and take turns, one measured run each a round, so that whatever slows the machine down slows all of them;
ratios are taken within a round. Only one of them runs at any time. They are started anew now and then, since
where things lie in memory moves a ratio by a percent or two for the life of a process.

Time is the processor time of the process: it leaves out what other processes take, where wall-clock time has it in.
"""

import argparse
import json
import os
import platform
import sys
from pathlib import Path

import plot
import report
from configurations import ALL, BARE
from measurements import Results
from processes import Team

HERE = Path(__file__).parent
HELPERS = {"__init__", "pure", "pyperformance_program", "sources"}
WORKLOADS = sorted(path.stem for path in (HERE / "workloads").glob("*.py") if path.stem not in HELPERS)


def measure(workload: str, options: argparse.Namespace, results: Results) -> None:
    """All rounds of one workload, in as many generations of processes as asked for."""
    for generation in range(options.processes):
        with Team(workload, results, options.iterations, options.parts, options.cpu) as team:
            for number in range(options.rounds):
                results.add_round(workload, team.measure(number))
            if generation == options.processes - 1:
                team.parts()


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("workloads", nargs="*", metavar="WORKLOAD", help=f"default: all of {', '.join(WORKLOADS)}")
    parser.add_argument("-c", "--configuration", action="append", dest="configurations", choices=[*ALL])
    parser.add_argument("--rounds", type=int, default=4, help="measured runs a process (default: %(default)s)")
    parser.add_argument(
        "--processes", type=int, default=3, help="times the processes start anew (default: %(default)s)"
    )
    parser.add_argument("--iterations", type=int, default=0, help="iterations a run (default: each workload's own)")
    parser.add_argument(
        "--parts",
        type=int,
        default=1,
        metavar="N",
        help="runs an Nth as long and N times the rounds: turns change faster than the speed of the machine",
    )
    parser.add_argument("--cpu", type=int, help="run the workers on this processor only (default: the last one)")
    parser.add_argument("--no-pin", action="store_true", help="let the workers run on all processors")
    parser.add_argument("--quick", action="store_true", help="two iterations, one round: does it all work?")
    parser.add_argument("--list", action="store_true", help="list workloads and configurations")
    parser.add_argument("-o", "--output", type=Path, help="Markdown file (default: results/PYTHON.md); JSON beside it")
    options = parser.parse_args(arguments)
    options.workloads = options.workloads or WORKLOADS
    for name in options.workloads:
        if name not in WORKLOADS:
            parser.error(f"no workload is named {name!r}: choose from {', '.join(WORKLOADS)}")
    options.configurations = [name for name in ALL if not options.configurations or name in options.configurations]
    if BARE.name not in options.configurations:
        options.configurations.insert(0, BARE.name)
    if options.quick:
        options.rounds, options.processes, options.iterations = 1, 1, options.iterations or 2
    options.rounds *= options.parts
    if options.no_pin:
        options.cpu = None
    elif options.cpu is None:
        options.cpu = max(os.sched_getaffinity(0))
    if options.output is None:
        name = f"{platform.python_implementation()}-{platform.python_version()}".lower()
        options.output = HERE / "results" / f"{name}.md"
    return options


def main(arguments: list[str] | None = None) -> int:
    """Measure, print, write. The exit status is 1 if anything failed or a checksum differs."""
    options = parse(arguments)
    if options.list:
        for name in WORKLOADS:
            print(f"{name:20} {report.describe(name)}")
        for name, configuration in ALL.items():
            print(f"{name:20} {configuration.description}")
        return 0
    results = Results(options.workloads, options.configurations)
    for number, workload in enumerate(options.workloads, 1):
        print(f"[{number}/{len(options.workloads)}] {workload}", file=sys.stderr, flush=True)
        measure(workload, options, results)
    text = report.markdown(results, options)
    options.output.parent.mkdir(parents=True, exist_ok=True)
    options.output.write_text(text, encoding="utf-8")
    options.output.with_suffix(".json").write_text(json.dumps(results.as_dict(), indent=1), encoding="utf-8")
    if not plot.draw(results.as_dict(), options.output.with_suffix(".svg"), options.output.stem):
        print("No plot: matplotlib is missing", file=sys.stderr)
    print(text)
    print(f"Written to {options.output}", file=sys.stderr)
    return 1 if results.problems() else 0


if __name__ == "__main__":
    sys.exit(main())
