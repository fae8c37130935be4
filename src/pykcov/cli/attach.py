"""`pykcov attach`: trace a process that runs already."""

import os
from typing import TYPE_CHECKING

import click

from pykcov.cli._errors import BAD_INPUT, NOT_WRITTEN, NOTHING_TRACED, CommandError
from pykcov.cli._options import DEFAULT_FILE

if TYPE_CHECKING:
    from pykcov.instrument.sites import Granularity
    from pykcov.modes import Mode

_EXAMPLES = """\
\b
Examples:
  pykcov attach 4711                          until Ctrl-C
  pykcov attach 4711 --seconds 10             for ten seconds
  pykcov attach 4711 --include 'myservice.*'  one package, wherever it is
  pykcov attach 4711 --mode cmp-bytes         what it compares

\b
Exit code: 0, or
  2  the process cannot be attached to, and is as it was; or the command line is wrong
  3  nothing was traced
  4  FILE could not be written
"""


@click.command(epilog=_EXAMPLES, short_help="Trace a process that runs already.")
@click.argument("pid", type=click.IntRange(1))
@click.option(
    "-o", "--output", metavar="FILE", default=DEFAULT_FILE, show_default=True, help="The trace file to write."
)
@click.option("--seconds", type=click.FloatRange(0, 1e6), help="How long.  [default: until Ctrl-C]")
@click.option(
    "--mode",
    type=click.Choice(["unique", "pc", "cmp", "cmp-bytes"]),
    default="unique",
    show_default=True,
    help="As for `pykcov run`.",
)
@click.option(
    "--granularity",
    type=click.Choice(["line", "block", "arc"]),
    default="line",
    show_default=True,
    help="As for `pykcov run`.",
)
@click.option("--include", multiple=True, metavar="GLOB", help="Trace modules of this name only. May be repeated.")
@click.option("--exclude", multiple=True, metavar="GLOB", help="Do not trace modules of this name. May be repeated.")
@click.option(
    "--source",
    multiple=True,
    metavar="FOLDER",
    type=click.Path(exists=True),
    help="Trace files below this folder instead of the process's own code. May be repeated.",
)
@click.option("--stdlib", is_flag=True, help="Trace the standard library, too.")
@click.option(
    "--nmemb",
    type=click.IntRange(1, 262144),
    default=262144,
    show_default=True,
    metavar="N",
    help="Size of each thread's buffer in 64-bit words; one of them counts.",
)
def command(
    pid: int,
    output: str,
    seconds: float | None,
    mode: "Mode",
    granularity: "Granularity",
    include: tuple[str, ...],
    exclude: tuple[str, ...],
    source: tuple[str, ...],
    stdlib: bool,
    nmemb: int,
) -> int:
    """Trace what process PID runs from now on, in all its threads, and leave it as it was.

    The process has to run on the same Python as pykcov. Functions that run while tracing ends keep their probes, which
    do nothing, until they return.
    """
    from pykcov.live.attach import AttachError, attach
    from pykcov.reports._threads import print_threads

    if not os.access(os.path.dirname(os.path.abspath(output)), os.W_OK):
        raise CommandError(f"{output}: cannot be written", BAD_INPUT)
    choice = {
        "mode": mode,
        "granularity": granularity,
        "include": include,
        "exclude": exclude,
        "source": source,
        "stdlib": stdlib,
        "nmemb": nmemb,
    }
    try:
        trace, remarks = attach(pid, choice, seconds)
    except AttachError as error:
        raise CommandError(str(error), BAD_INPUT) from error
    try:
        trace.save(output)
    except OSError as error:
        raise CommandError(f"{output}: {error.strerror}", NOT_WRITTEN) from error
    for remark in remarks:
        click.echo(f"pykcov: {remark}", err=True)
    import sys

    print_threads(trace, sys.stderr)
    click.echo(f"pykcov: wrote {output}; `pykcov report {output}` shows it", err=True)
    if not any(len(thread) for thread in trace.threads):
        click.echo("pykcov: nothing was recorded: no thread ran code that was selected", err=True)
        return NOTHING_TRACED
    return 0
