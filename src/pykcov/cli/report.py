"""`pykcov report`: which lines ran, rendered by coverage.py."""

import os
from pathlib import Path
from typing import Any

import click

from pykcov.cli._errors import BAD_INPUT, CommandError, complain_of_damage
from pykcov.cli._options import rcfile, trace_file
from pykcov.reports import formats

_EXAMPLES = """\
\b
Examples:
  pykcov report                             tables of files and threads
  pykcov report --show-missing              with the lines that did not run
  pykcov report --conditions                with the conditions that were never true, or never false
  pykcov report --format html -o pages      pages; each line shows the threads that ran it
  pykcov report --format explore            the page of `pykcov explore`
  pykcov report trace.npz --fail-under 80   exit code 2 below 80 per cent

\b
Exit code: 0, or
  2  less ran than --fail-under; FILE is missing, damaged or no trace; FILE holds
     comparisons or no conditions, and others were asked for
"""


class _Percent(click.FloatRange):
    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Return the number; nan, which no comparison would find out of range, is refused."""
        number = super().convert(value, param, ctx)
        if number != number:
            self.fail(f"{value!r} is not a number.", param, ctx)
        return float(number)


@click.command(epilog=_EXAMPLES, short_help="Show which lines ran, or what was compared.")
@trace_file
@click.option(
    "--format", type=click.Choice([*formats(), "explore"]), default="text", show_default=True, help="What to write."
)
@click.option(
    "-o",
    "--output",
    metavar="OUT",
    help="Where to: a file, for html a folder, '-' for standard output.  [default: standard output for text, else the "
    "name that coverage.py uses, such as htmlcov]",
)
@click.option("--show-missing", is_flag=True, help="Also list the lines that did not run (text).")
@click.option(
    "--conditions", is_flag=True, help="Also show which conditions were true, and which false (text, json, html)."
)
@click.option("--mcdc", is_flag=True, help="Also show which conditions decided by themselves: masking MC/DC.")
@click.option(
    "--fail-under", type=_Percent(0, 100), metavar="PERCENT", help="End with exit code 2 if less ran in total."
)
@rcfile
def command(
    file: str,
    format: str,
    output: str | None,
    show_missing: bool,
    conditions: bool,
    mcdc: bool,
    fail_under: float | None,
    config_file: str | None,
) -> int:
    """Show which lines of a program ran, as FILE (of `pykcov run`, or a data file of coverage.py) has it.

    Coverage.py counts the lines and renders every format, as the project configures it; each thread is one of its
    contexts. With --format data its own tools have what ran: `coverage combine`, for one. Of comparisons (--mode
    cmp, cmp-bytes): what was compared where, how often, and how often the operands were equal; only text and json.
    """
    if format == "explore":
        return _explore(file, output, config_file, show_missing or conditions or mcdc or fail_under is not None)

    from pykcov.coverage.bounds import fails_under
    from pykcov.coverage.configuration import Given, read
    from pykcov.reports._report import report
    from pykcov.reports._sources import is_data_file
    from pykcov.traces.tracefile import TraceFile

    source: TraceFile | str = os.path.abspath(file)
    if is_data_file(file):
        from pykcov.coverage.checked import read_own  # few reports are of one

        holds_conditions = "conditions" in read_own(file)
    else:
        source = TraceFile.load(file)
        holds_conditions = source.granularity == "condition"
    if isinstance(source, TraceFile) and source.compares:
        from pykcov.reports._comparisons import comparison_formats, report_comparisons

        if format not in comparison_formats or show_missing or fail_under is not None:
            raise CommandError(
                f"{file}: holds comparisons, not coverage: only --format {' or '.join(comparison_formats)}, without "
                "--show-missing and --fail-under",
                BAD_INPUT,
            )
        written = report_comparisons(source, format, output)
        if written != "-":
            click.echo(f"Written: {written}", err=True)
        return complain_of_damage(source)
    if conditions or mcdc:
        _check_conditions(file, holds_conditions, format)
    configuration = read(Given(config_file=config_file), tracing=False)
    made = report(
        source, format, output, show_missing, configuration, "mcdc" if mcdc else "seen" if conditions else None
    )
    for remark in [*configuration.remarks, *made.remarks]:
        click.echo(f"pykcov: {remark}", err=True)
    if made.output != "-":
        click.echo(f"{made.total:.0f}% of the lines ran. Written: {made.output}", err=True)
    bound = configuration.fail_under if fail_under is None else fail_under
    if bound and fails_under(made.total, bound, configuration.precision):
        click.echo(f"pykcov: {made.total:.2f}% of the lines ran, less than {bound:g}%", err=True)
        return BAD_INPUT
    return 0


def _explore(file: str, output: str | None, config_file: str | None, has_other_options: bool) -> int:
    from pykcov.cli.explore import FOLDER, write_page

    if has_other_options or output == "-":
        raise CommandError(
            "--format explore writes the folder of `pykcov explore`, without --show-missing, --conditions, --mcdc and "
            "--fail-under",
            BAD_INPUT,
        )
    write_page((file,), Path(output or FOLDER), None, config_file)
    return 0


def _check_conditions(file: str, holds_conditions: bool, format: str) -> None:
    """Raise CommandError if no report of conditions can be made."""
    if not holds_conditions:
        how = "`pykcov run --conditions` and `pytest --pykcov --pykcov-conditions` record them"
        raise CommandError(f"{file}: holds no conditions: {how}", BAD_INPUT)
    if format not in ("text", "json", "html"):
        raise CommandError(f"--format {format} has no place for conditions: only text, json and html", BAD_INPUT)
