"""Replay vectors with real threads against the core.

Last line: `sequences=N steps=M differences=D`. The exit status is 0 only when D is 0.
"""

from __future__ import annotations

import faulthandler
import itertools
import multiprocessing
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path

import click
import vectors
from thread_system import ThreadSystem

CHUNK = 100  # sequences that one process replays
CHUNK_SECONDS = 900  # a chunk that takes longer hangs


class Tally:
    """How much was replayed, and what differed."""

    def __init__(self) -> None:
        """Begin at nothing."""
        self.sequences = 0
        self.steps = 0
        self.differences = 0

    def add(self, sequence: vectors.Sequence, differences: list[vectors.Difference]) -> None:
        """Count a sequence and show how it differs."""
        self.sequences += 1
        self.steps += len(sequence["steps"])
        self.differences += len(differences)
        for difference in differences:
            click.echo(difference)


def replay(sequence: vectors.Sequence) -> tuple[list[vectors.Difference], bool]:
    """Replay one sequence; say also whether this process can go on."""
    system = ThreadSystem(sequence["groups"])
    differences = vectors.check(sequence, system)
    try:
        system.finish()
    except RuntimeError as error:
        return [*differences, vectors.Difference(sequence["id"], None, "end", "everything let go", error)], False
    return differences, True


def replay_chunk(chunk: list[vectors.Sequence]) -> list[list[vectors.Difference]]:
    """Replay sequences in this process until one leaves it unusable; the result may be shorter than `chunk`."""
    faulthandler.dump_traceback_later(CHUNK_SECONDS, exit=True)
    results = []
    for sequence in chunk:
        differences, usable = replay(sequence)
        results.append(differences)
        if not usable:
            break
    faulthandler.cancel_dump_traceback_later()
    return results


def replay_all(chunks: list[list[vectors.Sequence]], jobs: int, tally: Tally, first_only: bool) -> None:
    """Replay chunks in `jobs` processes, each chunk in a process of its own."""
    with ProcessPoolExecutor(jobs, multiprocessing.get_context("spawn"), max_tasks_per_child=1) as pool:
        pending = {pool.submit(replay_chunk, chunk): chunk for chunk in chunks}
        while pending:
            future: Future[list[list[vectors.Difference]]] = next(as_completed(pending))
            chunk = pending.pop(future)
            results = future.result()
            for sequence, differences in zip(chunk, results, strict=False):
                tally.add(sequence, differences)
            if tally.differences and first_only:
                pool.shutdown(cancel_futures=True)
                return
            if rest := chunk[len(results) :]:
                pending[pool.submit(replay_chunk, rest)] = rest


def chunked(sequences: Iterator[vectors.Sequence]) -> Iterator[list[vectors.Sequence]]:
    """Cut into lists of CHUNK."""
    while chunk := list(itertools.islice(sequences, CHUNK)):
        yield chunk


@click.command(help=__doc__)
@click.argument("files", nargs=-1, required=True, type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--jobs", type=click.IntRange(1), default=os.cpu_count(), show_default="cores", help="Processes.")
@click.option("--only", type=int, multiple=True, metavar="ID", help="Replay only the sequences of this id.")
@click.option("-x", "--exitfirst", is_flag=True, help="Stop soon after the first difference.")
def main(files: Sequence[Path], jobs: int, only: Sequence[int], exitfirst: bool) -> None:
    """Replay FILES."""
    tally = Tally()
    for file in files:
        sequences = (sequence for sequence in vectors.read(file) if not only or sequence["id"] in only)
        try:
            chunks = list(chunked(sequences))
        except (ValueError, OSError) as error:
            raise click.BadParameter(str(error)) from None
        try:
            replay_all(chunks, jobs, tally, exitfirst)
        except BrokenProcessPool:
            tally.differences += 1
            click.echo(f"{file}: a process crashed or hung; replay parts of the file with --only to find where")
        if tally.differences and exitfirst:
            break
    click.echo(f"sequences={tally.sequences} steps={tally.steps} differences={tally.differences}")
    if tally.differences or not tally.sequences:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
