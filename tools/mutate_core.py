"""Break the core on purpose, one fault at a time (`mutations.py`), and see who notices.

Each fault must be noticed by the vectors, else by the state machine, else by the stress program; the core without a
fault must not be. Exit status 0 only then.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path

import click
import stress
from core_copy import ROOT, Copy
from mutations import MUTATIONS, Mutation


def break_by(copy: Copy, mutation: Mutation) -> None:
    """Put the fault in."""
    file = copy.core / mutation.file
    text = file.read_text()
    if text.count(mutation.old) != 1:
        raise click.ClickException(f"{mutation.name}: {mutation.file} has changed; adapt mutations.py")
    file.write_text(text.replace(mutation.old, mutation.new))


def by_vectors(copy: Copy) -> str:
    """Return the first difference, or nothing."""
    files = [ROOT / "tests" / "data" / f"{name}.jsonl.gz" for name in ("core", "fixed")]
    done = copy.run(ROOT / "tools" / "replay_vectors.py", "--exitfirst", *files)
    return done.stdout.splitlines()[0] if done.returncode else ""


def by_state_machine(copy: Copy) -> str:
    """Return where model and core part, or nothing."""
    done = copy.run("-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", "tests/core/test_state_machine.py")
    said = [line for line in done.stdout.splitlines() if line.startswith("E ") and "expected" in line]
    return (said or ["it failed"])[0] if done.returncode else ""


def by_stress(copy: Copy) -> str:
    """Return how the stress program ended, or nothing."""
    status = stress.run("none", ["-n10000000"], copy.core)
    return f"exit status {status}" if status else ""


JUDGES: dict[str, Callable[[Copy], str]] = {
    "vectors": by_vectors,
    "state machine": by_state_machine,
    "stress": by_stress,
}


def judge(copy: Copy) -> tuple[str, str]:
    """Return who notices something, and what."""
    copy.build()
    for name, notices in JUDGES.items():
        if said := notices(copy):
            return name, said
    return "nobody", ""


@click.command(help=__doc__)
@click.option("--only", metavar="TEXT", default="", help="Only faults with this text in their name.")
@click.option("--control/--no-control", default=True, help="Judge the core without a fault first.")
def main(only: str, control: bool) -> None:
    """Judge every fault."""
    missed = 0
    with tempfile.TemporaryDirectory() as folder:
        copy = Copy(Path(folder))
        if control:
            who, said = judge(copy)
            click.echo(f"the core as it is: noticed by {who} {said}")
            missed += who != "nobody"
        for mutation in (mutation for mutation in MUTATIONS if only in mutation.name):
            break_by(copy, mutation)
            who, said = judge(copy)
            copy.mend()
            click.echo(f"{mutation.name}: noticed by {who}: {said[:300]}")
            missed += who == "nobody"
    raise SystemExit(missed > 0)


if __name__ == "__main__":
    main()
