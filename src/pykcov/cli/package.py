"""`pykcov package`: a fuzz target as a file."""

from pathlib import Path

import click

from pykcov.cli._errors import BAD_INPUT, CommandError

_EXAMPLES = """\
\b
Examples:
  pykcov package fuzz_toml.py -o out                   out/fuzz_toml takes libFuzzer's flags and corpora
  pykcov package fuzz_toml.py -o out --seeds corpus    with out/fuzz_toml_seed_corpus.zip
  pykcov package mypackage.parser:parse -o out         a function that takes bytes
  pykcov package fuzz_toml.py -o out -- --hidden-import codecs --add-data data:data

\b
Exit code: 0, or
  2  the command line is wrong, there is no such harness, or no target could be made of it
"""

_file = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.command(epilog=_EXAMPLES, options_metavar="[OPTIONS]")
@click.argument("harness")
@click.option("-o", "folder", type=click.Path(file_okay=False, path_type=Path), required=True, metavar="DIR")
@click.option("--name", help="Name of the target.  [default: that of the script]")
@click.option(
    "--seeds",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Put the inputs of this folder beside it, as NAME_seed_corpus.zip.",
)
@click.option("--dict", "dictionary", type=_file, help="Put this dictionary beside it, as NAME.dict.")
@click.option("--options", type=_file, help="Put this file of flags for ClusterFuzz beside it, as NAME.options.")
@click.argument("arguments", metavar="[-- PYINSTALLER_OPTIONS]", nargs=-1, type=click.UNPROCESSED)
def command(
    harness: str,
    folder: Path,
    name: str | None,
    seeds: Path | None,
    dictionary: Path | None,
    options: Path | None,
    arguments: tuple[str, ...],
) -> None:
    """Make an executable of HARNESS that OSS-Fuzz, ClusterFuzzLite and ClusterFuzz run as a libFuzzer target.

    It needs no Python and no packages where it runs. DIR/NAME is started; DIR/NAME.pkg has all that it needs.
    """
    # Not before: see the folder's module.
    from pykcov.package.build import Beside, PackageError, build

    if name is not None and (not name or Path(name).name != name):
        raise CommandError(f"--name {name!r}: a name has no folders", BAD_INPUT)
    try:
        target = build(harness, folder, name, Beside(seeds, dictionary, options), arguments)
    except PackageError as error:
        raise CommandError(str(error), BAD_INPUT) from None
    click.echo(f"made {target}; try it: {target} -runs=1000")
