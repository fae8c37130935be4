"""What the store tells: the numbers of `pykcov campaign status` and of the page."""

from collections.abc import Container
from typing import NamedTuple

from sqlalchemy import Connection, case, func, select

from pykcov.campaign.allocation import Record
from pykcov.campaign.store.database import StoreError
from pykcov.campaign.store.store import Store
from pykcov.campaign.store.tables import campaigns, corpus, findings, inputs, places, reach, slices, targets

OPEN = ("new", "reopened")
"""States of findings that nobody has looked at."""


class TargetSummary(NamedTuple):
    """A target, in the version that was used last."""

    number: int
    harness: str
    version: str
    python: str
    inputs: int
    record: Record
    last_new: float | None
    """When a place was reached first, last."""
    open_findings: int
    problem: str
    """Of its last slice."""


class Spent(NamedTuple):
    """What a target has had."""

    executions: int
    processor: float
    """Seconds."""
    barren: int
    """Executions since a place was reached first."""


class FindingSummary(NamedTuple):
    """A finding."""

    number: int
    harness: str
    token: str
    name: str
    kind: str
    state: str
    times: int
    first_seen: float
    last_seen: float
    revision: str


class FindingDetails(NamedTuple):
    """All that is known of a finding."""

    summary: FindingSummary
    report: str
    input: bytes
    minimized: bytes | None


class CampaignSummary(NamedTuple):
    """A campaign."""

    number: int
    started: float
    seen: float
    ended: float | None
    revision: str
    workers: int
    slices: int
    executions: int


def spent(store: Store, target: int) -> Spent:
    """Return what a version of a target has had so far."""
    with store.readers.connect() as connection:
        return _spent(connection, target)


def _spent(connection: Connection, target: int) -> Spent:
    own = (slices.c.target == target) & (slices.c.executions > 0)
    last_find = select(func.coalesce(func.max(slices.c.id), 0)).where(own, slices.c.new_places > 0).scalar_subquery()
    since = case((slices.c.id > last_find, slices.c.executions), else_=0)
    query = select(func.sum(slices.c.executions), func.sum(slices.c.processor), func.sum(since)).where(own)
    executions, processor, barren = connection.execute(query).one()
    return Spent(int(executions or 0), float(processor or 0), int(barren or 0))


def target_summaries(store: Store) -> list[TargetSummary]:
    """Return all targets, each in the version that was used last."""
    latest = select(targets.c.harness, func.max(targets.c.used).label("used")).group_by(targets.c.harness).subquery()
    query = (
        select(targets)
        .join(latest, (latest.c.harness == targets.c.harness) & (latest.c.used == targets.c.used))
        .order_by(targets.c.harness, targets.c.id)
    )
    wrong = problems(store)
    with store.readers.connect() as connection:
        rows = {row.harness: row for row in connection.execute(query)}  # of two at the same moment the later
        counted = select(corpus.c.harness, func.count()).group_by(corpus.c.harness)
        sizes = {each[0]: each[1] for each in connection.execute(counted)}
        counted = select(findings.c.harness, func.count()).where(findings.c.state.in_(OPEN))
        opened = {each[0]: each[1] for each in connection.execute(counted.group_by(findings.c.harness))}
        found = []
        for row in rows.values():
            seen = connection.execute(
                select(
                    func.count(),
                    func.sum(case((places.c.seen == 1, 1), else_=0)),
                    func.sum(case((places.c.seen == 2, 1), else_=0)),
                ).where(places.c.target == row.id)
            ).one()
            reached, last_new = connection.execute(
                select(func.count(reach.c.place.distinct()), func.max(reach.c.since)).where(reach.c.target == row.id)
            ).one()
            executions, processor, barren = _spent(connection, row.id)
            record = Record(executions, processor, seen[1] or 0, seen[2] or 0, reached, seen[0], barren)
            found.append(
                TargetSummary(
                    row.id,
                    row.harness,
                    row.version,
                    row.python,
                    sizes.get(row.harness, 0),
                    record,
                    last_new,
                    opened.get(row.harness, 0),
                    wrong.get(row.harness, ""),
                )
            )
    return found


def problems(store: Store) -> dict[str, str]:
    """Return what was wrong with the last slice of each target, of those with which something was."""
    last = select(func.max(slices.c.id)).group_by(slices.c.harness)
    query = select(slices.c.harness, slices.c.problem).where(slices.c.id.in_(last), slices.c.problem != "")
    with store.readers.connect() as connection:
        return {row[0]: row[1] for row in connection.execute(query.order_by(slices.c.harness))}


def finding_summaries(store: Store) -> list[FindingSummary]:
    """Return all findings, the newest first."""
    columns = [findings.c[name] for name in ("id", *FindingSummary._fields[1:])]
    query = select(*columns).order_by(findings.c.first_seen.desc(), findings.c.id.desc())
    with store.readers.connect() as connection:
        return [FindingSummary(*row) for row in connection.execute(query)]


def finding_details(store: Store, number: int) -> FindingDetails:
    """Return a finding with its report and inputs. Raises StoreError if there is none of this number."""
    found = [each for each in finding_summaries(store) if each.number == number]
    if not found:
        raise StoreError(f"there is no finding {number}")
    return _details(store, found[0])


def details_of(store: Store, wanted: Container[tuple[str, str]]) -> list[FindingDetails]:
    """Return the findings of these harnesses and tokens, but for those that somebody has said to be known."""
    found = finding_summaries(store)
    return [_details(store, each) for each in found if (each.harness, each.token) in wanted and each.state != "known"]


def _details(store: Store, summary: FindingSummary) -> FindingDetails:
    columns = findings.c.report, findings.c.input, findings.c.minimized
    with store.readers.connect() as connection:
        row = connection.execute(select(*columns).where(findings.c.id == summary.number)).one()
        wanted = [each for each in (row.input, row.minimized) if each is not None]
        query = select(inputs.c.id, inputs.c.data).where(inputs.c.id.in_(wanted))
        datas = {each[0]: bytes(each[1]) for each in connection.execute(query)}
    return FindingDetails(summary, row.report, datas[row.input], datas.get(row.minimized))


def campaign_summaries(store: Store) -> list[CampaignSummary]:
    """Return all campaigns, the newest first."""
    count, executions = func.count(slices.c.id), func.coalesce(func.sum(slices.c.executions), 0)
    query = (
        select(*(campaigns.c[name] for name in ("id", "started", "seen", "ended", "revision", "workers")))
        .add_columns(count, executions)
        .outerjoin(slices, slices.c.campaign == campaigns.c.id)
        .group_by(campaigns.c.id)
        .order_by(campaigns.c.id.desc())
    )
    with store.readers.connect() as connection:
        return [CampaignSummary(*row) for row in connection.execute(query)]


def input_count(store: Store) -> int:
    """Return how many inputs there are."""
    with store.readers.connect() as connection:
        return connection.scalar(select(func.count()).select_from(inputs)) or 0
