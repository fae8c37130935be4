"""`pykcov affected`: which tests a change concerns."""

import os
import sys

import click

from pykcov.cli._errors import BAD_INPUT, CommandError
from pykcov.cli._options import data_file

_EXAMPLES = """\
\b
Examples:
  pytest $(pykcov affected)                          what the changes since the last commit concern
  pykcov affected --since main -o tests.txt && pytest @tests.txt
  pykcov affected --null | xargs -0 -r pytest

\b
Exit code: 0, or
  1  no test is concerned
  2  there is no data file, repository or revision
"""

NONE = 1


@click.command(epilog=_EXAMPLES)
@data_file
@click.option("--since", metavar="REV", default="HEAD", show_default=True, help="The revision of git to compare with.")
@click.option("-0", "--null", is_flag=True, help="End each with a zero byte, for xargs -0, and leave nothing out.")
@click.option(
    "-o", "--output", metavar="FILE", help="Write them there, one a line, and leave nothing out: for `pytest @FILE`."
)
@click.option("-q", "--quiet", is_flag=True, help="Do not say why on stderr.")
def command(data: str, since: str, null: bool, output: str | None, quiet: bool) -> int:
    """Print the tests that ran functions which have changed since a revision, and those that are new or have changed.

    DATA is what `pytest --pykcov` wrote. A file is printed where all of its tests are concerned. Of tests whose ids
    have characters that a shell takes apart, only the function is printed, which stands for all of its parameters.
    """
    from pykcov.contrib.pytest_plugin.affected import affected
    from pykcov.contrib.pytest_plugin.arguments import arguments, plain
    from pykcov.contrib.pytest_plugin.revisions import Repository, RevisionError
    from pykcov.contrib.pytest_plugin.testdata import TestData, TestDataError

    try:
        known = TestData(data)
        found = affected(known, Repository(os.getcwd()), since)
    except (TestDataError, RevisionError) as error:
        raise CommandError(str(error), BAD_INPUT) from error
    if not quiet:
        for remark in found.remarks:
            click.echo(f"pykcov: {remark}", err=True)
        if not known.is_ours:
            click.echo(
                f"pykcov: {data} is not by `pytest --pykcov`: taken for one of the sources as they are in {since}",
                err=True,
            )
    names = arguments(found, known)
    if output is not None:
        with open(output, "w", encoding="utf-8", errors="surrogateescape") as file:
            file.writelines(f"{name}\n" for name in names)
    elif null:
        sys.stdout.buffer.write(b"".join(os.fsencode(name) + b"\0" for name in names))
    else:
        words, odd = plain(names)
        for name in odd:
            click.echo(f"pykcov: {name!r} has characters that a shell takes apart: use --null or -o", err=True)
        for name in words:
            print(name)
    return 0 if names else NONE
