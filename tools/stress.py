"""Build the stress program in tests/stress together with the core, without Python, and run it.

With a sanitizer, any report of it ends the run with another exit status than 0.
"""

from __future__ import annotations

import os
import shlex
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

import click

ROOT = Path(__file__).parents[1]
CORE = ROOT / "src" / "pykcov" / "core"
STRESS = ROOT / "tests" / "stress"
# A compiler that sanitizes takes the core's __sanitizer_cov_* for its own.
WITH_CALLBACKS = "-Wno-builtin-declaration-mismatch"
OPTIONS = {
    "none": ["-O2"],
    "thread": ["-O2", "-fsanitize=thread", WITH_CALLBACKS],
    "address": ["-O1", "-fsanitize=address,undefined", "-fno-sanitize-recover=all", WITH_CALLBACKS],
}
ENVIRONMENT = {
    "TSAN_OPTIONS": "halt_on_error=1 second_deadlock_stack=1",
    "ASAN_OPTIONS": "detect_leaks=1 detect_stack_use_after_return=1",
    "UBSAN_OPTIONS": "print_stacktrace=1",
}


def core_sources(core: Path = CORE) -> list[Path]:
    """Return the C files of the core that know nothing of Python: those outside of core/python."""
    return sorted(core.glob("*.c"))


def build(target: Path, sanitizer: str, core: Path = CORE) -> None:
    """Compile and link with $CC (default: cc)."""
    warnings = ["-std=gnu11", "-g", "-Wall", "-Wextra", "-Werror"]
    sources = [*sorted(STRESS.glob("*.c")), *core_sources(core)]
    compiler = shlex.split(os.environ.get("CC", "cc"))
    command = [*compiler, *warnings, *OPTIONS[sanitizer], f"-I{core}", *map(str, sources), "-o", str(target)]
    if subprocess.run([*command, "-lpthread", "-ldl"]).returncode != 0:
        raise click.ClickException(f"{compiler[0]} could not build the stress program")


def run(sanitizer: str, arguments: Sequence[str], core: Path = CORE) -> int:
    """Build, run, and return the exit status."""
    with tempfile.TemporaryDirectory() as folder:
        program = Path(folder) / "stress"
        build(program, sanitizer, core)
        return subprocess.run([program, *arguments], env=os.environ | ENVIRONMENT).returncode


@click.command(help=__doc__)
@click.option("--sanitizer", type=click.Choice(list(OPTIONS)), default="none", show_default=True)
@click.option("--events", default=1_000_000, show_default=True, help="Events in all.")
@click.option("--threads", default=8, show_default=True)
@click.option("--seed", default=1, show_default=True)
@click.option("--fork", is_flag=True, help="Threads fork as well.")
def main(sanitizer: str, events: int, threads: int, seed: int, fork: bool) -> None:
    """Run it."""
    arguments = [f"-n{events}", f"-t{threads}", f"-s{seed}", *(["-f"] if fork else [])]
    raise SystemExit(run(sanitizer, arguments))


if __name__ == "__main__":
    main()
