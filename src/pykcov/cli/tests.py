"""`pykcov tests`: which tests ran a line."""

import click

from pykcov.cli._errors import BAD_INPUT, CommandError
from pykcov.cli._options import data_file

_EXAMPLES = """\
\b
Examples:
  pykcov tests src/app.py:42
  pykcov tests src/app.py:40-60 --data build/.coverage
  pykcov tests src/app.py

\b
Exit code: 0, or
  1  no test ran it
  2  there is no data file, it does not know FILE, or LINE is none
"""

NONE = 1


@click.command(epilog=_EXAMPLES)
@data_file
@click.argument("place", metavar="FILE[:LINE[-LINE]]")
def command(data: str, place: str) -> int:
    """Print the tests that ran a line, or any of several, or of a file: node ids, sorted, one a line.

    DATA is what `pytest --pykcov` wrote, or pytest-cov with --cov-context=test. LINE is one of FILE as it is now; of a
    statement on several lines any will do. Tests that used a fixture of wider scope count as having run what it ran.
    """
    from pykcov.contrib.pytest_plugin.places import look
    from pykcov.contrib.pytest_plugin.testdata import TestData, TestDataError

    try:
        found = look(TestData(data), *_parsed(place))
    except TestDataError as error:
        raise CommandError(str(error), BAD_INPUT) from error
    for remark in found.remarks:
        click.echo(f"pykcov: {remark}", err=True)
    for test in sorted(found.tests):
        print(test)
    return 0 if found.tests else NONE


def _parsed(place: str) -> tuple[str, int | None, int | None]:
    file, colon, lines = place.rpartition(":")
    if not colon:
        return place, None, None
    first, dash, last = lines.partition("-")
    if not first.isdecimal() or (dash and not last.isdecimal()):
        raise CommandError(f"{place}: {lines!r} is no line: expected FILE, FILE:LINE or FILE:FIRST-LAST", BAD_INPUT)
    return file, int(first), int(last or first)
