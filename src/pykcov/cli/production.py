"""`pykcov production`: what the processes of a service never ran."""

import click

from pykcov.cli._errors import BAD_INPUT, CommandError

_EXAMPLES = """\
\b
Examples:
  pykcov production /var/lib/app/pykcov              lines and functions that never ran
  pykcov production /var/lib/app/pykcov -o seen.npz  the same as a trace, for `pykcov report`
  pykcov production --merge /var/lib/app/pykcov      put what ended processes have left into one file
"""


@click.command(epilog=_EXAMPLES, short_help="Tell what a service never ran.")
@click.argument("folder")
@click.option("-o", "--output", metavar="FILE", help="Also write a trace file, for `pykcov report` in any format.")
@click.option("--merge", "merging", is_flag=True, help="First merge the files of processes that have ended.")
def command(folder: str, output: str | None, merging: bool) -> int:
    """Tell what never ran in all the processes that kept what they saw in FOLDER (pykcov.production()).

    Of each file the version that was loaded last counts; what ran of it in earlier deployments counts, too, where the
    function, its line and its code are the same.
    """
    # Not before: see pykcov/cli/__init__.py.
    from datetime import UTC, datetime

    from pykcov.counted import counted
    from pykcov.once.report import ObservedError, merge, read
    from pykcov.traces.texts import file_digest, printable

    def time(seconds: int) -> str:
        return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M UTC")

    try:
        if merging:
            merge(folder)
        observed = read(folder)
    except ObservedError as error:
        raise CommandError(str(error), BAD_INPUT) from None
    newest = observed.newest()
    print(
        f"{counted(observed.processes, 'process', 'processes')} since {time(observed.since)}, "
        f"{observed.running} running; {counted(len(newest), 'file')}"
    )
    digests = observed.newest_digests()
    for file in sorted(newest):
        version = newest[file]
        ran, never = observed.line_times(version)
        changed = "" if file_digest(file) == digests[file] else "; the file has changed since"
        if not never:
            continue
        print(f"\n{printable(file)}: {len(never)} of {counted(len(ran) + len(never), 'line')} never ran{changed}")
        print(f"  loaded since {time(version.since)}; lines {_spans(never)}")
        for line, name in observed.never_called(version):
            print(f"  never called: {printable(name)}, line {line}")
    if output is not None:
        observed.trace_file(folder).save(output)
    return 0


def _spans(lines: list[int]) -> str:
    """Return '3-5, 9' of sorted numbers."""
    spans: list[list[int]] = []
    for line in lines:
        if spans and line == spans[-1][1] + 1:
            spans[-1][1] = line
        else:
            spans.append([line, line])
    return ", ".join(f"{first}" if first == last else f"{first}-{last}" for first, last in spans)
