"""`pykcov cache`: the probed code that is kept on disk."""

import os
import sys
from collections.abc import Iterator, Sequence

import click

from pykcov.cli._errors import NOT_WRITTEN, CommandError
from pykcov.counted import counted

_EXAMPLES = """\
\b
Examples:
  pykcov cache info                what there is, folder by folder
  pykcov cache clear               remove it all
  pykcov cache clear src           only what lies below src
"""


@click.group(epilog=_EXAMPLES, short_help="Show or remove the probed code that is kept on disk.")
def command() -> None:
    """Show or remove the probed code that is kept on disk, so that a module is rewritten only once.

    It lies beside Python's own cache in __pycache__ folders and, where these cannot be written, in the user's cache
    folder. To remove it costs nothing but the time to make it again. PYKCOV_CACHE=off does without it, PYKCOV_CACHE=DIR
    keeps all of it in DIR.
    """


_folders = click.argument("folders", nargs=-1, metavar="[FOLDER]...", type=click.Path(exists=True, file_okay=False))


@command.command(short_help="What there is.")
@_folders
def info(folders: tuple[str, ...]) -> int:
    """Show how many files there are and how large they are, by the folders that Python imports from, or FOLDERs."""
    from pykcov.tables import print_table

    rows = []
    for top, files in _found(folders):
        sizes = [_size(file) for file in files]
        rows.append((top, len(sizes), _megabytes(sum(sizes))))
    print_table(("Folder", "Files", "MB"), rows, sys.stdout)
    return 0


@command.command(short_help="Remove it.")
@_folders
def clear(folders: tuple[str, ...]) -> int:
    """Remove it all, or what lies below FOLDERs."""
    removed = 0
    failed = []
    for _, files in _found(folders):
        for file in files:
            try:
                os.unlink(file)
                removed += 1
            except FileNotFoundError:
                pass
            except OSError as error:
                failed.append(f"{file}: {error.strerror}")
    click.echo(f"{counted(removed, 'file')} removed")
    if failed:
        raise CommandError(f"{counted(len(failed), 'file')} could not be removed: {failed[0]}", NOT_WRITTEN)
    return 0


def _found(folders: Sequence[str]) -> Iterator[tuple[str, list[str]]]:
    """Yield folders and the files below each, every file once."""
    from pykcov.instrument.cache import files_below

    seen: set[str] = set()
    for top in folders or _places():
        files = [file for file in map(os.path.realpath, files_below(top)) if file not in seen]
        seen.update(files)
        if files or folders:
            yield top, files


def _places() -> list[str]:
    """Return the folders that may have some, the inner ones first."""
    from pykcov.instrument.cache import folder

    kept = [folder(), sys.pycache_prefix, os.getcwd(), *sys.path]
    tops = {os.path.realpath(path) for path in kept if path and os.path.isdir(path)}
    return sorted(tops, key=lambda path: (-path.count(os.sep), path))


def _size(file: str) -> int:
    try:
        return os.stat(file).st_size
    except OSError:
        return 0


def _megabytes(size: int) -> str:
    return f"{size / 1e6:.1f}"
