"""What is done with the store: results go in whole or not at all, and can be given twice.

Any number of campaigns may write to one store at a time. An input, once in, is never taken out.
"""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple, Self

from sqlalchemy import Connection, Engine, and_, bindparam, case, func, select, update

from pykcov.campaign.slices import Finding, Reach, Result, digest_of
from pykcov.campaign.store.database import READS, StoreError, open_database
from pykcov.campaign.store.statements import Held, chunks, held_inputs, insert_once, new_id, storable, storable_text
from pykcov.campaign.store.tables import (
    campaigns,
    corpus,
    findings,
    inputs,
    measured,
    places,
    reach,
    signed,
    slices,
    targets,
    unsigned,
)

STATES = ("new", "known", "fixed", "reopened")
SEEN_MAX = 3

Feature = tuple[int, int]
"""A place, and the range of its hits."""


class Holder(NamedTuple):
    """The smallest input that reaches something."""

    digest: str
    size: int


class Recorded(NamedTuple):
    """What a result has added to the store."""

    new_inputs: int
    new_reach: int
    new_places: int
    new_findings: list[str]
    """Tokens of findings that are new, or come again after they were fixed."""


class Store:
    """A database of campaigns. May be used by several threads."""

    def __init__(self, store: str, *, create: bool = True, now: Callable[[], float] = time.time) -> None:
        """Open it: a file of SQLite's, or a URL. Raises StoreError."""
        self.name = store
        self.engine: Engine = open_database(store, create=create)
        self.readers: Engine = self.engine.execution_options(**{READS: True})
        self._now = now

    def __enter__(self) -> Self:
        """Return it."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close it."""
        self.close()

    def close(self) -> None:
        """Close all connections."""
        self.engine.dispose()

    def begin_campaign(self, word: str, revision: str, workers: int) -> int:
        """Write down that a campaign begins; return its number."""
        with self.engine.begin() as connection:
            now = self._now()
            row = {"word": word, "started": now, "seen": now, "revision": revision, "workers": workers}
            return new_id(connection, campaigns, row)

    def keep_campaign(self, campaign: int, *, ended: bool = False) -> None:
        """Write down that a campaign is going on, or ends."""
        with self.engine.begin() as connection:
            values = {"seen": self._now()} | ({"ended": self._now()} if ended else {})
            connection.execute(update(campaigns).where(campaigns.c.id == campaign).values(values))

    def add_target(self, harness: str, version: str, python: str, rows: Iterable[Sequence[Any]]) -> int:
        """Write down a version of a target with its places (fuzz/reaching.py); return its number. It is that of now."""
        with self.engine.begin() as connection:
            target = self._target(connection, harness, version, python)
            self._add_places(connection, target, rows)
            connection.execute(update(targets).where(targets.c.id == target).values(used=self._now()))
            return target

    def add_inputs(self, harness: str, datas: Iterable[bytes]) -> int:
        """Add inputs to the corpus of a target; return how many it did not have."""
        with self.engine.begin() as connection:
            ids = self._input_ids(connection, {digest_of(data): data for data in datas})
            return self._add_to_corpus(connection, harness, ids.values(), None)

    def record(
        self, campaign: int, word: str, harness: str, result: Result, seen: Mapping[int, int], revision: str = ""
    ) -> Recorded:
        """Take in what came of a slice, in one transaction.

        word: the slice's own. A result that is there already is not recorded again.
        seen: of places, how many executions reached them.
        """
        result = storable(result)
        with self.engine.begin() as connection:
            again = connection.execute(select(slices.c.id).where(slices.c.word == word)).first()
            if again is not None:
                return Recorded(0, 0, 0, [])
            now, target = self._now(), None
            if result.version:
                target = self._target(connection, harness, result.version, result.python)
                self._add_places(connection, target, result.places)
            row = {
                "word": word,
                "campaign": campaign,
                "target": target,
                "harness": harness,
                "worker": result.worker,
                "ended": now,
                "findings": len(result.findings),
                "new_inputs": 0,
                "new_reach": 0,
                "new_places": 0,
            }
            row |= {
                name: getattr(result, name)
                for name in ("seconds", "processor", "fuzzing", "inside", "executions", "problem")
            }
            number = new_id(connection, slices, row)
            ids = self._input_ids(connection, result.new)
            new_inputs = self._add_to_corpus(connection, harness, ids.values(), number)
            new_reach = new_places = 0
            if target is not None:
                held = held_inputs(connection, list(result.reach))
                new_reach, new_places = self._add_reach(connection, target, result.reach, held, number)
                self._add_measured(connection, target, held)
                self._add_seen(connection, target, seen)
            self._take_replays(connection, harness, result)
            new_findings = self._add_findings(connection, harness, result, revision)
            counts = {"new_inputs": new_inputs, "new_reach": new_reach, "new_places": new_places}
            connection.execute(update(slices).where(slices.c.id == number).values(counts))
            return Recorded(new_inputs, new_reach, new_places, new_findings)

    def cover(self, target: int) -> dict[Feature, Holder]:
        """Return all that a version of a target is known to reach, and which input does so."""
        query = (
            select(reach.c.place, reach.c.hits, inputs.c.digest, reach.c.size)
            .join(inputs, inputs.c.id == reach.c.input)
            .where(reach.c.target == target)
        )
        with self.readers.connect() as connection:
            return {
                (unsigned(place), hits): Holder(digest, size) for place, hits, digest, size in connection.execute(query)
            }

    def seen(self, target: int) -> dict[int, int]:
        """Return how many executions reached each place of a version, at most SEEN_MAX are told apart."""
        query = select(places.c.place, places.c.seen).where(places.c.target == target)
        with self.readers.connect() as connection:
            return {unsigned(place): times for place, times in connection.execute(query)}

    def not_measured(self, target: int, harness: str, *, all_of_them: bool = True) -> list[str]:
        """Return the digests of inputs of a target of which it is not known what they reach in a version.

        all_of_them: else only those that reached something in another version, or were found by no slice.
        """
        known = select(measured.c.input).where(measured.c.target == target)
        query = (
            select(inputs.c.digest)
            .join(corpus, corpus.c.input == inputs.c.id)
            .where(corpus.c.harness == harness, inputs.c.id.not_in(known))
            .order_by(inputs.c.id)
        )
        if not all_of_them:
            versions = select(targets.c.id).where(targets.c.harness == harness)
            holders = select(reach.c.input).where(reach.c.target.in_(versions))
            query = query.where(inputs.c.id.in_(holders) | corpus.c.slice.is_(None))
        with self.readers.connect() as connection:
            return list(connection.scalars(query))

    def data(self, digests: Iterable[str]) -> dict[str, bytes]:
        """Return inputs by digest, those that there are."""
        found: dict[str, bytes] = {}
        with self.readers.connect() as connection:
            for chunk in chunks(list(digests)):
                rows = connection.execute(select(inputs.c.digest, inputs.c.data).where(inputs.c.digest.in_(chunk)))
                found |= {digest: bytes(data) for digest, data in rows}
        return found

    def corpus(self, harness: str) -> list[str]:
        """Return the digests of all inputs of a target."""
        query = (
            select(inputs.c.digest)
            .join(corpus, corpus.c.input == inputs.c.id)
            .where(corpus.c.harness == harness)
            .order_by(inputs.c.id)
        )
        with self.readers.connect() as connection:
            return list(connection.scalars(query))

    def finding_names(self, harness: str) -> frozenset[str]:
        """Return the names of the findings of a target whose input was made shorter, or could not be."""
        with self.readers.connect() as connection:
            return frozenset(connection.scalars(select(findings.c.name).where(findings.c.harness == harness)))

    def to_replay(self, harness: str, version: str) -> list[tuple[str, str]]:
        """Return the tokens of findings of which it is not known whether they are in a version, and their inputs.

        Those that take too long or too much memory are left out, as are fixed ones.
        """
        best = func.coalesce(findings.c.minimized, findings.c.input)
        query = (
            select(findings.c.token, inputs.c.digest)
            .join(inputs, inputs.c.id == best)
            .where(
                findings.c.harness == harness,
                findings.c.version != version,
                findings.c.state != "fixed",
                findings.c.kind.not_in(("timeout", "out-of-memory")),
            )
        )
        with self.readers.connect() as connection:
            return [(row[0], row[1]) for row in connection.execute(query)]

    def add_findings(self, harness: str, found: Iterable[Finding], revision: str) -> list[str]:
        """Add findings from elsewhere; return the tokens of those that are new."""
        with self.engine.begin() as connection:
            return self._add_findings(connection, harness, storable(Result("", findings=tuple(found))), revision)

    def set_state(self, finding: int, state: str) -> None:
        """Say of a finding that it is known, fixed, or new again. Raises StoreError."""
        if state not in STATES:
            raise StoreError(f"{state!r} is no state of a finding: one of {', '.join(STATES)}")
        with self.engine.begin() as connection:
            done = connection.execute(update(findings).where(findings.c.id == finding).values(state=state))
            if not done.rowcount:
                raise StoreError(f"there is no finding {finding}")

    def set_states(self, harness: str, states: Mapping[str, str]) -> None:
        """Set the states of findings of a target, by token."""
        with self.engine.begin() as connection:
            for token, state in states.items():
                same = and_(findings.c.harness == harness, findings.c.token == token)
                connection.execute(update(findings).where(same).values(state=state))

    def _target(self, connection: Connection, harness: str, version: str, python: str) -> int:
        query = select(targets.c.id).where(targets.c.harness == harness, targets.c.version == version)
        found = connection.scalar(query)
        if found is None:
            now = self._now()
            row = {"harness": harness, "version": version, "python": python, "since": now, "used": now}
            connection.execute(insert_once(connection, targets).values(row).on_conflict_do_nothing())
            found = connection.scalar(query)
        assert found is not None
        return int(found)

    def _add_places(self, connection: Connection, target: int, rows: Iterable[Sequence[Any]]) -> None:
        values = [
            {
                "target": target,
                "place": signed(place),
                "file": storable_text(file),
                "line": line,
                "end_line": end_line,
                "function": storable_text(function),
                "seen": 0,
            }
            for place, file, line, end_line, function in rows
            if place
        ]
        if values:
            values.sort(key=lambda row: row["place"])
            connection.execute(insert_once(connection, places).on_conflict_do_nothing(), values)

    def _input_ids(self, connection: Connection, datas: Mapping[str, bytes]) -> dict[str, int]:
        """Return the numbers of inputs, which are added where they are not there."""
        now = self._now()
        known = held_inputs(connection, list(datas))
        new = sorted(datas.keys() - known)
        for digest in new:  # one by one: each may have megabytes
            row = {"digest": digest, "size": len(datas[digest]), "data": datas[digest], "since": now}
            connection.execute(insert_once(connection, inputs).on_conflict_do_nothing(), row)
        return {digest: held.id for digest, held in (known | held_inputs(connection, new)).items()}

    def _add_to_corpus(self, connection: Connection, harness: str, ids: Iterable[int], number: int | None) -> int:
        new = set(ids)
        for chunk in chunks(sorted(new)):
            query = select(corpus.c.input).where(corpus.c.harness == harness, corpus.c.input.in_(chunk))
            new.difference_update(connection.scalars(query))
        rows = [{"harness": harness, "input": each, "slice": number} for each in sorted(new)]
        if rows:
            connection.execute(insert_once(connection, corpus).on_conflict_do_nothing(), rows)
        return len(rows)

    def _add_measured(self, connection: Connection, target: int, held: Mapping[str, Held]) -> None:
        ids = sorted(each.id for each in held.values())
        rows = [{"target": target, "input": each} for each in ids]
        if rows:
            connection.execute(insert_once(connection, measured).on_conflict_do_nothing(), rows)

    def _add_reach(
        self,
        connection: Connection,
        target: int,
        reached: Mapping[str, Reach],
        held: Mapping[str, Held],
        number: int,
    ) -> tuple[int, int]:
        """Take in what inputs reach, of those that are held; return how much of it is new: features, and places."""
        best: dict[Feature, str] = {}
        for digest, rows in reached.items():
            for feature in rows:
                other = best.get(feature)
                if digest in held and (other is None or _rank(held, digest) < _rank(held, other)):
                    best[feature] = digest
        known: dict[Feature, int] = {}
        for chunk in chunks(sorted({signed(place) for place, _ in best})):
            query = select(reach.c.place, reach.c.hits, reach.c.size)
            query = query.where(reach.c.target == target, reach.c.place.in_(chunk))
            known |= {(unsigned(place), hits): size for place, hits, size in connection.execute(query)}
        known_places = {place for place, _ in known}
        now = self._now()
        rows_to_write = [
            {
                "target": target,
                "place": signed(feature[0]),
                "hits": feature[1],
                "input": held[digest].id,
                "size": held[digest].size,
                "slice": number,
                "since": now,
            }
            for feature, digest in sorted(best.items())
            if feature not in known or held[digest].size < known[feature]
        ]
        if rows_to_write:
            statement = insert_once(connection, reach)
            smaller = statement.on_conflict_do_update(
                index_elements=["target", "place", "hits"],
                set_={"input": statement.excluded.input, "size": statement.excluded.size},
                where=statement.excluded.size < reach.c.size,
            )
            connection.execute(smaller, rows_to_write)
        new = [feature for feature in best if feature not in known]
        return len(new), len({place for place, _ in new} - known_places)

    def _add_seen(self, connection: Connection, target: int, seen: Mapping[int, int]) -> None:
        rows = [{"at": signed(place), "more": min(times, SEEN_MAX)} for place, times in sorted(seen.items()) if times]
        if rows:
            total = places.c.seen + bindparam("more")
            statement = (
                update(places)
                .where(places.c.target == target, places.c.place == bindparam("at"), places.c.seen < SEEN_MAX)
                .values(seen=case((total > SEEN_MAX, SEEN_MAX), else_=total))
            )
            connection.execute(statement, rows)

    def _take_replays(self, connection: Connection, harness: str, result: Result) -> None:
        for tokens, values in ((result.fixed, {"state": "fixed"}), (result.present, {})):
            for token in tokens:
                same = and_(findings.c.harness == harness, findings.c.token == token)
                connection.execute(update(findings).where(same).values(version=result.version, **values))

    def _add_findings(self, connection: Connection, harness: str, result: Result, revision: str) -> list[str]:
        now, new = self._now(), []
        for finding in sorted(result.findings, key=lambda each: each.token):
            datas = [finding.input, *([finding.minimized] if finding.minimized is not None else [])]
            ids = self._input_ids(connection, {digest_of(data): data for data in datas})
            shorter = ids[digest_of(finding.minimized)] if finding.minimized is not None else None
            token = finding.token
            same = and_(findings.c.harness == harness, findings.c.token == token)
            known = connection.execute(select(findings.c.state, findings.c.minimized).where(same)).first()
            if known is None:
                row = {
                    "harness": harness,
                    "token": token,
                    "name": finding.name,
                    "kind": finding.kind,
                    "report": finding.report,
                    "input": ids[digest_of(finding.input)],
                    "minimized": shorter,
                    "state": "new",
                    "revision": revision,
                    "version": result.version,
                    "first_seen": now,
                    "last_seen": now,
                    "times": 1,
                }
                done = connection.execute(insert_once(connection, findings).values(row).on_conflict_do_nothing())
                new += [token] if done.rowcount else []
                continue
            values = {"last_seen": now, "times": findings.c.times + 1}
            if known.state == "fixed":
                values |= {"state": "reopened"}
                new.append(token)
            if known.minimized is None and shorter is not None:
                values |= {"minimized": shorter}
            connection.execute(update(findings).where(same).values(values))
        return new


def _rank(held: Mapping[str, Held], digest: str) -> tuple[int, str]:
    return held[digest].size, digest
