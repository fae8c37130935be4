"""`pykcov fuzz`: find inputs that make a program fail."""

import os
import sys
from typing import TYPE_CHECKING

import click

from pykcov.cli._errors import BAD_INPUT, CommandError
from pykcov.counted import counted
from pykcov.tables import can_draw

if TYPE_CHECKING:
    from pykcov.fuzz.settings import Settings
    from pykcov.fuzz.supervisor import Outcome

_EXAMPLES = """\
\b
Examples:
  pykcov fuzz fuzz_toml.py                         a harness written for Atheris, unchanged
  pykcov fuzz fuzz_toml.py -max_total_time=60      flags of libFuzzer come after the harness
  pykcov fuzz fuzz_toml.py corpus seeds            keep new inputs in corpus, begin with both
  pykcov fuzz --keep-going 10 fuzz_toml.py         do not stop at the first finding
  pykcov fuzz mypackage.parser:parse               a function that takes bytes
  pykcov fuzz tests/test_parser.py::test_any       a test of Hypothesis, or one with @pykcov.fuzz_test

\b
Exit code, as libFuzzer's:
  0   it ended, by -runs or -max_total_time, and nothing was found
  1   the harness failed before it fuzzed, or libFuzzer could not begin
  2   the command line is wrong, there is no such harness, or libFuzzer is missing
  3   nothing has probes, or no input reached any
  70  an input took too long (-timeout)
  71  an input took too much memory (-rss_limit_mb)
  72  interrupted
  77  something was found
"""


@click.command(epilog=_EXAMPLES, context_settings={"allow_interspersed_args": False}, options_metavar="[OPTIONS]")
@click.option("--keep-going", type=click.IntRange(1), metavar="N", help="Stop at N findings, not at one.")
@click.option(
    "--background/--no-background",
    default=True,
    help="Exceptions in threads, tasks, finalisers and children of an input are findings.  [default: they are]",
)
@click.option(
    "-d",
    "--directory",
    type=click.Path(file_okay=False),
    help="Where corpus and findings are kept.  [default: NAME.fuzz beside the harness]",
)
@click.option(
    "--minimize",
    type=click.FloatRange(0),
    default=10,
    show_default=True,
    metavar="SECONDS",
    help="Time to make the input of each finding shorter. 0: leave it as it is.",
)
@click.option("--include", multiple=True, metavar="GLOB", help="Instrument modules of this name. May be repeated.")
@click.option("--exclude", multiple=True, metavar="GLOB", help="Do not, those of this name. May be repeated.")
@click.option("--source", multiple=True, type=click.Path(exists=True, file_okay=False), help="Instrument this folder.")
@click.option("--stdlib", is_flag=True, help="Instrument the standard library, too.")
@click.option("-q", "--quiet", is_flag=True, help="No summary, only what went wrong.")
# For libFuzzer, when it starts this command again: the folder of the campaign (fuzz/jobs.py).
@click.option("--part-of", type=click.Path(), hidden=True)
@click.argument("harness")
@click.argument("arguments", metavar="[CORPUS]... [-- FLAGS]", nargs=-1, type=click.UNPROCESSED)
def command(
    keep_going: int | None,
    background: bool,
    directory: str | None,
    minimize: float,
    include: tuple[str, ...],
    exclude: tuple[str, ...],
    source: tuple[str, ...],
    stdlib: bool,
    quiet: bool,
    part_of: str | None,
    harness: str,
    arguments: tuple[str, ...],
) -> int:
    """Fuzz HARNESS by libFuzzer, guided by what pykcov records: a script for Atheris, as it is, or a script with a
    function FuzzerRunOne(data), or MODULE:FUNCTION, or a test FILE::NAME.

    New inputs that reach something new are kept in the first CORPUS. What is found is kept as a folder with the input,
    a minimized one, the traceback and a script that reproduces it. FLAGS are those of libFuzzer; `-help=1` lists them.
    """
    path = harness.partition("::")[0]
    if ":" not in harness and not os.path.isfile(path):
        raise CommandError(f"can't open {path!r}: no such harness", BAD_INPUT)
    from pykcov.fuzz import exits, libfuzzer
    from pykcov.fuzz.settings import Settings

    try:
        if not libfuzzer.find().own and not quiet:
            _say(f"libFuzzer is {libfuzzer.description()}")
    except libfuzzer.LibFuzzerMissingError as error:
        raise CommandError(str(error), BAD_INPUT) from None
    # What is fuzzed may go to another folder.
    folder = os.path.abspath(directory or _default_folder(harness))
    given = [each if each.startswith("-") else os.path.abspath(each) for each in arguments if each != "--"]
    if part_of is None and not any(not argument.startswith("-") for argument in given):
        corpus = os.path.join(folder, "corpus")
        os.makedirs(corpus, exist_ok=True)
        given.insert(0, corpus)
    settings = Settings(
        harness,
        given,
        findings=os.path.join(folder, "findings"),
        keep_going=keep_going or 1,
        background=background,
        goes_on=keep_going is None and any(each.startswith("-max_total_time=") for each in given),
        include=list(include),
        exclude=list(exclude),
        source=[os.path.abspath(each) for each in source],
        stdlib=stdlib,
    )
    outcome = _run(settings, minimize, part_of)
    snapshot = outcome.snapshot
    if outcome.code == 0 and snapshot.executions and not snapshot.sees:
        _say("none of the inputs reached any probe: what the harness calls is not what is instrumented")
        return exits.BLIND
    if not quiet:
        for found in outcome.findings:
            _say(f"found {os.path.relpath(found)}; reproduce with: python {os.path.relpath(found)}/reproduce.py")
        _say(f"{counted(snapshot.executions, 'execution')}, {counted(len(outcome.findings), 'finding')}")
    return outcome.code


def _run(settings: "Settings", minimize: float, part_of: str | None) -> "Outcome":
    from pykcov.fuzz.supervisor import Supervisor

    with Supervisor(settings, minimize_seconds=minimize, part_of=part_of) as supervisor:
        if sys.stderr is None or not sys.stderr.isatty() or not can_draw():
            return supervisor.run(_say, None)
        from pykcov.fuzz.status import Status

        with Status(supervisor.snapshot, lambda: supervisor.found) as status:
            return supervisor.run(lambda line: status.say(f"pykcov: {line}"), status.stream)


def _default_folder(harness: str) -> str:
    path, separator, test = harness.partition("::")
    if not separator and not os.path.isfile(path):
        return harness.replace(":", ".") + ".fuzz"
    from pykcov.fuzz.regression import folder_of

    return folder_of(path, test)


def _say(line: str) -> None:
    if sys.stderr is not None:
        print(f"pykcov: {line}", file=sys.stderr)
