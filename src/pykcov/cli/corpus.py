"""`pykcov corpus`: make a corpus smaller, put corpora together, see what one reaches."""

import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from pykcov.cli._errors import BAD_INPUT, CommandError
from pykcov.counted import counted

if TYPE_CHECKING:
    from pykcov.fuzz.corpus import Coverage, Reached
    from pykcov.traces.locations import Location

_EXAMPLES = """\
\b
Examples:
  pykcov corpus minimize fuzz_toml.py corpus smaller     the fewest and smallest inputs that reach as much
  pykcov corpus merge fuzz_toml.py corpus new1 new2      add to corpus what reaches something that it does not
  pykcov corpus coverage fuzz_toml.py corpus             what it reaches, and what each input adds
  pykcov corpus coverage fuzz_toml.py corpus --html out  the lines, with the inputs that reach each
  pykcov corpus coverage fuzz_toml.py corpus --data reached
                                                         the same for `pykcov explore reached`
  pykcov corpus coverage out/fuzz_toml corpus --summary summary.json
                                                         of a packaged target, in llvm-cov's shape

\b
Exit code: 0, or
  2  the command line is wrong, or there is no such harness or folder, or the harness failed
"""


@click.group(epilog=_EXAMPLES)
def command() -> None:
    """Corpora of `pykcov fuzz`: HARNESS is what it fuzzes, or a target of `pykcov package`; a corpus is a folder of
    inputs.
    """


_INPUTS_SHOWN = 10
"""Of those that reach a location, in HTML: a line that each of 100,000 reaches would make a page of megabytes."""

_harness = click.argument("harness")
_existing = click.Path(exists=True, path_type=Path)


@command.command()
@_harness
@click.argument("corpus", type=_existing)
@click.argument("target", type=click.Path(path_type=Path))
def minimize(harness: str, corpus: Path, target: Path) -> None:
    """Write to the folder TARGET the inputs of CORPUS that are needed to reach all that it reaches."""
    from pykcov.fuzz.corpus import smallest

    coverage = _measured(harness, [corpus])
    chosen = smallest(coverage.inputs)
    if target.exists() and any(target.iterdir()):
        raise CommandError(f"{target} is not empty: name another folder", BAD_INPUT)
    _copy(chosen, target)
    click.echo(
        f"{len(chosen)} of {counted(len(coverage.inputs), 'input')} reach the same "
        f"{counted(len(coverage.locations), 'location')}"
    )


@command.command()
@_harness
@click.argument("corpus", type=click.Path(path_type=Path))
@click.argument("others", nargs=-1, required=True, type=_existing)
def merge(harness: str, corpus: Path, others: tuple[Path, ...]) -> None:
    """Add to CORPUS those inputs of OTHERS that reach what it does not."""
    from pykcov.fuzz.corpus import smallest, together

    corpus.mkdir(parents=True, exist_ok=True)
    coverage = _measured(harness, [corpus, *others])
    own = [one for one in coverage.inputs if one.path.is_relative_to(corpus)]
    known = together(own)
    new = [one._replace(places=one.places & ~known) for one in coverage.inputs if one.places & ~known]
    chosen = smallest(new)
    _copy(chosen, corpus)
    added, before = together(new).bit_count(), known.bit_count()
    click.echo(f"{counted(len(chosen), 'input')} added: {counted(added, 'location')} more than the {before} before")


@command.command()
@_harness
@click.argument("corpora", nargs=-1, required=True, type=_existing)
@click.option("--html", type=click.Path(path_type=Path, file_okay=False), help="Write an HTML report to this folder.")
@click.option(
    "--summary",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write lines, branches, functions and regions by file, as llvm-cov's summary.json has them.",
)
@click.option(
    "--data",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write a data file of coverage.py in which each input is a context, for `pykcov explore`.",
)
def coverage(
    harness: str, corpora: tuple[Path, ...], html: Path | None, summary: Path | None, data: Path | None
) -> None:
    """Show what the inputs of CORPORA reach, and what each adds that no other one reaches."""
    import sys

    from pykcov.tables import print_table

    found = _measured(harness, list(corpora), places=summary is not None)
    only_here = found.only_here()
    rows: list[list[str | int]] = [
        [
            _name(one.path),
            one.size,
            one.places.bit_count(),
            (one.places & only_here).bit_count(),
            found.failed.get(one.path, ""),
        ]
        for one in sorted(found.inputs, key=lambda one: -one.places.bit_count())
    ]
    print_table(["Input", "Bytes", "Locations", "Only here", "Raises"], rows, sys.stdout)
    click.echo(
        f"{counted(len(found.inputs), 'input reaches', 'inputs reach')} {counted(len(found.locations), 'location')}"
    )
    if html is not None:
        _write_html(found, html)
        click.echo(f"wrote {html / 'index.html'}")
    if data is not None:
        _write_data(found, data)
        click.echo(f"wrote {data}")
    if summary is not None:
        _write_summary(found, summary)
        click.echo(f"wrote {summary}")


def _write_summary(found: "Coverage", file: Path) -> None:
    import json

    from pykcov.fuzz import summary

    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(summary.summary(found)), encoding="utf-8")


def _write_data(found: "Coverage", file: Path) -> None:
    from pykcov.coverage.data import write_contexts

    contexts = [(_name(one.path), _lines(found.locations_of(one))) for one in found.inputs]
    file.parent.mkdir(parents=True, exist_ok=True)
    file.unlink(missing_ok=True)
    write_contexts(str(file), contexts, sorted({name for _, lines in contexts for name in lines}))


def _lines(locations: "Iterable[Location]") -> dict[str, set[int]]:
    """Return the lines of Python that were reached, of files that are there."""
    lines: dict[str, set[int]] = {}
    for location in locations:
        if location.file.endswith(".py"):
            lines.setdefault(location.file, set()).update(location.lines)
    return {file: numbers for file, numbers in lines.items() if Path(file).is_file()}


def _measured(harness: str, corpora: list[Path], places: bool = False) -> "Coverage":
    from pykcov.fuzz.corpus import files_of, measure
    from pykcov.fuzz.settings import Settings

    if ":" not in harness and not Path(harness).is_file():
        raise CommandError(f"can't open {harness!r}: no such harness", BAD_INPUT)
    files = files_of(corpora)
    if not files:
        raise CommandError(f"there is no input in {', '.join(map(str, corpora))}", BAD_INPUT)
    try:
        return measure(Settings(harness, places=places), files)
    except RuntimeError as error:
        raise CommandError(f"{harness}: {error}", BAD_INPUT) from None


def _name(path: Path) -> str:
    """Return the name of a file as text of one line, which not each is."""
    return "".join(one if one.isprintable() else one.encode("unicode_escape").decode() for one in path.name)


def _copy(inputs: "list[Reached]", folder: Path) -> None:
    from hashlib import sha1

    folder.mkdir(parents=True, exist_ok=True)
    for one in inputs:
        # libFuzzer's names.
        name = sha1(one.path.read_bytes()).hexdigest()
        if not (folder / name).exists():
            shutil.copyfile(one.path, folder / name)


def _write_html(found: "Coverage", folder: Path) -> None:
    """By coverage.py: a context is an input. Of many that reach a location only some are shown."""
    import coverage as coverage_py

    data = coverage_py.CoverageData(no_disk=True)
    for one, locations in found.smallest_of_each(_INPUTS_SHOWN):
        data.set_context(_name(one.path))
        data.add_lines(_lines(locations))
    report = coverage_py.Coverage(data_file=None, config_file=False)
    report.get_data().update(data)
    report.html_report(directory=str(folder), show_contexts=True, ignore_errors=True)
