"""`pykcov fuzz`: find inputs that make a program fail."""

import os
from typing import Any

import click

from pykcov.cli._errors import BAD_INPUT, CommandError

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
def command(harness: str, **options: Any) -> int:
    """Fuzz HARNESS by libFuzzer, guided by what pykcov records: a script for Atheris, as it is, or a script with a
    function FuzzerRunOne(data), or MODULE:FUNCTION, or a test FILE::NAME.

    New inputs that reach something new are kept in the first CORPUS. What is found is kept as a folder with the input,
    a minimized one, the traceback and a script that reproduces it. FLAGS are those of libFuzzer; `-help=1` lists them.
    """
    path = harness.partition("::")[0]
    if ":" not in harness and not os.path.isfile(path):
        raise CommandError(f"can't open {path!r}: no such harness", BAD_INPUT)
    from pykcov.fuzz.command import Options, run

    return run(Options(harness, **options))
