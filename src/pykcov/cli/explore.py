"""`pykcov explore`: a page that answers who ran what, and what it compared."""

from collections.abc import Sequence
from pathlib import Path

import click

from pykcov.cli._errors import BAD_INPUT, CommandError
from pykcov.cli._options import DEFAULT_FILE, rcfile

FOLDER = "pykcov-page"

_EXAMPLES = """\
\b
Examples:
  pykcov explore                                  pykcov.npz of `pykcov run`
  pykcov explore .coverage -o page                who ran what of a test suite: `pytest --pykcov`
  pykcov explore lines.npz comparisons.npz        lines, and beside them what was compared
  pykcov explore --serve                          the same at an address of this machine
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
    default=FOLDER,
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
@click.option("--serve", is_flag=True, help="Serve the page until Ctrl-C, as large ones open sooner so.")
@click.option("--host", default="127.0.0.1", show_default=True, help="Where --serve listens; others need the token.")
@click.option("--port", type=click.IntRange(0, 65535), default=0, help="Of --serve.  [default: a free one]")
@rcfile
def command(
    files: tuple[str, ...],
    output: Path,
    failed: str | None,
    serve: bool,
    host: str,
    port: int,
    config_file: str | None,
) -> int:
    """Write a page that shows who ran what, and what it compared: open FOLDER/index.html in a browser.

    FILES are traces of `pykcov run`, data files of coverage.py (of pytest, services, `coverage run`), or several of
    both. The page needs no server and no network: send the folder as it is.
    """
    write_page(files or (DEFAULT_FILE,), output, failed, config_file)
    if serve:
        from pykcov.explore.serving import serve as serve_page

        try:
            serve_page(output, host, port, lambda address: click.echo(f"Serving {address} until Ctrl-C", err=True))
        except KeyboardInterrupt:
            pass
        except OSError as error:
            raise CommandError(f"{host}, port {port}: cannot listen: {error.strerror or error}", BAD_INPUT) from error
    return 0


def write_page(files: Sequence[str], output: Path, failed: str | None, config_file: str | None) -> None:
    """Write the page for these files into the folder `output`, and say so. Raises what `pykcov explore` ends with."""
    from pykcov.coverage.configuration import Given, read
    from pykcov.explore.folder import NotOursError, size_of, write
    from pykcov.explore.gather import FailedTestsError, NothingToShowError, gather

    configuration = read(Given(config_file=config_file), tracing=False)
    try:
        exploration = gather(files, configuration, failed)
        write(exploration, output)
    except (FailedTestsError, NothingToShowError, NotOursError) as error:
        raise CommandError(str(error), BAD_INPUT) from error
    for remark in [*configuration.remarks, *exploration.remarks]:
        click.echo(f"pykcov: {remark}", err=True)
    click.echo(f"Written: {output / 'index.html'} ({size_of(output)})", err=True)
