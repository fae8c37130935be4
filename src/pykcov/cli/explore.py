"""`pykcov explore`: a page that answers who ran what, and what it compared."""

from pathlib import Path

import click

from pykcov.cli._errors import BAD_INPUT, CommandError
from pykcov.cli._options import DEFAULT_FILE, rcfile

_EXAMPLES = """\
\b
Examples:
  pykcov explore                                  pykcov.npz of `pykcov run`
  pykcov explore .coverage -o page                who ran what of a test suite: `pytest --pykcov`
  pykcov explore lines.npz comparisons.npz        lines, and beside them what was compared
  pykcov explore .coverage --failed .pytest_cache/v/cache/lastfailed
                                                  which lines the failed tests ran, and the others did not

\b
Exit code: 0, or
  2  a FILE is missing, damaged, or holds nothing to show; the folder cannot be written, or holds something else
"""


@click.command(epilog=_EXAMPLES, short_help="Write a page: who ran what, and what it compared.")
@click.argument("files", nargs=-1, type=click.Path())
@click.option(
    "-o",
    "--output",
    metavar="FOLDER",
    default="pykcov-page",
    show_default=True,
    type=click.Path(path_type=Path),
    help="Where to.",
)
@click.option(
    "--failed",
    metavar="FILE",
    type=click.Path(),
    help="Names the contexts that failed: pytest's .pytest_cache/v/cache/lastfailed, or one a line.",
)
@rcfile
def command(files: tuple[str, ...], output: Path, failed: str | None, config_file: str | None) -> int:
    """Write a page that shows who ran what, and what it compared: open FOLDER/index.html in a browser.

    FILES are traces of `pykcov run`, data files of coverage.py (of pytest, services, `coverage run`), or several of
    both. The page needs no server and no network: send the folder as it is.
    """
    from pykcov.coverage.configuration import Given, read
    from pykcov.explore.folder import NotOursError, size_of, write
    from pykcov.explore.gather import FailedTestsError, NothingToShowError, gather

    configuration = read(Given(config_file=config_file), tracing=False)
    try:
        exploration = gather(files or (DEFAULT_FILE,), configuration, failed)
        write(exploration, output)
    except (FailedTestsError, NothingToShowError, NotOursError) as error:
        raise CommandError(str(error), BAD_INPUT) from error
    for remark in [*configuration.remarks, *exploration.remarks]:
        click.echo(f"pykcov: {remark}", err=True)
    click.echo(f"Written: {output / 'index.html'} ({size_of(output)})", err=True)
    return 0
