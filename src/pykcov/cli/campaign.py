"""`pykcov campaign`: many targets, many workers, one store of what was found."""

import os
import re
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from pykcov.cli._errors import BAD_INPUT, CommandError
from pykcov.counted import counted

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pykcov.campaign.cluster import Cluster
    from pykcov.campaign.run import Outcome
    from pykcov.campaign.slices import Target
    from pykcov.campaign.store.store import Store

_EXAMPLES = """\
\b
Examples:
  pykcov campaign run --for 1h                    all targets of this project, on all cores
  pykcov campaign run fuzz/ tests/test_x.py::test_y --workers 2
  pykcov campaign run --scheduler tcp://10.0.0.1:8786 --store postgresql://user@host/fuzz
  pykcov campaign status --watch                  where it stands, in a terminal
  pykcov campaign export folder                   corpora and findings as files

\b
Exit code: 0, or
  2    the command line is wrong, or there is no such target or store, or no scheduler answers
  3    no target could be run
  4    something could not be written to the store
  77   there are findings that are new (run: that this run has found)
"""

_NOTHING_RAN = 3
_NOT_WRITTEN = 4
_FOUND = 77
DEFAULT_STORE = "pykcov-campaign.db"

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


class _Duration(click.ParamType):  # type: ignore[type-arg]
    name = "TIME"

    def convert(self, value: object, parameter: click.Parameter | None, context: click.Context | None) -> float:
        if isinstance(value, int | float):
            return float(value)
        found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([smhd]?)", str(value))
        if found is None or not float(found[1]):
            self.fail(f"{value!r} is no time: 90s, 5m, 1h, 2d", parameter, context)
        return float(found[1]) * _UNITS[found[2] or "s"]


_FILE = click.Path(dir_okay=False, path_type=Path)

store_option = click.option(
    "--store",
    metavar="STORE",
    default=lambda: os.environ.get("PYKCOV_CAMPAIGN_STORE") or DEFAULT_STORE,
    help=f"A file of SQLite's, or a URL of PostgreSQL.  [default: $PYKCOV_CAMPAIGN_STORE, else {DEFAULT_STORE}]",
)


@click.group(epilog=_EXAMPLES)
def command() -> None:
    """Fuzz many targets on many cores or machines, and keep what is found in a store."""
    try:
        import distributed  # noqa: F401
        import sqlalchemy  # noqa: F401
    except ImportError as error:
        raise CommandError(
            f"campaigns need {error.name}, which is not installed: pip install 'pykcov[campaign]'", BAD_INPUT
        ) from None


@command.command()
@store_option
@click.option("--workers", type=click.IntRange(1), metavar="N", help="Worker processes here.  [default: one a core]")
@click.option("--for", "seconds", type=_Duration(), default=0, help="The time to run: 90s, 5m, 1h.  [default: no end]")
@click.option("--scheduler", metavar="ADDRESS", help="Use the workers of a scheduler of Dask's: `tcp://HOST:PORT`.")
@click.option("--slice", "slice_seconds", type=_Duration(), default=30, help="The time of a slice.  [default: 30s]")
@click.option("--slices", type=click.IntRange(1), default=None, metavar="N", help="End after N slices.")
@click.option("--seed", type=click.IntRange(0), default=0, help="Of all choices.  [default: another one each time]")
@click.option("--evenly", is_flag=True, help="Give all targets the same time, not more where more is expected.")
@click.option("-q", "--quiet", is_flag=True, help="Only what went wrong.")
@click.argument("targets", nargs=-1)
def run(
    store: str,
    workers: int | None,
    seconds: float,
    scheduler: str | None,
    slice_seconds: float,
    slices: int | None,
    seed: int,
    evenly: bool,
    quiet: bool,
    targets: tuple[str, ...],
) -> int:
    """Fuzz TARGETS: what `pykcov fuzz` takes, or folders of it. Without any, those that [tool.pykcov.campaign] of
    pyproject.toml lists, or else all that this folder has.
    """
    from pykcov.campaign.run import Campaign, Plan

    _need_libfuzzer()
    found = _targets(targets)
    number = workers or os.cpu_count() or 1
    plan = Plan(found, seconds, slice_seconds, slices or 0, seed, number, revision=_revision(), by_estimate=not evenly)
    with _opened(store, create=True) as opened, _cluster(number, scheduler) as machines:
        if not quiet:
            _say(f"{counted(len(found), 'target')}; {counted(len(machines.workers()), 'worker')}; store {store}")
        outcome = Campaign(plan, opened, machines, _say).run()
    return _end(outcome, len(found), quiet)


def _end(outcome: "Outcome", targets: int, quiet: bool) -> int:
    if not quiet:
        _say(
            f"{counted(outcome.executions, 'execution', digits=',')} in {counted(outcome.slices, 'slice')}, "
            f"{counted(outcome.new_inputs, 'new input')}, {counted(outcome.new_places, 'new place')}, "
            f"{counted(len(outcome.new_findings), 'new finding')}"
        )
    if outcome.not_written:
        return _NOT_WRITTEN
    if outcome.new_findings:
        return _FOUND
    return _NOTHING_RAN if not outcome.executions and len(outcome.set_aside) == targets else 0


@command.command()
@store_option
@click.option("--watch", is_flag=True, help="Show it again and again, until Ctrl-C.")
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
def status(store: str, watch: bool, as_json: bool) -> int:
    """Show where each target stands, what was found, and when the next new place is expected."""
    from pykcov.campaign.status import as_dict, show, watch_it

    with _opened(store) as opened:
        if as_json:
            import json

            told = as_dict(opened)
            click.echo(json.dumps(told, indent=2))
            return _FOUND if told["open_findings"] else 0
        opened_findings = watch_it(opened) if watch else show(opened)
    return _FOUND if opened_findings else 0


@command.command()
@store_option
@click.option("--since", metavar="REV", required=True, help="The revision of git to compare with.")
@click.option("--for", "seconds", type=_Duration(), default=300, help="The time to run.  [default: 5m]")
@click.option("--workers", type=click.IntRange(1), metavar="N", help="Worker processes.  [default: one a core]")
@click.option("--slice", "slice_seconds", type=_Duration(), default=30, help="The time of a slice.  [default: 30s]")
@click.option("--slices", type=click.IntRange(1), default=None, metavar="N", help="End after N slices.")
@click.option("--seed", type=click.IntRange(0), default=0, help="Of all choices.  [default: another one each time]")
@click.option("--all", "everything", is_flag=True, help="Fuzz all targets, whatever has changed.")
@click.option("--dry-run", is_flag=True, help="Only say which targets would be fuzzed, and why.")
@click.option("--junit", metavar="FILE", type=_FILE, help="Write a file of JUnit: a case for each target.")
@click.option("--sarif", metavar="FILE", type=_FILE, help="Write a file of SARIF: a result for each new finding.")
@click.option("--summary", metavar="FILE", type=_FILE, help="Add a Markdown summary.  [default: $GITHUB_STEP_SUMMARY]")
@click.argument("targets", nargs=-1)
def ci(
    store: str,
    since: str,
    seconds: float,
    workers: int | None,
    slice_seconds: float,
    slices: int | None,
    seed: int,
    everything: bool,
    dry_run: bool,
    junit: Path | None,
    sarif: Path | None,
    summary: Path | None,
    targets: tuple[str, ...],
) -> int:
    """Fuzz those TARGETS whose inputs run what has changed since a revision, from the stored corpus; tell of findings
    that the revision does not have.
    """
    from pykcov.campaign import ci as job
    from pykcov.campaign.concerned import concerned
    from pykcov.campaign.run import Campaign, Plan
    from pykcov.campaign.store.summary import details_of
    from pykcov.contrib.pytest_plugin.revisions import Repository, RevisionError

    _need_libfuzzer()
    found = _targets(targets)
    number = workers or os.cpu_count() or 1
    try:
        repository = Repository(os.getcwd())
        with _opened(store, create=True) as opened:
            choice = concerned(found, opened, repository, since)
            if everything:
                choice = choice._replace(targets=dict.fromkeys(found, "all are wanted") | choice.targets)
            for target, why in choice.targets.items():
                _say(f"{target.harness}: {why}")
            if choice.remarks:
                _say(f"not known to be run by any target: {', '.join(choice.remarks)}")
            if dry_run:
                return 0
            verdict = job.Verdict(since, choice.targets, 0, 0, [], [], {})
            if choice.targets:
                plan = Plan(
                    list(choice.targets),
                    seconds,
                    slice_seconds,
                    slices or 0,
                    seed,
                    number,
                    _revision(),
                    whole_corpus=False,
                )
                with _cluster(number, None) as machines:
                    outcome = Campaign(plan, opened, machines, _say).run()
                new, old = job.split(details_of(opened, outcome.seen), found, repository, since)
                verdict = job.Verdict(
                    since, choice.targets, outcome.executions, outcome.seconds, new, old, outcome.set_aside
                )
    except RevisionError as error:
        raise CommandError(str(error), BAD_INPUT) from error
    if junit is not None:
        job.write_junit(verdict, junit)
    if sarif is not None:
        job.write_sarif(verdict, sarif, repository.root)
    text = job.markdown(verdict)
    if summary is None and os.environ.get("GITHUB_STEP_SUMMARY"):
        summary = Path(os.environ["GITHUB_STEP_SUMMARY"])
    if summary is not None:
        with summary.open("a", encoding="utf-8") as file:
            file.write(text)
    for each in verdict.new:
        _say(f"new: {each.summary.harness}: {each.summary.token}")
    _say(f"{counted(len(verdict.new), 'new finding')} since {since}, {len(verdict.old)} that it has, too")
    if verdict.new:
        return _FOUND
    return _NOTHING_RAN if verdict.chosen and len(verdict.problems) == len(verdict.chosen) else 0


@command.command()
@store_option
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen at.")
@click.option("--port", type=click.IntRange(0, 65535), default=8421, show_default=True, help="0: any that is free.")
@click.option("--token", envvar="PYKCOV_CAMPAIGN_TOKEN", help="What others have to say.  [default: made, and printed]")
def serve(store: str, host: str, port: int, token: str | None) -> None:
    """Show the campaigns of a store as a page. Other machines are let in only with --host, and need the token."""
    from pykcov.campaign.page.server import serve as serve_page

    with _opened(store) as opened:
        serve_page(opened, host, port, token, _say)


@command.command()
@store_option
@click.argument("finding", type=int)
def show(store: str, finding: int) -> None:
    """Show a finding: the report, and its input as Python has it."""
    from pykcov.campaign.store.database import StoreError
    from pykcov.campaign.store.summary import finding_details

    with _opened(store) as opened:
        try:
            found = finding_details(opened, finding)
        except StoreError as error:
            raise CommandError(str(error), BAD_INPUT) from error
    click.echo(f"{found.summary.harness}: {found.summary.token} ({found.summary.state})")
    click.echo(found.report)
    click.echo(f"input, {counted(len(found.input), 'byte')}: {found.input!r}")
    if found.minimized is not None:
        click.echo(f"minimized, {counted(len(found.minimized), 'byte')}: {found.minimized!r}")


@command.command()
@store_option
@click.argument("state", type=click.Choice(["new", "known", "fixed"]))
@click.argument("numbers", metavar="FINDINGS...", nargs=-1, required=True, type=int)
def mark(store: str, state: str, numbers: tuple[int, ...]) -> None:
    """Say of FINDINGS, by their numbers in `status`, that they are known, fixed, or new again."""
    from pykcov.campaign.store.database import StoreError

    with _opened(store) as opened:
        for number in numbers:
            try:
                opened.set_state(number, state)
            except StoreError as error:
                raise CommandError(str(error), BAD_INPUT) from error


@command.command("export")
@store_option
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path))
def export_(store: str, folder: Path) -> None:
    """Write all corpora and findings to FOLDER as plain files."""
    from pykcov.campaign.store.folder import export

    with _opened(store) as opened:
        inputs, findings = export(opened, folder)
    click.echo(f"{counted(inputs, 'input')} and {counted(findings, 'finding')} in {folder}")


@command.command("import")
@store_option
@click.option("--target", metavar="TARGET", help="Of which target the inputs of FOLDER are; not for what export wrote.")
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
def import_(store: str, target: str | None, folder: Path) -> None:
    """Add what FOLDER holds: what `export` wrote, or, with --target, a corpus or the folder of `pykcov fuzz`."""
    from pykcov.campaign.store.database import StoreError
    from pykcov.campaign.store.folder import take

    with _opened(store, create=True) as opened:
        try:
            inputs, findings = take(opened, folder, target, _revision())
        except StoreError as error:
            raise CommandError(str(error), BAD_INPUT) from error
    click.echo(f"{counted(inputs, 'new input')}, {counted(findings, 'new finding')}")


def _opened(store: str, *, create: bool = False) -> "Store":
    from pykcov.campaign.store.database import StoreError
    from pykcov.campaign.store.store import Store

    try:
        return Store(store, create=create)
    except StoreError as error:
        raise CommandError(str(error), BAD_INPUT) from error


@contextmanager
def _cluster(workers: int, scheduler: str | None) -> "Iterator[Cluster]":
    from pykcov.campaign.cluster import ClusterError, cluster

    try:
        with cluster(workers, scheduler) as machines:
            yield machines
    except ClusterError as error:
        raise CommandError(str(error), BAD_INPUT) from error


def _targets(named: tuple[str, ...]) -> "list[Target]":
    from pykcov.campaign.targets import TargetsError, find

    try:
        return find(named, os.getcwd())
    except TargetsError as error:
        raise CommandError(str(error), BAD_INPUT) from error


def _need_libfuzzer() -> None:
    from pykcov.fuzz import libfuzzer

    try:
        libfuzzer.find()
    except libfuzzer.LibFuzzerMissingError as error:
        raise CommandError(str(error), BAD_INPUT) from None


def _revision() -> str:
    """Return the revision of git that is checked out, with a + if files differ from it; '' if there is none."""
    import subprocess

    try:
        done = subprocess.run(
            ["git", "describe", "--always", "--abbrev=12", "--dirty=+", "--exclude=*"], capture_output=True, text=True
        )
    except OSError:
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


def _say(line: str) -> None:
    click.echo(f"pykcov: {line}", err=True)
